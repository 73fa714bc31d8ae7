package streamzone_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// The calls of a trial, each with what is demanded of it: see FuzzDamage.

// A change is a word that a call has written.
type change struct {
	kind     kind
	n        int // slot, bucket or node
	old, new uint64
}

// call makes a call and looks at every word that changed, but for those of the
// slots: their bells and counters are anybody's.
func (tr *trial) call(what string, f func(), allowed func(c change) bool) {
	tr.now = what
	tr.before = tr.snapshot(tr.before)
	f()
	tr.after = tr.snapshot(tr.after)
	for i, old := range tr.before {
		if old == tr.after[i] {
			continue
		}
		at := i
		if i >= 512 {
			at += tr.heads - 512
		}
		k, n := tr.kindAt(at)
		if !allowed(change{k, n, old, tr.after[i]}) {
			tr.Errorf("%s wrote word %d (kind %d of %d): %#x → %#x", what, at, k, n, old, tr.after[i])
		}
	}
}

func (tr *trial) snapshot(into []uint64) []uint64 {
	into = into[:0]
	for i := range 512 {
		into = append(into, tr.words[i].Load())
	}
	for i := tr.heads; i < len(tr.words); i++ {
		into = append(into, tr.words[i].Load())
	}
	return into
}

func nothing(change) bool { return false }

func (tr *trial) corrupt(what string, err error) {
	if !errors.Is(err, streamzone.ErrCorrupt) {
		tr.Errorf("%s: %v, but the words are damaged", what, err)
	}
}

// lost tells whether the words say that the zone has a successor, which nobody
// was told of.
func (tr *trial) lost() bool { return tr.stage() == stageMoved }

// enter comes to the zone as another reader, and as the process of slot 2.
func (tr *trial) enter() {
	want := map[uint32]error{stageReady: nil, stageFreezing: nil, stageMoved: streamzone.ErrMoved}
	refusal, known := want[tr.stage()]
	if !known || !tr.headerHolds() {
		refusal = streamzone.ErrCorrupt
	}
	epoch := tr.memory.epoch(2)
	tr.call("Attach and Join", func() {
		if z, err := streamzone.Attach(tr.k.File()); !errors.Is(err, refusal) {
			tr.Errorf("Attach: %v, want %v", err, refusal)
		} else if err == nil {
			_ = z.Close()
		}
		if refusal == nil && epoch%2 == 0 {
			refusal = streamzone.ErrSlotClosed
		}
		if z, err := streamzone.Join(tr.k.File(), 2, epoch); !errors.Is(err, refusal) {
			tr.Errorf("Join: %v, want %v", err, refusal)
		} else if err == nil {
			_ = z.Close()
		}
	}, nothing)
}

func (tr *trial) lookup(name string) {
	n, found, sound := tr.find(name)
	var e streamzone.Entry
	var ok bool
	var err error
	tr.call("Lookup", func() { e, ok, err = tr.z.Lookup(name) }, nothing)
	switch {
	case tr.lost():
		tr.corrupt("Lookup "+name, err)
	case len(name) > tr.nameMax: // since a resize
		if !errors.Is(err, streamzone.ErrNameTooLong) {
			tr.Errorf("Lookup %s: %v, but no name may be as long", name, err)
		}
	case !sound:
		tr.corrupt("Lookup "+name, err)
	case err != nil || ok != found || found && e != tr.owner(n):
		tr.Errorf("Lookup %s: %+v, %t, %v; the words say %t, node %d", name, e, ok, err, found, n)
	}
}

