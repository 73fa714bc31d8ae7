//go:build torture

package streamzone_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// wakeWithin is how long a player may take to find a name that is there.
const wakeWithin = 4 * time.Second

// play waits for names, one after the other, until the zone is closed. What it
// waits for is in the oracle, from when its Watch is registered until it found
// the name.
func (w *tortured) play(player int) {
	awaiting := w.o.place(w.place, placeAwaiting+player)
	for sequence := uint64(1); ; sequence++ {
		name := rand.IntN(w.mode.names)
		watch, err := w.Watch(tortureName(name))
		if err != nil {
			w.mayBeClosed("watch", err)
			return
		}
		awaiting.Store(sequence<<8 | uint64(name+1))
		ok := w.await(watch, name)
		awaiting.Store(0)
		watch.Close()
		if !ok {
			return
		}
		w.total(totalAwaits).Add(1)
	}
}

// await returns when the name has an owner, or false at the end.
func (w *tortured) await(watch *streamzone.Watch, name int) bool {
	for slept := false; ; slept = true {
		e, found, err := w.Lookup(tortureName(name))
		if err != nil {
			w.mayBeClosed("lookup", err)
			return false
		}
		if found {
			if slept {
				w.total(totalWakes).Add(1)
			}
			if placeOf(e.Slot) < 0 {
				w.o.fault("name %d is owned by slot %d, where nobody is", name, e.Slot)
			}
			return true
		}
		<-watch.C
	}
}

func (w *tortured) mayBeClosed(call string, err error) {
	if w.order() != orderEnd || !errors.Is(err, streamzone.ErrClosed) {
		w.o.fault("slot %d, %s: %v", w.Slot(), call, err)
	}
}

// A publisher claims a name and has it until everybody has seen it who waited
// for it. Then it waits for all other publishers, so that a lost wake-up is not
// made good by the next ring: nobody rings any more.
type publisher struct{ claimant }

func (p *publisher) step() {
	if p.claim(rand.IntN(p.mode.names)) {
		p.beSeen(p.held[0].name)
	}
	p.meet()
	if p.order() == orderWork {
		p.end()
	}
}

// beSeen waits until no player waits for the name that waits for it now.
func (p *publisher) beSeen(name int) {
	begun := time.Now()
	for place := range places {
		for player := range p.mode.players {
			p.beSeenBy(place, p.o.place(place, placeAwaiting+player), name)
		}
	}
	if took := time.Since(begun); took > time.Millisecond {
		p.o.record(p.place, totalWakeTime, begun, p.o.place(p.place, placeStops).Load())
	}
}

func (p *publisher) beSeenBy(place int, awaiting *atomic.Uint64, name int) {
	was := awaiting.Load()
	if was&0xff != uint64(name+1) {
		return
	}
	stops := func() [2]uint64 {
		return [2]uint64{p.o.place(place, placeStops).Load(), p.o.place(p.place, placeStops).Load()}
	}
	for begun, since := time.Now(), stops(); awaiting.Load() == was; time.Sleep(20 * time.Microsecond) {
		if now := stops(); now != since || now[0]&1 == 1 || p.order() == orderEnd {
			begun, since = time.Now(), now // only time during which both run counts
		}
		if time.Since(begun) > wakeWithin && awaiting.Load() == was {
			p.o.fault("slot %d sleeps though name %d, which it waits for, is held by slot %d", placeSlots[place], name, p.Slot())
			return
		}
	}
}

// meet waits for the other publishers.
func (p *publisher) meet() {
	all := uint64(p.mode.publishers * p.mode.workers)
	met := p.o[wordBarrier].Load()
	if p.o[wordWaiting].Add(1) == all {
		p.o[wordWaiting].Store(0)
		p.o[wordBarrier].Add(1)
		return
	}
	for p.o[wordBarrier].Load() == met && p.order() == orderWork {
		time.Sleep(20 * time.Microsecond)
	}
}
