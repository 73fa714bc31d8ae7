package streamzone

import "sync"

// A gate lets those calls in that write to the zone. It is frozen while the
// zone moves, and shut when the Zone is closed. It is divided so that calls on
// different cores do not fight for one counter; the same number must be given
// to enter and leave.
type gate struct {
	doors [8]door

	mu     sync.Mutex
	thawed chan struct{} // closed by the next thaw; nil: not frozen. Guarded by mu
}

type door struct {
	mu    sync.RWMutex
	state doorState
	_     [64 - 32]byte // one cache line each
}

type doorState uint32

const (
	doorOpen doorState = iota
	doorFrozen
	doorShut
)

// enter waits while the gate is frozen. false means that it is shut.
func (g *gate) enter(n uint64) bool {
	for {
		d := &g.doors[n%uint64(len(g.doors))]
		d.mu.RLock()
		switch d.state {
		case doorOpen:
			return true
		case doorShut:
			d.mu.RUnlock()
			return false
		}
		d.mu.RUnlock()
		g.wait()
	}
}

func (g *gate) leave(n uint64) { g.doors[n%uint64(len(g.doors))].mu.RUnlock() }

func (g *gate) wait() {
	g.mu.Lock()
	thawed := g.thawed
	g.mu.Unlock()
	if thawed != nil {
		<-thawed
	}
}

// freeze keeps calls out from now on, and waits for those that are in.
func (g *gate) freeze() {
	g.mu.Lock()
	frozen := g.thawed != nil
	if !frozen {
		g.thawed = make(chan struct{})
	}
	g.mu.Unlock()
	if !frozen {
		g.set(doorFrozen)
	}
}

func (g *gate) thaw() { g.release(doorOpen) }

// shut waits for the calls that are in, and keeps all others out for ever:
// whoever freezes or thaws later.
func (g *gate) shut() { g.release(doorShut) }

func (g *gate) release(s doorState) {
	g.set(s)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.thawed != nil {
		close(g.thawed)
		g.thawed = nil
	}
}

func (g *gate) set(s doorState) {
	for i := range g.doors {
		d := &g.doors[i]
		d.mu.Lock()
		if d.state != doorShut {
			d.state = s
		}
		d.mu.Unlock()
	}
}
