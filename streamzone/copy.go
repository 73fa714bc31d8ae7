package streamzone

import "fmt"

// copy puts everything that lives into the successor. Nobody writes to either
// zone.
func (m *mover) copy() error {
	from, to := m.from.t, m.to.t
	if err := m.checkGenerations(); err != nil {
		return err
	}
	for slot := range Slots {
		to.epochWord(slot).Store(from.epochWord(slot).Load())
		for field := slotPID; field <= slotReclaimed; field++ {
			to.slot(slot, field).Store(from.slot(slot, field).Load())
		}
	}
	lengths := make(map[uint64]int)
	for b := range from.buckets {
		found, err := from.bucketStreams(b)
		if err != nil {
			return err
		}
		for _, s := range found {
			if err := m.settle(s, lengths); err != nil {
				return err
			}
			crash(atCopying)
		}
	}
	return nil
}

// genReserve is how many claims there may be between prepare and the freeze.
const genReserve = 1 << 20

// checkGenerations tells whether the reserve was enough. A call of Claim takes
// one node at most and is counted when it ends, or was killed, which needs no
// counting.
func (m *mover) checkGenerations() error {
	if n := m.from.t.claimCalls() - m.calls; n > genReserve/2 {
		return fmt.Errorf("%w: %d", ErrBusy, n)
	}
	return nil
}

// claimCalls is how many calls of Claim have ended since the zone was made.
func (t *table) claimCalls() (n uint64) {
	for slot := range Slots {
		for _, field := range [...]int{slotClaims, slotTaken, slotRefused} {
			n += t.slot(slot, field).Load()
		}
	}
	return n
}

// settle gives a stream its node in the successor, where nobody is yet.
func (m *mover) settle(s stream, lengths map[uint64]int) error {
	to := m.to.t
	if uint64(m.result.Live) == to.streams {
		return fmt.Errorf("%w: more than %d live", ErrTooSmall, to.streams) // claimed meanwhile
	}
	k, err := to.key(s.name)
	if err != nil {
		return fmt.Errorf("%w: the name %.80q: %w", ErrTooSmall, s.name, err)
	}
	if lengths[k.bucket]++; lengths[k.bucket] > to.chainMax {
		return fmt.Errorf("%w: %w", ErrTooSmall, ErrBucketFull)
	}
	i := uint32(m.result.Live)
	m.result.Live++
	st := newState(to.state(i).gen()+1, s.state.epoch(), s.state.slot(), live)
	to.setName(i, &k)
	to.firstID(i).Store(uint64(s.ID.link()))
	to.node(i, nodeAbout).Store(uint64(newAbout(s.Born, len(s.name)) | movedHere))
	to.node(i, nodeNext).Store(to.head(k.bucket).Load())
	to.node(i, nodeState).Store(uint64(st))
	to.head(k.bucket).Store(uint64(st.linkTo(i)))
	to.dropHint(i)
	return nil
}
