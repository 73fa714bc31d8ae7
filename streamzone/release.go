package streamzone

// Release ends a claim. false means that it was not this zone's, or not any
// more: it has been released before, or the slot was closed. When Release
// returns, the name can be claimed by anybody. While the zone is being
// resized, Release waits as Claim does.
func (z *Zone) Release(c Claim) bool {
	if !z.owns(c.state) {
		return false
	}
	d := uint64(c.index)
	t, err := z.enter(d)
	if err != nil {
		return false
	}
	defer z.leave(d, t)
	i, s, ok := z.locate(t, &c)
	if !ok || !t.casState(i, s, s.with(releasing)) {
		return false
	}
	crash(atDeleted)
	// The stream is gone. A failure from here on leaves a node that can be
	// neither used nor mistaken for a stream; Check reports the damage.
	_ = t.retire(i, s.with(releasing))
	t.slot(z.slot, slotReleases).Add(1)
	return true
}

func (z *Zone) owns(s state) bool {
	return z.slot >= 0 && s.slot() == z.slot && s.epoch() == z.epoch && s.phase() == live
}

// locate finds the claim's node. If the zone has moved since the claim, the
// stream has another node; but its name, its owner and its ID are the same.
func (z *Zone) locate(t *table, c *Claim) (i uint32, s state, ok bool) {
	if c.zone == t.zoneID {
		return c.index, c.state, uint64(c.index) < t.streams
	}
	k, err := t.key(c.name)
	if err != nil {
		return 0, 0, false
	}
	seen, err := t.search(&k)
	return seen.index, seen.state, err == nil && seen.found && seen.id == c.id && z.owns(seen.state)
}

// retire brings a RELEASING node home. Only the responsible agent may call it
// (R2): the goroutine that won LIVE→RELEASING, or the sweeper if that
// goroutine's process is dead.
func (t *table) retire(i uint32, s state) error {
	t.node(i, nodeNext).Or(uint64(mark))
	crash(atMarked)
	if err := t.unlink(t.bucketOf(t.node(i, nodeHash).Load()), i); err != nil {
		return err
	}
	crash(atVerified)
	if !t.casState(i, s, s.with(free)) {
		return ErrCorrupt
	}
	freed(i, s)
	crash(atFreed)
	t.setHint(i)
	return nil
}
