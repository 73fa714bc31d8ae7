package live

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A sender serves its share of the hub's players, from one goroutine that runs as long as it has any.
//
// Who has just come, asks for something or gets a keyframe is served at once. All others are served in turn, in rings: see [ring].
type sender struct {
	hub  *Hub
	wake chan struct{} // capacity 1: there is something to do

	players int // guarded by Hub.mu

	mu      sync.Mutex
	ready   []*Player // came, or are no longer blocked
	calling []*Player // ask for something
	hurried []*group  // got a packet that does not wait
	blocked int       // players that wait for room, outside
	running bool

	// Owned by the sender's goroutine.
	rings    []*ring
	come     []*Player // of ready, those to be looked at yet
	asked    []*Player // of calling, likewise
	urgent   []*group  // of hurried, those to be looked at yet
	stream   *Stream   // what view is of; nil without one
	view     view
	batch    batch
	turns    uint
	served   uint
	patience patience

	tick atomic.Int64 // nanoseconds between turns; 0 if nothing gathers, or there are no players
}

func newSender(h *Hub) *sender { return &sender{hub: h, wake: make(chan struct{}, 1)} }

// add takes on a player, which came, or is no longer blocked.
func (s *sender) add(p *Player) {
	s.mu.Lock()
	s.ready = append(s.ready, p)
	if !s.running {
		s.running = true
		s.hub.wg.Go(s.run)
	}
	s.mu.Unlock()
	s.poke()
}

// call has a player served soon. One that is blocked finds out by itself.
func (s *sender) call(p *Player) {
	if p.called.Swap(true) {
		return
	}
	s.mu.Lock()
	running := s.running
	if running {
		s.calling = append(s.calling, p)
	} else {
		p.called.Store(false) // it has no players: this one is gone, or comes
	}
	s.mu.Unlock()
	if running {
		s.poke()
	}
}

// hurry has the players of a group get a packet that does not wait: a keyframe, or any where packets don't gather.
func (s *sender) hurry(g *group) {
	if g.called.Swap(true) {
		return
	}
	s.mu.Lock()
	s.hurried = append(s.hurried, g)
	s.mu.Unlock()
	s.poke()
}

// poke makes the sender look what there is to do.
func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

const (
	// slice is for how long players are served in a row, before others get the processor and what came meanwhile is looked at.
	slice = int64(time.Millisecond)
	// nap is the pause between two slices when there is no time for a longer one: the scheduler looks after sockets that have something to read.
	nap = time.Microsecond
	// never is a pause without an end.
	never = time.Duration(math.MaxInt64)
)

// run is the sender's goroutine.
func (s *sender) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := s.work()
		var elapsed <-chan time.Time
		if wait == never {
			if s.deserted() {
				return
			}
		} else {
			timer.Reset(wait)
			elapsed = timer.C
		}
		select {
		case <-s.wake:
		case <-elapsed:
		}
	}
}

// work serves whom it is time to, for a slice at most, and returns how long there is nothing to do.
func (s *sender) work() (wait time.Duration) {
	begin := s.hub.clock.now()
	until := begin + slice
	s.collect()
	if wait = never; !s.attend(until) || !s.urge(until) {
		wait = nap
	}
	until = max(until, s.hub.clock.now()+slice/2) // those whose turn it is don't wait until all have come
	var most, tick time.Duration
	for _, r := range s.rings {
		wait = min(wait, r.turn(s, begin, until))
		most = max(most, r.flush.Max)
		tick = max(tick, tickOf(s.patience.interval(r.flush)))
	}
	s.tick.Store(int64(tick))
	s.lookAway()
	s.batch.reset() // keeps nothing alive
	s.patience.worked(begin, s.hub.clock.now(), most)
	return wait
}

// deserted ends the sender if nobody can come back to it: the next player starts it again.
func (s *sender) deserted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rings) > 0 || len(s.ready) > 0 || s.blocked > 0 {
		return false // who blocks comes back, or pokes
	}
	s.running = false
	s.tick.Store(0)
	return true
}