func (tr *trial) claim(name string) {
	n, found, sound := tr.find(name)
	was := tr.lives()
	head := tr.word(kindHead, tr.bucket(tr.hash(name)))
	var c streamzone.Claim
	var err error
	won := -1 // the node
	tr.call("Claim", func() {
		if c, err = tr.z.Claim(name); err == nil {
			won = int(c.ID().Index)
		}
	}, func(c change) bool {
		mine := c.n == won && c.kind >= kindState && c.kind <= kindColdName && usable(was[won])
		linked := won >= 0 && c.kind == kindHead && c.n == tr.bucket(tr.hash(name))
		return mine || linked || c.kind == kindHint
	})
	var taken *streamzone.TakenError
	switch {
	case tr.lost():
		tr.corrupt("Claim "+name, err)
	case len(name) > tr.nameMax:
		if !errors.Is(err, streamzone.ErrNameTooLong) {
			tr.Errorf("Claim %s: %v, but no name may be as long", name, err)
		}
	case tr.memory.epoch(0) != tr.epoch:
		if !errors.Is(err, streamzone.ErrSlotClosed) {
			tr.Errorf("Claim %s: %v, but the epoch is another", name, err)
		}
	case !sound:
		tr.corrupt("Claim "+name, err)
	case found:
		if !errors.As(err, &taken) || taken.Owner != tr.owner(n) {
			tr.Errorf("Claim %s: %v; the words say that node %d has it", name, err, n)
		}
	case !slices.ContainsFunc(was, usable):
		if !errors.Is(err, streamzone.ErrFull) {
			tr.Errorf("Claim %s: %v, but no node is free", name, err)
		}
	case err != nil:
		tr.Errorf("Claim %s: %v, but the words have room", name, err)
	default:
		tr.won(c, name, head)
	}
}

// usable tells a node that a claim may take: free, and not at the end of its
// generations.
func usable(l life) bool { return l.phase == phaseFree && l.gen != lastGen }

func (tr *trial) lives() []life {
	all := make([]life, tr.streams)
	for n := range all {
		all[n] = tr.life(n)
	}
	return all
}

// won looks at what a claim that succeeded has made.
func (tr *trial) won(c streamzone.Claim, name string, head uint64) {
	tr.hold(name, c)
	if n, found, sound := tr.find(name); !found || !sound || tr.owner(n).ID != c.ID() || tr.life(n).slot != 0 {
		tr.Errorf("Claim %s: %v is not in the words: %t, node %d", name, c.ID(), found, n)
	}
	if next := tr.word(kindNext, int(c.ID().Index)); next != head {
		tr.Errorf("Claim %s: its next is %#x, the head was %#x", name, next, head)
	}
}

// holder is the node of a claim, if the words still say that it is ours.
func (tr *trial) holder(c trialClaim) (n int, ok bool) {
	if c.zone != tr.header[wordZoneID] { // the zone has moved since
		n, ok, _ = tr.find(c.name)
		l := tr.life(n)
		return n, ok && tr.owner(n).ID == c.claim.ID() && l.slot == 0 && l.epoch == tr.epoch
	}
	n = int(c.claim.ID().Index)
	l := life{gen: c.claim.ID().Generation, epoch: tr.epoch, phase: phaseLive}
	return n, tr.life(n) == l
}

func (tr *trial) release(which int) {
	if len(tr.claims) == 0 {
		return
	}
	c := tr.claims[which%len(tr.claims)]
	n, mine := tr.holder(c)
	mine = mine && !tr.lost()
	var ok bool
	tr.call("Release", func() { ok = tr.z.Release(c.claim) }, func(c change) bool {
		return mine && tr.retires(c) && (c.kind != kindState || c.n == n)
	})
	if ok != mine {
		tr.Errorf("Release of node %d: %t; its state says %t", n, ok, mine)
	}
}

// retires tells whether a change may be of the retiring of nodes: states, marks,
// links past what is marked, hints.
func (tr *trial) retires(c change) bool {
	switch c.kind {
	case kindState:
		was, now := lifeOf(c.old), lifeOf(c.new)
		was.phase, now.phase = phaseFree, was.phase
		return lifeOf(c.new) == was || now == lifeOf(c.old) && lifeOf(c.new).phase == phaseReleasing
	case kindHead, kindNext:
		return true
	}
	return c.kind == kindHint
}

