package live

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A drain takes everything, as a socket with room does.
type drain struct{ bytes atomic.Int64 }

func (d *drain) TryWritev(iov [][]byte) (int, error) {
	n := 0
	for _, b := range iov {
		n += len(b)
	}
	d.bytes.Add(int64(n))
	return n, nil
}

func (d *drain) WaitWritable(time.Time) error { return nil }
func (d *drain) Unacknowledged() int          { return 0 }

// until waits until so many bytes were taken.
func (d *drain) until(bytes int64) {
	for d.bytes.Load() < bytes {
		runtime.Gosched()
	}
}

// benchHub returns a hub, and the feed of its stream, which has a keyframe.
func benchHub(b *testing.B, change func(*Options)) (*Hub, *Feed) {
	b.Helper()
	o := testOptions()
	o.LogBytes = 4 << 20
	if change != nil {
		change(&o)
	}
	h := NewHub(o)
	f, err := h.Publish("live/x", "1")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		f.Detach()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.Close(ctx)
		h.Wait()
	})
	for _, m := range []*rtmp.Message{metadata(), videoHeader(), audioHeader(), key(0)} {
		if err := f.Append(m); err != nil {
			b.Fatal(err)
		}
	}
	return h, f
}

func benchPlay(b *testing.B, h *Hub, s Sink) *Player {
	b.Helper()
	p := NewPlayer(PlayOptions{Sink: s, StreamID: 1})
	if err := h.Play("live/x", p); err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkFanout is one message from the feed to all players, without the kernel: what is left is what we add to it.
func BenchmarkFanout(b *testing.B) {
	for _, players := range []int{0, 1, 100, 1000} {
		b.Run(fmt.Sprintf("players=%d", players), func(b *testing.B) {
			h, f := benchHub(b, nil)
			var d drain
			for range players {
				benchPlay(b, h, &d)
			}
			m := inter(0)
			size := int64(framedSize(Video, 0, m.Payload))
			deliver := func() {
				before := d.bytes.Load()
				if err := f.Append(m); err != nil {
					b.Fatal(err)
				}
				d.until(before + int64(players)*size)
			}
			for started := false; !started; runtime.Gosched() { // all have begun, and are settled
				started = h.senders[0].players == players
			}
			time.Sleep(50 * time.Millisecond)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				deliver()
			}
		})
	}
}

// BenchmarkAppend is what the feed's goroutine does for a message: read it, frame it once, put it into the log.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			_, f := benchHub(b, nil)
			m := inter(0)
			m.Payload = append(m.Payload[:5], make([]byte, size-5)...)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				m.Timestamp += 40
				if err := f.Append(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFlush is one flush of a player on a TCP connection whose peer reads all, by how much it is.
func BenchmarkFlush(b *testing.B) {
	for _, size := range []int{2 << 10, 12 << 10, 40 << 10, 75 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			sink := benchSocket(b)
			payload := make([]byte, size)
			iov := make([][]byte, 1)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for left := payload; len(left) > 0; {
					iov[0] = left
					n, err := sink.TryWritev(iov)
					if n == 0 && err == nil {
						err = sink.WaitWritable(time.Now().Add(time.Minute))
					}
					if err != nil {
						b.Fatal(err)
					}
					left = left[n:]
				}
			}
		})
	}
}

// benchSocket returns a sink whose peer reads all.
func benchSocket(b *testing.B) Sink {
	b.Helper()
	server, client := openPair(b, "tcp")
	go func() {
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{client}, make([]byte, 256<<10))
	}()
	s, err := NewSink(server)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkJoin is a player that comes, gets headers and a GOP, and leaves.
func BenchmarkJoin(b *testing.B) {
	for _, players := range []int{0, 1000} {
		b.Run(fmt.Sprintf("beside=%d", players), func(b *testing.B) {
			h, f := benchHub(b, nil)
			for range 60 {
				if err := f.Append(inter(0)); err != nil {
					b.Fatal(err)
				}
			}
			var beside, d drain
			for range players {
				benchPlay(b, h, &beside)
			}
			benchPlay(b, h, &d)
			d.until(1)
			gop := d.bytes.Load()
			b.SetBytes(gop)
			b.ReportAllocs()
			for b.Loop() {
				before := d.bytes.Load()
				p := benchPlay(b, h, &d)
				d.until(before + gop)
				p.Leave()
			}
		})
	}
}
