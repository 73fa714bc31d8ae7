package worker

import (
	"fmt"
	"net"
	"time"
)

// A sharedGate is a listener that can stop taking connections for a while, as a gate is, but of a socket that all workers accept on: one that systemd
// listens on for us. That socket must stay as it is: what it does, it does to the others too. So a sharedGate only stops to accept, and leaves what waits
// in the queue to them; where none accepts, to whoever opens first, or to the next server.
type sharedGate struct {
	net.Listener // static, as is what follows
	accepts      interface{ SetDeadline(t time.Time) error }

	shutter
}

// newSharedGate returns the gate of a listener, which is open.
func newSharedGate(l net.Listener) (*sharedGate, error) {
	accepts, ok := l.(interface{ SetDeadline(t time.Time) error })
	if !ok {
		return nil, fmt.Errorf("worker: a listener of %s can't be shared: accepting can't be interrupted", l.Addr().Network())
	}
	return &sharedGate{Listener: l, accepts: accepts}, nil
}

// Accept implements net.Listener. While the gate is shut, it waits.
func (g *sharedGate) Accept() (net.Conn, error) { return g.accept(g.Listener) }

// set shuts or opens the gate. When it returns, at most the connection is accepted that is being accepted.
func (g *sharedGate) set(open bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || open == (g.shut == nil) {
		return nil
	}
	if open {
		if err := g.accepts.SetDeadline(time.Time{}); err != nil {
			return err
		}
		g.release()
		return nil
	}
	if err := g.accepts.SetDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	g.shut = make(chan struct{})
	g.turns++
	return nil
}

// release lets go on whoever waits for the gate to open. Called with mu held, of a gate that is shut.
func (g *sharedGate) release() {
	close(g.shut)
	g.shut = nil
}

// Close implements net.Listener. The socket goes on listening, for the others.
func (g *sharedGate) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.Listener.Close() // before those who wait go on: else they would find that it is shut
	if !g.closed && g.shut != nil {
		g.release()
	}
	g.closed = true
	return err
}
