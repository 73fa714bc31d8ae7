package live

import (
	"slices"
	"sync/atomic"
	"time"
)

// Flush bounds how long a packet may wait for others, so that they leave together: a write costs the kernel much more than the bytes in it.
type Flush struct {
	Min time.Duration // at least, but for keyframes and for players that come
	Max time.Duration // at most, as far as the processor can keep up
}

// A group is the players of a stream that one sender serves in turn.
type group struct {
	stream *Stream
	ring   *ring
	called atomic.Bool // it is among the sender's hurried

	// Owned by the sender's goroutine.
	players []*Player
	index   int  // in the ring
	urgent  int  // so many of players, the first, are to get what there is
	again   bool // and then all once more: something came that those behind them may not have
}

// A ring is players, of any streams, that a sender serves in turn, so that each has its turn once in an interval. Turns are spread evenly over it:
// the load is, too, on the processor and on the network, and nobody waits long for another.
//
// A ring rests while its streams do.
type ring struct {
	sender *sender
	flush  Flush

	fed    atomic.Uint64 // counts packets
	awake  atomic.Bool   // turns go on; else, who feeds must poke
	atOnce atomic.Bool   // packets don't gather: there are no turns, but as if each packet were a keyframe

	// Owned by the sender's goroutine.
	groups  []*group
	players int     // of all groups
	group   int     // whose turn it is, with
	player  int     // its player
	seen    uint64  // fed, when left was set
	left    int     // in so many turns, everybody has had one since then; who comes or goes must keep that true
	credit  float64 // turns that are due
	turned  int64   // when credit was reckoned
	rested  bool    // since then
}

// packet tells the ring of one, behind it in its stream's log. Called with Stream.mu held.
func (r *ring) packet() {
	r.fed.Add(1)
	if !r.awake.Load() && !r.awake.Swap(true) {
		r.sender.poke()
	}
}

// Turns are taken together, where that makes little difference to players: to wake up costs as much as a few turns.
const (
	minTick = time.Millisecond
	maxTick = 25 * time.Millisecond
)

// burst is how many turns may follow a rest at once.
const burst = 64

// turn serves those whose turn it is, and returns when the next is.
func (r *ring) turn(s *sender, now, until int64) (wait time.Duration) {
	interval := s.patience.interval(r.flush)
	r.atOnce.Store(interval == 0) // before due: what does not come at once is seen there
	for r.due() {
		s.lookAway() // what was fed by now is in the next view
		r.earn(now, interval)
		for r.left > 0 && (interval == 0 || r.credit >= 1) {
			r.credit--
			r.left--
			s.visit(r.next())
			if s.late(until) {
				return nap
			}
		}
		if r.left > 0 {
			return r.until(now, interval)
		}
	}
	return never
}

// due tells whether somebody may have something to get. If not, the ring rests.
func (r *ring) due() bool {
	if fed := r.fed.Load(); fed != r.seen {
		r.seen, r.left = fed, r.players
	}
	if r.left > 0 {
		return true
	}
	r.awake.Store(false)
	if r.fed.Load() == r.seen { // who feeds from now on pokes
		r.rested = true
		return false
	}
	r.awake.Store(true)
	return r.due()
}

// earn reckons how many turns are due.
func (r *ring) earn(now int64, interval time.Duration) {
	players := float64(r.players)
	most := players
	if r.rested {
		most, r.rested = min(most, burst), false
	}
	if interval > 0 {
		r.credit = min(most, max(r.credit, 0)+players*float64(now-r.turned)/float64(interval))
	}
	r.turned = now
}

// until returns how long it takes to the tick in which the next turn is.
func (r *ring) until(now int64, interval time.Duration) time.Duration {
	next := time.Duration((1 - r.credit) / float64(r.players) * float64(interval))
	return pastTick(now, max(next, 0), tickOf(interval))
}

// tickOf returns how far apart turns are in an interval; 0 if nothing gathers.
func tickOf(interval time.Duration) time.Duration {
	if interval == 0 {
		return 0
	}
	return min(max(interval/8, minTick), maxTick)
}

// pastTick returns how long it takes to the first tick that is after a time from now. Ticks are the same for everybody, so that one wake-up is for
// many.
func pastTick(now int64, from, tick time.Duration) time.Duration {
	return from + tick - (time.Duration(now)+from)%tick
}

// next returns whose turn it is. There is somebody.
func (r *ring) next() *Player {
	if r.player >= len(r.groups[r.group].players) {
		r.player = 0
		r.group = (r.group + 1) % len(r.groups)
	}
	p := r.groups[r.group].players[r.player]
	r.player++
	return p
}

// place puts a player into its ring. The round goes on until it had its turn, too: else another one would miss its own. Packets that came while
// the stream had no group here are in a new view only.
func (s *sender) place(p *Player) {
	g := p.stream.groupOf(s)
	p.group, p.index = g, len(g.players)
	g.players = append(g.players, p)
	g.ring.players++
	if g.ring.left > 0 {
		g.ring.left++
	}
	s.lookAway()
}

// displace takes a player out of its ring, where another takes its place: that may be past its turn, so a new round begins.
func (s *sender) displace(p *Player) {
	g, r := p.group, p.group.ring
	last := len(g.players) - 1
	g.players[p.index] = g.players[last]
	g.players[p.index].index = p.index
	g.players[last] = nil
	g.players = g.players[:last]
	p.group = nil
	r.players--
	r.left = r.players
	if last == 0 {
		r.remove(g)
	}
}

// remove takes out a group without players.
func (r *ring) remove(g *group) {
	g.stream.dropGroup(g)
	last := len(r.groups) - 1
	r.groups[g.index] = r.groups[last]
	r.groups[g.index].index = g.index
	r.groups[last] = nil
	r.groups = r.groups[:last]
	if r.group == g.index {
		r.player = 0
	}
	if last == 0 {
		s := r.sender
		s.rings = slices.DeleteFunc(slices.Clone(s.rings), func(o *ring) bool { return o == r })
	} else {
		r.group %= last
	}
}

// ringFor returns the sender's ring for a flush.
func (s *sender) ringFor(f Flush) *ring {
	for _, r := range s.rings {
		if r.flush == f {
			return r
		}
	}
	r := &ring{sender: s, flush: f}
	s.rings = append(s.rings, r)
	return r
}

// groupOf returns the stream's group of a sender, made if need be. Called by the sender.
func (s *Stream) groupOf(by *sender) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if g.ring.sender == by {
			return g
		}
	}
	r := by.ringFor(s.flush)
	g := &group{stream: s, ring: r, index: len(r.groups)}
	r.groups = append(r.groups, g)
	s.groups = append(s.groups, g)
	return g
}

func (s *Stream) dropGroup(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = slices.DeleteFunc(s.groups, func(o *group) bool { return o == g })
}

// notify tells the senders of a packet. Called with mu held.
func (s *Stream) notify(keyframe bool) {
	for _, g := range s.groups {
		if keyframe || g.ring.atOnce.Load() {
			g.ring.sender.hurry(g)
		} else {
			g.ring.packet()
		}
	}
}
