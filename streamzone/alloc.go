package streamzone

import (
	"math/bits"
	"sync/atomic"
)

// alloc takes a free node: FREE(g) → CLAIMING(g+1). The hints make it fast; if
// they show nothing, the states themselves are searched, because a process may
// die between a node and its hint.
func (t *table) alloc(slot int, epoch uint16, rotor *atomic.Uint64) (uint32, state, bool) {
	start := rotor.Load()
	for n := range t.hintWords {
		w := (start + n) % t.hintWords
		for hints := t.hint(w).Load(); hints != 0; hints &= hints - 1 {
			i := uint32(w*64) + uint32(bits.TrailingZeros64(hints))
			if uint64(i) >= t.streams {
				break // damage; the search below decides
			}
			s, ok := t.seize(i, slot, epoch)
			t.dropHint(i)
			if ok {
				crash(atHintGone)
				rotor.Store(w)
				return i, s, true
			}
		}
	}
	for i := range uint32(t.streams) {
		if s, ok := t.seize(i, slot, epoch); ok {
			t.dropHint(i)
			return i, s, true
		}
	}
	return 0, 0, false
}

// seize claims node i if it is free. A node whose generations are used up is
// never free again.
func (t *table) seize(i uint32, slot int, epoch uint16) (state, bool) {
	was := t.state(i)
	if was.phase() != free || was.gen() == maxGen {
		return 0, false
	}
	crash(atSeizing)
	s := newState(was.gen()+1, epoch, slot, claiming)
	if !t.casState(i, was, s) {
		return 0, false
	}
	crash(atSeized)
	return s, true
}

// setHint says that node i is probably free. The state was set before.
func (t *table) setHint(i uint32) {
	t.hint(uint64(i) / 64).Or(1 << (i % 64))
}

// dropHint takes the hint back. If the node was freed meanwhile, its hint may
// be the one that was just lost: give it again.
func (t *table) dropHint(i uint32) {
	t.hint(uint64(i) / 64).And(^(uint64(1) << (i % 64)))
	if t.state(i).phase() == free {
		crash(atHintLost)
		t.setHint(i)
	}
}
