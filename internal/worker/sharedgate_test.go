package worker

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// A side is one worker's gate of a socket that several share. It tells whoever comes in which one it is.
type side struct {
	*sharedGate
	name     byte
	accepted atomic.Int64
	done     chan struct{} // with err
	err      error
}

// newSides makes gates of one socket; none accepts yet.
func newSides(t *testing.T, a multiport.Addr, n int) []*side {
	t.Helper()
	f, err := multiport.Listen(a, multiport.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	sides := make([]*side, n)
	for i := range sides {
		l, err := multiport.Listener(f)
		if err != nil {
			t.Fatal(err)
		}
		g, err := newSharedGate(l)
		if err != nil {
			t.Fatal(err)
		}
		sides[i] = &side{sharedGate: g, name: byte(i), done: make(chan struct{})}
		t.Cleanup(func() { _ = g.Close() })
	}
	return sides
}

// serve accepts until the gate is closed.
func (s *side) serve() {
	go func() {
		defer close(s.done)
		for {
			nc, err := s.Accept()
			if err != nil {
				s.err = err
				return
			}
			s.accepted.Add(1)
			_, _ = nc.Write([]byte{s.name})
			nc.Close()
		}
	}()
}

func (s *side) set(t *testing.T, open bool) {
	t.Helper()
	if err := s.sharedGate.set(open); err != nil {
		t.Fatal(err)
	}
}

// enter connects, and returns which side it came in by.
func enter(t *testing.T, addr net.Addr) byte {
	t.Helper()
	nc := knock(t, addr)
	defer nc.Close()
	return nameOf(t, nc)
}

// knock connects, and goes on whether somebody accepts or not.
func knock(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	nc, err := net.DialTimeout(addr.Network(), addr.String(), gateTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func nameOf(t *testing.T, nc net.Conn) byte {
	t.Helper()
	_ = nc.SetDeadline(time.Now().Add(gateTime))
	name := make([]byte, 1)
	if _, err := io.ReadFull(nc, name); err != nil {
		t.Fatal(err)
	}
	return name[0]
}

// sharedAddresses are what systemd can listen on.
func sharedAddresses(t *testing.T) map[string]multiport.Addr {
	return map[string]multiport.Addr{
		"TCP": {Network: multiport.TCP, Host: "127.0.0.1"}, "unix": {Network: multiport.Unix, Path: t.TempDir() + "/s"},
	}
}

// Whoever comes while one worker's gate is shut gets in by the other's, however often they take turns, and nobody is refused.
func TestSharedGateLeavesThemToOthers(t *testing.T) {
	t.Parallel()
	for name, a := range sharedAddresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sides := newSides(t, a, 2)
			for _, s := range sides {
				s.serve()
			}
			for turn := range 4 {
				shut, open := sides[turn%2], sides[1-turn%2]
				open.set(t, true)
				shut.set(t, false)
				shut.set(t, false)    // twice does nothing
				enter(t, shut.Addr()) // whoever it was accepting just then
				before := shut.accepted.Load()
				for range 100 {
					if enter(t, shut.Addr()) != open.name {
						t.Fatal("through a gate that is shut")
					}
				}
				if n := shut.accepted.Load() - before; n != 0 {
					t.Errorf("%d connections through a gate that is shut", n)
				}
			}
		})
	}
}

// What waits while all gates are shut is not refused: whoever opens first gets it.
func TestSharedGateKeepsTheQueue(t *testing.T) {
	t.Parallel()
	for name, a := range sharedAddresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sides := newSides(t, a, 2)
			for _, s := range sides {
				s.set(t, false)
				s.serve()
			}
			first, second := knock(t, sides[0].Addr()), knock(t, sides[0].Addr())
			if err := sides[0].Close(); err != nil {
				t.Fatal(err)
			}
			sides[1].set(t, true)
			for _, nc := range []net.Conn{first, second, knock(t, sides[1].Addr())} {
				if nameOf(t, nc) != sides[1].name {
					t.Error("through a gate that is closed")
				}
			}
		})
	}
}

// Closing a gate, open or shut, ends who accepts there; the socket takes connections for the others, and goes on listening when the last has gone.
func TestSharedGateClosed(t *testing.T) {
	t.Parallel()
	for _, open := range []bool{true, false} {
		sides := newSides(t, multiport.Addr{Network: multiport.TCP, Host: "127.0.0.1"}, 2)
		for _, s := range sides {
			s.serve()
		}
		sides[0].set(t, open)
		for i, s := range sides {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-s.done:
			case <-time.After(gateTime):
				t.Fatal("Accept goes on")
			}
			if !errors.Is(s.err, net.ErrClosed) {
				t.Errorf("Accept: %v", s.err)
			}
			s.set(t, true) // does nothing any more
			if i == 0 && enter(t, s.Addr()) != sides[1].name {
				t.Error("through a gate that is closed")
			}
		}
		knock(t, sides[0].Addr()) // the file of the master holds the socket
	}
}

// A listener that can't be interrupted has no such gate.
func TestSharedGateNeedsDeadlines(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if _, err := newSharedGate(struct{ net.Listener }{l}); err == nil {
		t.Error("it has one")
	}
}

// Who accepts at a gate that is closed while it is shut learns that it is closed, and nothing else: that would be logged.
func TestSharedGateClosedWhileShut(t *testing.T) {
	t.Parallel()
	s := newSides(t, multiport.Addr{Network: multiport.TCP, Host: "127.0.0.1"}, 1)[0]
	s.Listener = slowToClose{s.Listener}
	s.serve()
	s.set(t, false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-s.done
	if !errors.Is(s.err, net.ErrClosed) {
		t.Error(s.err)
	}
}

// A slowToClose leaves others the time to come in between.
type slowToClose struct{ net.Listener }

// Close implements net.Listener.
func (l slowToClose) Close() error {
	time.Sleep(50 * time.Millisecond)
	return l.Listener.Close()
}
