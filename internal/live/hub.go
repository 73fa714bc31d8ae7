package live

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Hub holds a worker's streams by their keys (app/name).
type Hub struct {
	opts    Options // but for the bounds
	bounds  atomic.Pointer[Bounds]
	clock   clock
	senders []*sender
	wg      sync.WaitGroup

	mu      sync.Mutex
	streams map[string]*Stream
	made    uint64 // streams that there ever were
	closing bool
	emptied chan struct{} // closed when closing and no player is left
}

// NewHub returns a hub without streams.
func NewHub(o Options) *Hub {
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Flush == nil {
		o.Flush = func(string) Flush { return Flush{} }
	}
	h := &Hub{opts: o, clock: clock{time.Now()}, streams: map[string]*Stream{}, emptied: make(chan struct{})}
	h.bounds.Store(&o.Bounds)
	for range max(1, o.Senders) {
		h.senders = append(h.senders, newSender(h))
	}
	return h
}

// SetBounds changes the bounds. Waits that have begun end as they would have.
func (h *Hub) SetBounds(b Bounds) { h.bounds.Store(&b) }

// stream returns a stream, made if need be, locked. Called with mu held.
func (h *Hub) stream(key string) *Stream {
	s := h.streams[key]
	if s == nil {
		s = &Stream{hub: h, key: key, flush: h.opts.Flush(key), headers: &headers{}, players: map[*Player]struct{}{}, since: time.Now()}
		h.made++
		s.number = h.made
		h.streams[key] = s
	}
	s.mu.Lock()
	return s
}

// Publish attaches a publisher's feed. A relay that feeds the stream gives way. The id names the publication: relays carry it.
func (h *Hub) Publish(key, id string) (*Feed, error) { return h.attach(key, id, false) }

// Relay attaches the feed of a relay from the worker where the publication id is. It gives way to a local publisher.
func (h *Hub) Relay(key, id string) (*Feed, error) { return h.attach(key, id, true) }

func (h *Hub) attach(key, id string, relay bool) (*Feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return nil, ErrClosed
	}
	s := h.stream(key)
	defer s.mu.Unlock()
	return s.attach(id, relay)
}

func (h *Hub) detach(f *Feed, within time.Duration, r EndReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := f.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed != f {
		return
	}
	s.feed = nil
	s.lost(within, r)
	h.release(s)
}

// Play adds a player to a stream. It is served at once, or when the stream is published.
func (h *Hub) Play(key string, p *Player) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return ErrClosed
	}
	s := h.stream(key)
	defer s.mu.Unlock()
	p.mu.Lock()
	p.stream, p.joined, p.sender = s, time.Now(), h.idlest()
	p.mu.Unlock()
	p.sender.players++
	s.join(p)
	return nil
}

// Gather returns how long who feeds should let messages gather. That is for a while, which ends together with others' like it; or, if that is longer,
// until the senders' next turns, where these are so far apart that it is for more than one message.
func (h *Hub) Gather(while time.Duration) time.Duration {
	for _, s := range h.senders {
		if tick := time.Duration(s.tick.Load()); tick >= maxTick {
			while = max(while, tick)
		}
	}
	if while == 0 {
		return 0
	}
	return pastTick(h.clock.now(), 0, while)
}

// idlest returns the sender with the fewest players. Called with mu held.
func (h *Hub) idlest() *sender {
	return slices.MinFunc(h.senders, func(a, b *sender) int { return a.players - b.players })
}

// leave takes a player off its stream's list.
func (h *Hub) leave(p *Player) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.players[p]; !ok {
		return
	}
	delete(s.players, p)
	p.sender.players--
	if !p.opts.Relay {
		s.viewers--
		if s.viewers == 0 {
			s.stopDemandSoon()
		}
	}
	h.release(s)
}

// drop ends a player from the fan-out's side.
func (h *Hub) drop(p *Player, r EndReason) {
	h.leave(p)
	p.ended(r)
}

func (h *Hub) demandEnded(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.demand = nil
	if s.idle != nil {
		s.idle.Stop()
		s.idle = nil
	}
	if s.viewers > 0 { // one came while it ended
		s.startDemand()
	}
	h.release(s)
}

// release forgets a stream that nobody needs. Called with mu and s.mu held.
func (h *Hub) release(s *Stream) {
	if len(s.players) == 0 && s.feed == nil && s.demand == nil && h.streams[s.key] == s {
		if s.outage != nil {
			s.outage.Stop()
		}
		delete(h.streams, s.key)
		if h.opts.Gone != nil {
			h.opts.Gone(s.tell())
		}
	}
	h.noteEmpty()
}

// noteEmpty tells Close when the last player has gone. Called with mu held, which guards the length of players too: streams may be locked by
// the caller.
func (h *Hub) noteEmpty() {
	if !h.closing {
		return
	}
	for _, s := range h.streams {
		if len(s.players) > 0 {
			return
		}
	}
	select {
	case <-h.emptied:
	default:
		close(h.emptied)
	}
}

// Streams tells of all streams, in no order.
func (h *Hub) Streams() []Info {
	h.mu.Lock()
	all := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	h.mu.Unlock()
	out := make([]Info, len(all))
	for i, s := range all {
		out[i] = s.info()
	}
	return out
}

// Close tells all players the end, waits until they have it or ctx ends, and drops the rest. No feed or player can be added any more.
func (h *Hub) Close(ctx context.Context) {
	h.mu.Lock()
	h.closing = true
	var all []*Player
	for _, s := range h.streams {
		s.mu.Lock()
		for p := range s.players {
			all = append(all, p)
		}
		if s.demand != nil {
			s.demand()
		}
		if s.outage != nil {
			s.outage.Stop()
		}
		h.release(s)
		s.mu.Unlock()
	}
	h.noteEmpty()
	h.mu.Unlock()
	for _, p := range all {
		p.finish(EndShutdown)
	}
	select {
	case <-h.emptied:
	case <-ctx.Done():
	}
	for _, p := range all {
		p.leaving.Store(true)
		h.drop(p, EndShutdown)
		p.ask()
	}
}

// Wait returns when no goroutine of the hub runs any more. Only after Close.
func (h *Hub) Wait() { h.wg.Wait() }
