package worker

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// playOne plays a name of the app "live" over a connection of its own.
func (s *served) playOne(name string) *rtmp.ClientConn {
	s.t.Helper()
	ours, theirs := tcpPair(s.t)
	s.run(transport.Wrap(ours, false, &transport.Options{}), &listener{}, func() {})
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	c, err := rtmp.NewClient(ctx, &heard{Conn: theirs, to: &s.heard}, rtmp.ConnectRequest{App: "live"}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := c.Play(ctx, name); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// A heard connection keeps what it reads.
type heard struct {
	net.Conn
	to *lockedLog
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	_, _ = h.to.Write(b[:n])
	return n, err
}

// keyframeAt is a message on stream 1.
func keyframeAt(timestamp uint32) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Timestamp: timestamp, Payload: []byte{0x17, 1, 0, 0, 0, 9, 9}}
}

func send(t *testing.T, c *rtmp.ClientConn, timestamp uint32) {
	t.Helper()
	if err := c.WriteMessage(keyframeAt(timestamp)); err != nil {
		t.Fatal(err)
	}
}

// redirect moves those who publish, or those who play, from one stream to another.
func (s *served) redirect(publishers bool, from, to string) (int, error) {
	var clients []api.Client
	for _, c := range (local{s.Worker}).Clients() {
		if c.Publishes == publishers && c.Name == from {
			clients = append(clients, c)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	return local{s.Worker}.Redirect(ctx, clients, to)
}

// A publisher that says nothing is not moved, nor later; the name that it was to have stays free.
func TestRedirectSilentPublisher(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.accept("x")
	defer c.Close()
	if n, err := s.redirect(true, "x", "y"); n != 0 || !errors.Is(err, errSilent) {
		t.Errorf("%d moved, %v", n, err)
	}
	send(t, c, 0)
	until(t, "its message", func() bool { return s.only().messages.Load() == 1 })
	if s.publication("live/x") == nil || s.publication("live/y") != nil {
		t.Error("it was moved")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n, err := s.redirect(true, "x", "y"); n != 1 || err != nil {
			t.Errorf("%d moved, %v", n, err)
		}
	}()
	until(t, "the order", func() bool { return s.only().moving.Load() != nil })
	send(t, c, 40)
	<-done
	if s.publication("live/x") != nil || s.publication("live/y") == nil || s.only().stream != "live/y" {
		t.Error("it was not moved")
	}
	if _, live, _ := s.zone.Lookup("live/x"); live {
		t.Error("the old name is still taken")
	}
}

// A worker that was stopped finds the publisher's message and the end of the order at the same time: it is too late to move.
func TestRedirectPublisherTooLate(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.accept("x")
	defer c.Close()
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	m, err := s.only().orderMove(ctx, "live/x", "live/y")
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, 0)
	if err := <-m.done; !errors.Is(err, errSilent) {
		t.Error(err)
	}
	if s.publication("live/x") == nil || s.publication("live/y") != nil {
		t.Error("it was moved")
	}
}

// A name that somebody has, here or elsewhere, or that is none, is refused, and nothing changes.
func TestRedirectPublisherRefused(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.accept("x")
	defer c.Close()
	if _, err := s.sibling.Claim("live/theirs"); err != nil {
		t.Fatal(err)
	}
	other := s.accept("ours")
	defer other.Close()
	for name, want := range map[string]string{"theirs": "published already", "ours": "published already", "..": "name", "": "name"} {
		stop := make(chan struct{})
		var sending sync.WaitGroup
		sending.Go(func() {
			for ts := uint32(0); ; ts += 40 {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					_ = c.WriteMessage(keyframeAt(ts))
				}
			}
		})
		n, err := s.redirect(true, "x", name)
		close(stop)
		sending.Wait()
		if n != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("to %q: %d moved, %v", name, n, err)
		}
		if p := s.publication("live/x"); p == nil || s.publication("live/ours") == p {
			t.Fatalf("to %q: it is no longer live/x", name)
		}
	}
	if n, err := s.redirect(true, "x", "x"); n != 1 || err != nil {
		t.Errorf("to itself: %d moved, %v", n, err)
	}
}

