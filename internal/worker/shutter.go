package worker

import (
	"net"
	"sync"
)

// A shutter is what gates have in common: while it is shut, who accepts waits.
type shutter struct {
	mu     sync.Mutex
	shut   chan struct{} // closed when the gate opens again, or ends; nil while it is open; guarded by mu, as is what follows
	turns  int           // how often it was shut
	closed bool
}

// accept accepts from a listener whose Accept fails when the gate is shut.
func (s *shutter) accept(l net.Listener) (net.Conn, error) {
	for {
		opens, before := s.state()
		if opens != nil {
			<-opens
			continue
		}
		nc, err := l.Accept()
		if err == nil {
			return nc, nil
		}
		if opens, turns := s.state(); opens == nil && turns == before { // else it failed because the gate was shut, if only for a moment
			return nil, err
		}
	}
}

// state returns what closes when the gate is no longer shut, or nil if it isn't, and how often it was.
func (s *shutter) state() (opens <-chan struct{}, turns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut, s.turns
}
