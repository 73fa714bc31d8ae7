package transport

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// newHub returns a hub that forgets nothing and is in no hurry, unless the test says so.
func newHub(t testing.TB, change func(*live.Options)) *live.Hub {
	t.Helper()
	o := live.Options{Bounds: live.Bounds{
		GOPCache: true, RepublishWait: time.Hour, PlayWait: time.Hour, StallTimeout: time.Hour, Linger: time.Hour,
		MaxLag: time.Hour, LogBytes: 1 << 30, LogDuration: time.Hour,
	}}
	if change != nil {
		change(&o)
	}
	h := live.NewHub(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.Close(ctx)
		h.Wait()
	})
	return h
}

func keyframe(timestamp uint32, size int) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: timestamp, Payload: append([]byte{0x17, 1, 0, 0, 0}, make([]byte, size)...)}
}

// feed appends a message, and returns how many bytes it is to players.
func feed(t testing.TB, f *live.Feed, m *rtmp.Message) int {
	t.Helper()
	if err := f.Append(m); err != nil {
		t.Fatal(err)
	}
	return len(rtmp.AppendMessage(nil, rtmp.CSIDFor(m.Type), rtmp.DefaultChunkSize, m))
}

func publish(t testing.TB, h *live.Hub) *live.Feed {
	t.Helper()
	f, err := h.Publish("live/x", "1")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A viewer is a player with its connection.
type viewer struct {
	*live.Player
	conn  *Conn
	ended chan live.EndReason
}

func play(t testing.TB, h *live.Hub, c *Conn) *viewer {
	t.Helper()
	v := &viewer{conn: c, ended: make(chan live.EndReason, 1)}
	v.Player = live.NewPlayer(live.PlayOptions{
		Sink: playerOf(t, c).sink, StreamID: 1, Ended: func(r live.EndReason) { v.ended <- r },
	})
	if err := h.Play("live/x", v.Player); err != nil {
		t.Fatal(err)
	}
	return v
}

// get waits until the player has been sent so much.
func (v *viewer) get(t testing.TB, total int) {
	t.Helper()
	eventually(t, "the player has it", func() bool { return v.Sent() == uint64(total) })
}

// TestHubSameBytes: players with and without TLS, fast and slow, get the same.
func TestHubSameBytes(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil)
	var viewers []*viewer
	var got []chan []byte
	for i, kind := range []string{"plain", "tls", "tls"} {
		conn, client := narrowConn(t, kind)
		all := make(chan []byte, 1)
		step := []int{32 << 10, 32 << 10, 500}[i]
		go func() {
			var b bytes.Buffer
			if _, err := io.CopyBuffer(struct{ io.Writer }{&b}, struct{ io.Reader }{client}, make([]byte, step)); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			all <- b.Bytes()
		}()
		viewers, got = append(viewers, play(t, h, conn)), append(got, all)
	}
	f, rnd := publish(t, h), rand.New(rand.NewPCG(3, 4))
	total := 0
	for i := range uint32(2000) {
		m := keyframe(i*40, 1<<rnd.IntN(16))
		for j := range m.Payload[5:] {
			m.Payload[5+j] = byte(rnd.Uint32())
		}
		total += feed(t, f, m)
		if i == 0 { // they start together
			for _, v := range viewers {
				v.get(t, total)
			}
		}
	}
	for _, v := range viewers {
		v.get(t, total)
	}
	h.Close(t.Context())
	var want []byte
	for i, v := range viewers {
		if r := <-v.ended; r != live.EndShutdown {
			t.Errorf("viewer %d ended by %q", i, r)
		}
		eventually(t, "there is room for the end", func() bool { return v.conn.outstanding() == 0 })
		if err := v.conn.CloseWrite(); err != nil {
			t.Error(err)
		}
		b := <-got[i]
		if want == nil {
			want = b
		}
		if len(b) != total || !bytes.Equal(b, want) {
			t.Errorf("viewer %d got %d bytes of %d, or others than the first", i, len(b), total)
		}
	}
}

// outstanding is what the client has not taken yet.
func (c *Conn) outstanding() int {
	if c.tls != nil {
		return c.wire.holds() + c.wire.socket.Unacknowledged()
	}
	s, err := live.NewSink(c.nc)
	if err != nil {
		return -1
	}
	return s.Unacknowledged()
}

// TestHubStalledPlayerDelaysNobody: each message reaches the others though one player over TLS takes nothing; it would end never.
func TestHubStalledPlayerDelaysNobody(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil)
	stalledConn, _ := narrowConn(t, "tls")
	stalled := play(t, h, stalledConn)
	var others []*viewer
	for _, kind := range []string{"plain", "tls"} {
		conn, client := narrowConn(t, kind)
		go func() { _, _ = io.Copy(io.Discard, client) }()
		others = append(others, play(t, h, conn))
	}
	f := publish(t, h)
	total := 0
	for i := range uint32(300) {
		total += feed(t, f, keyframe(i*40, 5000))
		for _, v := range others {
			v.get(t, total)
		}
	}
	if stalled.Sent() >= uint64(total) || stalledConn.wire.holds() == 0 {
		t.Errorf("the stalled player got %d bytes of %d", stalled.Sent(), total)
	}
	select {
	case r := <-stalled.ended:
		t.Errorf("the stalled player ended by %q", r)
	default:
	}
}

func TestHubEndsStalledPlayer(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "tls"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, func(o *live.Options) { o.StallTimeout = 100 * time.Millisecond })
			conn, _ := narrowConn(t, kind)
			v, f := play(t, h, conn), publish(t, h)
			v.get(t, feed(t, f, keyframe(0, 5000))) // it has begun: else it would start at the last
			for i := range uint32(100) {
				feed(t, f, keyframe(i*40, 5000))
			}
			select {
			case r := <-v.ended:
				if r != live.EndStalled {
					t.Errorf("ended by %q", r)
				}
			case <-time.After(patience):
				t.Error("it goes on")
			}
		})
	}
}
