package streamzone

import (
	"errors"
	"time"
)

// Claim makes the caller's slot the owner of the name. Of any number of rivals,
// in whatever processes, exactly one wins. Everybody who watches the name is
// woken. While the zone is being resized, Claim waits: for milliseconds, and
// never longer than two seconds.
//
// Errors: a *TakenError (errors.Is ErrTaken) if the name has an owner, this
// process included; ErrFull, ErrBucketFull, ErrNameEmpty, ErrNameTooLong,
// ErrCorrupt, ErrSlotClosed, ErrReadOnly, ErrClosed.
func (z *Zone) Claim(name string) (Claim, error) {
	d := doorOf(name)
	t, err := z.enter(d)
	if err != nil {
		return Claim{}, err
	}
	defer z.leave(d, t)
	k, err := t.key(name)
	if err != nil {
		return Claim{}, err
	}
	if t.epoch(z.slot) != z.epoch {
		return Claim{}, ErrSlotClosed
	}
	c, err := z.claim(t, &k)
	t.slot(z.slot, outcome(err)).Add(1)
	if err != nil {
		return Claim{}, err
	}
	t.ringBucket(k.bucket)
	return c, nil
}

// doorOf spreads calls over the doors of the gate.
func doorOf(name string) uint64 {
	if name == "" {
		return 0
	}
	return uint64(name[len(name)-1])
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
func (z *Zone) claim(t *table, k *key) (c Claim, err error) {
	w := walk{table: t}
	var mine private
	defer func() {
		if err != nil {
			mine.giveBack(t)
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
		if !mine.held && !z.take(t, &mine, k) {
			return Claim{}, ErrFull
		}
		if mine.link(t, k.bucket, head) {
			id := ID{Generation: mine.state.gen(), Index: mine.index}
			return Claim{id: id, name: k.name, zone: t.zoneID, index: mine.index, state: mine.state}, nil
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
func (z *Zone) take(t *table, p *private, k *key) bool {
	i, s, ok := t.alloc(z.slot, z.epoch, &z.rotor)
	if !ok {
		return false
	}
	t.setName(i, k)
	t.node(i, nodeAbout).Store(uint64(newAbout(time.Now(), len(k.name))))
	crash(atFilled)
	*p = private{held: true, index: i, state: s}
	return true
}

// link puts the node in front of the chain that begins with head. The node is
// LIVE before it can be reached: there is no moment at which it is in the
// chain and not a stream.
func (p *private) link(t *table, bucket uint64, head link) bool {
	t.node(p.index, nodeNext).Store(uint64(head))
	crash(atAimed)
	p.state = p.state.with(live)
	t.node(p.index, nodeState).Store(uint64(p.state))
	crash(atPrivate)
	if !t.head(bucket).CompareAndSwap(uint64(head), uint64(p.state.linkTo(p.index))) {
		return false
	}
	crash(atLinked)
	return true
}

// giveBack frees a node that was never linked: no walk can be near it.
func (p *private) giveBack(t *table) {
	if p.held {
		crash(atRefused)
		t.node(p.index, nodeState).Store(uint64(p.state.with(free)))
		freed(p.index, p.state)
		crash(atGivenBack)
		t.setHint(p.index)
	}
}