// A told stream is what Range gives.
type told struct {
	Name  string
	Entry streamzone.Entry
}

// streams lists what exists, bucket by bucket, up to a damaged one.
func (tr *trial) listed() (all []told, sound bool) {
	for b := range tr.buckets {
		nodes, sound := tr.chain(b)
		var in []told
		for _, n := range nodes {
			if tr.exists(tr.life(n)) {
				name, ok := tr.name(n)
				sound = sound && ok && (!tr.foreign(n) || possible(tr.owner(n).ID))
				in = append(in, told{name, tr.owner(n)})
			}
		}
		if !sound {
			return all, false
		}
		all = append(all, in...)
	}
	return all, true
}

func (tr *trial) list() {
	want, sound := tr.listed()
	if tr.lost() {
		want, sound = nil, false
	}
	var got []told
	var err error
	tr.call("Range", func() {
		err = tr.z.Range(func(name string, e streamzone.Entry) bool {
			got = append(got, told{name, e})
			return true
		})
	}, nothing)
	if !slices.Equal(want, got) {
		tr.Errorf("Range: %s", cmp.Diff(want, got))
	}
	if !sound {
		tr.corrupt("Range", err)
	} else if err != nil {
		tr.Errorf("Range: %v, but the words are sound", err)
	}
}

func (tr *trial) count() {
	want := streamzone.State{
		Capacity: tr.streams, Buckets: tr.buckets, NameMax: tr.nameMax, Frozen: tr.stage() == stageFreezing,
	}
	perSlot := map[int]int{}
	for _, l := range tr.lives() {
		switch {
		case l.phase == phaseFree:
			want.Free++
		case tr.exists(l):
			want.Live++
			perSlot[l.slot]++
		case l.epoch != tr.memory.epoch(l.slot):
			want.Dead++
		default:
			want.Busy++
		}
	}
	if tr.lost() {
		want = streamzone.State{}
	}
	var got streamzone.State
	tr.call("State", func() { got = tr.z.State() }, nothing)
	for _, s := range got.Slots {
		if s.Live != perSlot[s.Slot] || s.Epoch != tr.memory.epoch(s.Slot) {
			tr.Errorf("State: slot %+v, the words say %d streams, epoch %d", s, perSlot[s.Slot], tr.memory.epoch(s.Slot))
		}
	}
	if got.Slots = nil; fmt.Sprint(got) != fmt.Sprint(want) {
		tr.Errorf("State: %+v, the words say %+v", got, want)
	}
}

func (tr *trial) check(what string, check func() error, wrong func() string) {
	want := wrong()
	var err error
	tr.call(what, func() { err = check() }, nothing)
	if (want == "") != (err == nil) {
		tr.Errorf("%s: %v, but the words: %q", what, err, want)
	}
	if err != nil && what == "Check" {
		tr.corrupt(what, err)
	}
}

// watch waits for a name, which is then claimed: who waits must be told.
func (tr *trial) watch(name string) {
	bucket := tr.bucket(tr.hash(name))
	var w *streamzone.Watch
	var err error
	tr.call("Watch", func() { w, err = tr.z.Watch(name) }, func(c change) bool {
		return c.kind == kindInterest && c.n == bucket && c.new == c.old|1
	})
	if len(name) > tr.nameMax && errors.Is(err, streamzone.ErrNameTooLong) {
		return
	}
	if err != nil {
		tr.Errorf("Watch %s: %v", name, err)
		return
	}
	if tr.words[tr.at(kindInterest, bucket, 0)].Load()&1 == 0 {
		tr.Errorf("Watch %s: no interest", name)
	}
	had := len(tr.claims)
	tr.claim(name)
	if len(tr.claims) > had {
		tr.now = "the waiting for a claim"
		<-w.C
	}
	tr.call("Watch.Close", w.Close, func(c change) bool {
		return c.kind == kindInterest && c.n == bucket && c.new == c.old&^1
	})
}