// Who does something else by now is left alone.
func TestRedirectElsewhere(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.playOne("x")
	defer c.Close()
	clients := local{s.Worker}.Clients()
	if len(clients) != 1 || clients[0].Publishes || clients[0].Name != "x" {
		t.Fatalf("clients %+v", clients)
	}
	clients[0].Name = "other"
	if n, err := (local{s.Worker}).Redirect(t.Context(), clients, "y"); n != 0 || !errors.Is(err, errElsewhere) {
		t.Errorf("%d moved, %v", n, err)
	}
	clients[0].Publishes = true
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if n, err := (local{s.Worker}).Redirect(ctx, clients, "y"); n != 0 || err == nil {
		t.Errorf("%d moved, %v", n, err)
	}
}

// What a session counts goes on with the next stream, and the next stream has what it is.
func TestRedirectCounts(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	x, y := s.accept("x"), s.accept("y")
	defer x.Close()
	defer y.Close()
	c := s.playOne("x")
	defer c.Close()
	send(t, x, 0)
	got := func() api.Session {
		for _, session := range (local{s.Worker}).Sessions() {
			if session.Role == "player" {
				return session
			}
		}
		t.Fatal("no player")
		return api.Session{}
	}
	until(t, "a frame", func() bool { return got().Frames == 1 })
	before := got()
	if n, err := s.redirect(false, "x", "y"); n != 1 || err != nil {
		t.Fatalf("%d moved, %v", n, err)
	}
	until(t, "the new stream", func() bool { return got().Name == "y" && got().State == "waiting" })
	send(t, y, 0)
	until(t, "a frame", func() bool { return got().Frames == 2 })
	if after := got(); after.ID != before.ID || after.BytesOut <= before.BytesOut || after.State != "playing" {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if plays := s.counted("rtmpedge_plays_total"); len(plays) != 0 {
		t.Errorf("a play is counted that is not over: %v", plays)
	}
}

// What the session says goes to the player that it has now: at first that a stream begins, later anything.
func TestRedirectWords(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.playOne("x")
	defer c.Close()
	go func() {
		for {
			if _, err := c.Next(); err != nil {
				return
			}
		}
	}()
	player := s.only()
	until(t, "its player", func() bool { return player.player.Load() != nil })
	s.heard.take()
	if n, err := s.redirect(false, "x", "y"); n != 1 || err != nil {
		t.Fatalf("%d moved, %v", n, err)
	}
	var said string
	until(t, "its first words", func() bool {
		said += s.heard.take()
		return strings.Contains(said, rtmp.CodePlayStart)
	})
	if begin := strings.Index(said, string(streamBegin(1))); begin < 0 || begin > strings.Index(said, rtmp.CodePlayReset) {
		t.Errorf("no stream begins in %q", said)
	}
	if err := player.conn.WriteStatus(1, rtmp.Status{Code: "Later"}); err != nil {
		t.Fatal(err)
	}
	until(t, "what is said later", func() bool { return strings.Contains(s.heard.take(), "Later") })
}

// Who publishes beside, or tries to, is still found by the stream that it plays.
func TestRedirectPlayerThatPublishes(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	if _, err := s.sibling.Claim("live/theirs"); err != nil {
		t.Fatal(err)
	}
	c := s.playOne("x")
	defer c.Close()
	until(t, "its player", func() bool { return s.only().player.Load() != nil })
	if _, err := c.Publish(t.Context(), "theirs"); err == nil {
		t.Fatal("it has a name that is taken")
	}
	if n, err := s.redirect(false, "x", "y"); n != 1 || err != nil {
		t.Errorf("refused: %d moved, %v", n, err)
	}
	id, err := c.Publish(t.Context(), "own")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for ; ; time.Sleep(5 * time.Millisecond) {
			select {
			case <-stop:
				return
			default:
				m := keyframeAt(0)
				m.StreamID = id
				_ = c.WriteMessage(m)
			}
		}
	})
	if n, err := s.redirect(true, "own", "other"); n != 1 || err != nil {
		t.Errorf("what it publishes: %d moved, %v", n, err)
	}
	close(stop)
	sending.Wait()
	if n := (local{s.Worker}).KickPlayers("live", "y"); n != 1 {
		t.Errorf("%d players ended", n)
	}
}

// However many are not moved, one reason is enough.
func TestRedirectManyRefused(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.playOne("x")
	defer c.Close()
	clients := local{s.Worker}.Clients()
	for range 4 {
		clients = append(clients, clients...)
	}
	n, err := local{s.Worker}.Redirect(t.Context(), clients, "..")
	if n != 0 || err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%d moved, %v", n, err)
	}
}
