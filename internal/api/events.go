package api

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	eventInterval  = time.Second
	eventListeners = 64 // consoles open on one worker
)

var (
	errEventsFull   = errors.New("too many event streams are open on this worker: try again when one has ended, or through another worker")
	errEventsClosed = errors.New("the server is shutting down")
)

// An eventHub asks for the state of the server once a second and hands it to everybody who listens. While nobody does, it asks nothing.
type eventHub struct {
	poll func(context.Context) []byte // static; nil is no state, and changes nothing

	closing chan struct{} // closed by close
	pollers sync.WaitGroup

	mu        sync.Mutex // guards what follows
	closed    bool
	listeners map[*eventListener]struct{}
	stop      context.CancelFunc // ends the poller; nil while there is none
	newest    []byte             // what the poller found last; nil before that
}

// An eventListener is one console. Of states that it is too slow for, it gets the newest alone.
type eventListener struct {
	states chan []byte // holds one; shared with the other listeners, so not to be changed
}

func newEventHub(poll func(context.Context) []byte) *eventHub {
	return &eventHub{poll: poll, closing: make(chan struct{}), listeners: make(map[*eventListener]struct{})}
}

// join adds a listener. It has the newest state at once, if there is one.
func (h *eventHub) join() (*eventListener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, errEventsClosed
	case len(h.listeners) >= eventListeners:
		return nil, errEventsFull
	}
	l := &eventListener{states: make(chan []byte, 1)}
	h.listeners[l] = struct{}{}
	if h.newest != nil {
		l.states <- h.newest
	}
	if h.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		h.stop = cancel
		h.pollers.Go(func() { h.run(ctx) })
	}
	return l, nil
}

// leave removes a listener; the last one ends the poller.
func (h *eventHub) leave(l *eventListener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners, l)
	if len(h.listeners) == 0 {
		h.rest()
	}
}

// rest ends the poller, with mu held. What it found is out of date for whoever comes next.
func (h *eventHub) rest() {
	if h.stop != nil {
		h.stop()
	}
	h.stop, h.newest = nil, nil
}

// run asks until ctx ends. A worker that does not answer makes it take longer than the interval; then it asks again at once.
func (h *eventHub) run(ctx context.Context) {
	tick := time.NewTicker(eventInterval)
	defer tick.Stop()
	for {
		if state := h.poll(ctx); state != nil && !h.publish(ctx, state) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// publish hands a state to the listeners, unless ctx has ended: then they are another poller's.
func (h *eventHub) publish(ctx context.Context, state []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	h.newest = state
	for l := range h.listeners {
		select {
		case <-l.states: // it has not taken the last one yet
		default:
		}
		l.states <- state
	}
	return true
}

// close ends all event streams and waits for the poller.
func (h *eventHub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.closing)
	}
	h.rest()
	h.mu.Unlock()
	h.pollers.Wait()
}

// Close ends the event streams, and has new ones refused. http.Server.Shutdown waits for them otherwise: let it call this.
func (a *API) Close() { a.hub.close() }
