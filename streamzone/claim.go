package streamzone

import (
	"errors"
	"time"
)

// Claim makes the caller's slot the owner of the name. Of any number of rivals,
// in whatever processes, exactly one wins. Everybody who watches the name is
// woken.
//
// Errors: a *TakenError (errors.Is ErrTaken) if the name has an owner, this
// process included; ErrFull, ErrBucketFull, ErrNameEmpty, ErrNameTooLong,
// ErrCorrupt, ErrSlotClosed, ErrReadOnly, ErrClosed.
func (z *Zone) Claim(name string) (Claim, error) {
	k, err := z.t.key(name)
	if err != nil {
		return Claim{}, err
	}
	if z.slot < 0 {
		return Claim{}, ErrReadOnly
	}
	if !z.gate.enter(k.hash) {
		return Claim{}, ErrClosed
	}
	defer z.gate.leave(k.hash)
	if z.t.epoch(z.slot) != z.epoch {
		return Claim{}, ErrSlotClosed
	}
	c, err := z.claim(&k)
	z.t.slot(z.slot, outcome(err)).Add(1)
	if err != nil {
		return Claim{}, err
	}
	z.t.ringBucket(k.bucket)
	return c, nil
}

// outcome is the counter that a claim's end belongs to.
func outcome(err error) int {
	switch {
	case err == nil:
		return slotClaims
	case errors.Is(err, ErrTaken):
		return slotTaken
	}
	return slotRefused
}

// claim searches the name and, while it is absent, tries to link a node of its
// own in front of exactly the chain that it searched. A rival's insert changes
// the head, so the swap fails and the search starts again.
func (z *Zone) claim(k *key) (c Claim, err error) {
	w := walk{table: z.t}
	var mine private
	defer func() {
		if err != nil {
			mine.giveBack(z.t)
		}
	}()
	for {
		head, err := w.start(k.bucket)
		if err != nil {
			return Claim{}, err
		}
		seen, err := w.find(head, k)
		switch {
		case err != nil:
			return Claim{}, err
		case seen.found:
			return Claim{}, &TakenError{Owner: seen.entry()}
		case seen.torn != nilLink:
			if err := w.again(seen.torn); err != nil {
				return Claim{}, err
			}
			continue
		case seen.length >= w.chainMax:
			return Claim{}, ErrBucketFull
		}
		if !mine.held && !z.take(&mine, k) {
			return Claim{}, ErrFull
		}
		if mine.link(z.t, k.bucket, head) {
			return Claim{index: mine.index, state: mine.state}, nil
		}
		if err := w.again(nilLink); err != nil {
			return Claim{}, err
		}
	}
}

// A private node is one that its owner has taken but not linked.
type private struct {
	held  bool
	index uint32
	state state
}

// take allocates a node and fills it.
func (z *Zone) take(p *private, k *key) bool {
	i, s, ok := z.t.alloc(z.slot, z.epoch, &z.rotor)
	if !ok {
		return false
	}
	z.t.setName(i, k)
	z.t.node(i, nodeAbout).Store(newAbout(time.Now(), len(k.name)))
	*p = private{held: true, index: i, state: s}
	return true
}

// link puts the node in front of the chain that begins with head. The node is
// LIVE before it can be reached: there is no moment at which it is in the
// chain and not a stream.
func (p *private) link(t *table, bucket uint64, head link) bool {
	t.node(p.index, nodeNext).Store(uint64(head))
	p.state = p.state.with(live)
	t.node(p.index, nodeState).Store(uint64(p.state))
	return t.head(bucket).CompareAndSwap(uint64(head), uint64(p.state.linkTo(p.index)))
}

// giveBack frees a node that was never linked: no walk can be near it.
func (p *private) giveBack(t *table) {
	if p.held {
		t.node(p.index, nodeState).Store(uint64(p.state.with(free)))
		t.setHint(p.index)
	}
}

// Release ends a claim. false means that it was not this zone's, or not any
// more: it has been released before, or the slot was closed. When Release
// returns, the name can be claimed by anybody.
func (z *Zone) Release(c Claim) bool {
	s := c.state
	if z.slot < 0 || s.slot() != z.slot || s.epoch() != z.epoch || s.phase() != live || uint64(c.index) >= z.t.streams {
		return false
	}
	if !z.gate.enter(uint64(c.index)) {
		return false
	}
	defer z.gate.leave(uint64(c.index))
	if !z.t.casState(c.index, s, s.with(releasing)) {
		return false
	}
	// The stream is gone. A failure from here on leaves a node that can be
	// neither used nor mistaken for a stream; Check reports the damage.
	_ = z.t.retire(c.index, s.with(releasing))
	z.t.slot(z.slot, slotReleases).Add(1)
	return true
}

// retire brings a RELEASING node home. Only the responsible agent may call it
// (R2): the goroutine that won LIVE→RELEASING, or the sweeper if that
// goroutine's process is dead.
func (t *table) retire(i uint32, s state) error {
	t.node(i, nodeNext).Or(uint64(mark))
	if err := t.unlink(t.bucketOf(t.node(i, nodeHash).Load()), i); err != nil {
		return err
	}
	if !t.casState(i, s, s.with(free)) {
		return ErrCorrupt
	}
	t.setHint(i)
	return nil
}