// collect takes over what others left for the sender.
func (s *sender) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.come, s.ready = moved(s.come, s.ready)
	s.asked, s.calling = moved(s.asked, s.calling)
	for _, g := range s.hurried {
		g.called.Store(false)
		if g.urgent > 0 { // to begin anew would be to serve the same ones for ever, where packets come faster than all can be served
			g.again = true
			continue
		}
		g.urgent = len(g.players)
		s.urgent = append(s.urgent, g)
	}
	clear(s.hurried)
	s.hurried = s.hurried[:0]
}

// moved moves what is in a list behind another one.
func moved[T any](to, from []*T) (longer, empty []*T) {
	to = append(to, from...)
	clear(from)
	return to, from[:0]
}

// attend serves the players that came or ask, and tells whether it could do so with all.
func (s *sender) attend(until int64) bool {
	for len(s.come) > 0 || len(s.asked) > 0 {
		var p *Player
		if len(s.asked) > 0 {
			p = pop(&s.asked)
			p.called.Store(false)
		} else {
			p = pop(&s.come)
			s.place(p)
		}
		if p.group != nil {
			s.serve(p)
		}
		if s.hub.clock.now() > until { // who comes may take long: look every time
			return len(s.come) == 0 && len(s.asked) == 0
		}
	}
	return true
}

// pop takes the first off a list, and keeps the list's memory.
func pop[T any](list *[]*T) *T {
	first := (*list)[0]
	*list = slices.Delete(*list, 0, 1)
	return first
}

// urge sends what does not wait, and tells whether everybody has it.
func (s *sender) urge(until int64) bool {
	for len(s.urgent) > 0 {
		g := s.urgent[0]
		for g.urgent = min(g.urgent, len(g.players)); g.urgent > 0; {
			g.urgent--
			s.visit(g.players[g.urgent])
			if s.late(until) {
				return false
			}
		}
		pop(&s.urgent)
		if g.again {
			g.again, g.urgent = false, len(g.players)
			s.urgent = append(s.urgent, g)
		}
	}
	return true
}

// late tells whether it is past a time. It does not look at the clock every time: that takes as long as we need for a player.
func (s *sender) late(until int64) bool {
	s.turns++
	return s.turns%16 == 0 && s.hub.clock.now() > until
}

// visit serves a player if there is something for it.
func (s *sender) visit(p *Player) {
	if !p.current() {
		s.serve(p)
	}
}

// serve flushes a player; one that is blocked or at its end leaves the sender.
func (s *sender) serve(p *Player) {
	v := s.viewOf(p.stream)
	if s.served++; s.served%delaySample == 0 {
		s.noteDelay(p, v)
	}
	switch p.flush(v, &s.batch) {
	case flushedIdle:
	case flushedBlocked:
		s.displace(p)
		s.mu.Lock()
		s.blocked++
		s.mu.Unlock()
		s.hub.wg.Go(func() { s.waitFor(p) })
	case flushedLast:
		s.displace(p)
		s.hub.drop(p, p.endReason())
	case flushedBroken:
		s.displace(p)
		s.hub.drop(p, EndGone)
	}
}

// viewOf returns a view of a stream as it is now, or was when this was asked last in the same slice.
func (s *sender) viewOf(of *Stream) *view {
	if s.stream == of {
		return &s.view
	}
	s.stream, s.view = of, of.look()
	return &s.view
}

// lookAway gives up the view.
func (s *sender) lookAway() { s.stream, s.view = nil, view{} }

// delaySample is how many players are served for each whose delay is measured.
const delaySample = 64

// noteDelay tells the observer how long the oldest packet has been there that the player is about to get.
func (s *sender) noteDelay(p *Player, v *view) {
	if p.playing && p.cursor >= v.oldest() && p.cursor < v.tail {
		s.hub.opts.Observer.Delay(time.Duration(s.hub.clock.now() - v.packet[v.packetAt(p.cursor)].arrived))
	}
}
