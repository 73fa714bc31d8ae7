package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A fullSink takes nothing.
type fullSink struct{ closed chan struct{} }

func (s fullSink) TryWritev([][]byte) (int, error) { return 0, nil }
func (s fullSink) Unacknowledged() int             { return 0 }

func (s fullSink) WaitWritable(time.Time) error {
	<-s.closed
	return net.ErrClosed
}

// A player that is about to end can't be redirected any more: it counts as nobody.
func TestRedirectTooLate(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.playOne("x")
	defer c.Close()
	player := s.only()
	until(t, "its player", func() bool { return player.player.Load() != nil })
	sink := fullSink{make(chan struct{})}
	defer close(sink.closed)
	stuck := player.newPlayer(sink, "live/x", 1)
	if err := s.hub.Play("live/x", stuck); err != nil {
		t.Fatal(err)
	}
	defer player.player.Swap(stuck).Leave()
	stuck.End(live.EndUnpublished)
	if err := player.redirectPlayer("live/x", "live/y"); !errors.Is(err, errElsewhere) || player.then != nil {
		t.Errorf("%v, %v", err, player.then)
	}
}

// However a redirect meets the end of its session, from whichever side, nobody stays behind.
func TestRedirectMeetsTheEnd(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	x := s.accept("x")
	defer x.Close()
	send(t, x, 0)
	for round := range 60 {
		c := s.playOne("x")
		until(t, "the player", func() bool { return len((local{s.Worker}).Clients()) == 2 })
		var both sync.WaitGroup
		both.Go(func() {
			for i := range 4 {
				_, _ = s.redirect(false, "x", "y")
				_, _ = s.redirect(false, "y", "x")
				if i == 0 {
					_ = x.WriteMessage(keyframeAt(uint32(round) * 40))
				}
			}
		})
		both.Go(func() {
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			switch round % 3 {
			case 0:
				_ = c.Close()
			case 1:
				_ = c.Unpublish(1)
			case 2:
				for _, m := range s.members() {
					if session, ok := m.(*session); ok && session.player.Load() != nil {
						kick(m)
					}
				}
			}
		})
		both.Wait()
		_ = c.Close()
		until(t, "its end", func() bool { return len(s.members()) == 1 })
		until(t, "nobody to be left in the hub", func() bool { // it is the last that a session leaves
			return !slices.ContainsFunc(s.hub.Streams(), func(i live.Info) bool { return i.Viewers != 0 })
		})
	}
}

// A redirect that comes to pass behind the end of its session leaves nobody behind.
func TestRedirectAfterTheEnd(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.playOne("x")
	player := s.only()
	until(t, "its player", func() bool { return player.player.Load() != nil })
	_ = c.Close()
	s.sessions.Wait()
	sink := fullSink{make(chan struct{})}
	defer close(sink.closed)
	player.then = &redirection{key: "live/y", player: player.newPlayer(sink, "live/y", 1)}
	player.ending = ""
	player.redirected()
	for _, i := range s.hub.Streams() {
		if i.Viewers != 0 {
			t.Errorf("%d players of %s", i.Viewers, i.Key)
		}
	}
}

// A server that stops ends a player that is on its way, too.
func TestRedirectMeetsTheShutdown(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	c := s.playOne("x")
	defer c.Close()
	player := s.only()
	until(t, "its player", func() bool { return player.player.Load() != nil })
	player.then = &redirection{key: "live/y"}
	player.then.player = player.newPlayer(nil, "live/y", 1)
	s.hub.Close(context.Background()) // ends the player in the usual way; the redirect comes too late
	player.redirected()
	if got := player.endedBy(); got != live.EndShutdown {
		t.Errorf("ended by %q", got)
	}
}

// A player that takes nothing is still found to be stalled if it is to be redirected meanwhile.
func TestRedirectStalled(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	s.start.Config.Live.StallTimeout = 500 * time.Millisecond
	s.hub = s.newHub(s.start.Config)
	x := s.accept("x")
	defer x.Close()
	c := s.playOne("x")
	defer c.Close()
	waits := func() bool {
		b := make([]byte, 1<<20)
		return strings.Contains(string(b[:runtime.Stack(b, true)]), "(*Player).awaitRoom(")
	}
	big := keyframeAt(0)
	big.Payload = append(big.Payload, make([]byte, 1<<20)...)
	until(t, "its socket to be full", func() bool {
		big.Timestamp += 40
		if err := x.WriteMessage(big); err != nil {
			t.Fatal(err)
		}
		return waits()
	})
	if n, err := s.redirect(false, "x", "y"); n != 1 || err != nil {
		t.Fatalf("%d moved, %v", n, err)
	}
	until(t, "its end", func() bool { return len(s.members()) == 1 })
}
