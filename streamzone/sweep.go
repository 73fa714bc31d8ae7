package streamzone

import "fmt"

// Sweep takes back the nodes that dead processes left in a slot: everything of
// the slot with another epoch than its current one. It may run late, while the
// slot's next process is at work, and again after it was cut short. reclaimed
// counts the nodes freed. Errors: ErrSlotRange, ErrClosed, and ErrCorrupt if
// damage kept some nodes from being freed; the others are.
func (k *Keeper) Sweep(slot int) (reclaimed int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ready(slot); err != nil {
		return 0, err
	}
	damaged := 0
	epoch := k.t.epoch(slot)
	for i := range uint32(k.t.streams) {
		s := k.t.state(i)
		if s.phase() == free || s.slot() != slot || s.epoch() == epoch {
			continue
		}
		crash(atSweeping)
		if err := k.t.reclaim(i, s); err != nil {
			damaged++
			continue
		}
		reclaimed++
	}
	crash(atSwept)
	k.t.repairHints()
	k.t.slot(slot, slotReclaimed).Add(uint64(reclaimed))
	if damaged > 0 {
		return reclaimed, fmt.Errorf("%w: %d nodes of slot %d could not be swept", ErrCorrupt, damaged, slot)
	}
	return reclaimed, nil
}

// reclaim frees a dead process's node from wherever its owner left it. The
// process is dead and there is one sweeper, so the sweeper is the responsible
// agent (R2) and no swap can fail but by damage.
func (t *table) reclaim(i uint32, s state) error {
	switch s.phase() {
	case claiming:
		// Never linked. What is in it does not matter.
		if !t.casState(i, s, s.with(free)) {
			return ErrCorrupt
		}
		freed(i, s)
		crash(atFreed)
		t.setHint(i)
		return nil
	case live:
		if !t.casState(i, s, s.with(releasing)) {
			return ErrCorrupt
		}
		crash(atDeleted)
	}
	return t.retire(i, s.with(releasing))
}

// repairHints gives every free node its hint back: a process may have died
// between the two.
func (t *table) repairHints() {
	for i := range uint32(t.streams) {
		if t.state(i).phase() == free && t.hint(uint64(i)/64).Load()>>(i%64)&1 == 0 {
			t.setHint(i)
		}
	}
}
