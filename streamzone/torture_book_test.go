//go:build torture

package streamzone_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// The book of names, in the oracle. Its owner is written after a claim was won
// and taken back before the release. So an owner in the book owns the name,
// unless he is dead and his slot is closed.

// Words of a name in the book.
const (
	entryOwner = iota
	entryID
	entryWords
)

// An owner is one claim: sequence number:32 | place:8 | goroutine:8 | epoch:16.
type owner uint64

const nobody owner = 0

func newOwner(sequence uint32, place, goroutine int, epoch uint16) owner {
	return owner(uint64(sequence)<<32 | uint64(place)<<24 | uint64(goroutine)<<16 | uint64(epoch))
}

func (w owner) place() int    { return int(w >> 24 & 0xff) }
func (w owner) epoch() uint64 { return uint64(w & 0xffff) }
func (w owner) slot() int     { return placeSlots[w.place()] }

func (w owner) String() string {
	return fmt.Sprintf("slot %d epoch %d goroutine %d claim %d", w.slot(), w.epoch(), w>>16&0xff, w>>32)
}

func (o oracle) book(name, word int) *atomic.Uint64 {
	return &o[wordBooks+name*entryWords+word]
}

func (o oracle) owner(name int) owner { return owner(o.book(name, entryOwner).Load()) }

// lives tells that the owner's slot has not been closed, and will not be for
// now: it is marked before.
func (o oracle) lives(w owner) bool {
	return w != nobody && w.epoch() > o.place(w.place(), placeClosing).Load()
}

func (o oracle) swapOwner(name int, from, to owner) bool {
	return o.book(name, entryOwner).CompareAndSwap(uint64(from), uint64(to))
}

// idWord is an ID in one word.
func idWord(id streamzone.ID) uint64 { return id.Generation<<24 | uint64(id.Index) }

// won books a claim. Nobody else can own the name, and the ID is new.
func (o oracle) won(name int, me owner, id streamzone.ID) {
	was := o.owner(name)
	if o.lives(was) {
		o.fault("%v won name %d, which %v owns", me, name, was)
	}
	if !o.onceOnly(wordWon, id.Index, id.Generation) {
		o.fault("%v won name %d with ID %v, which is not new", me, name, id)
	}
	// The ID must not change while an owner is there, though he be dead.
	if !o.swapOwner(name, was, nobody) {
		o.fault("%v won name %d, and so did %v", me, name, o.owner(name))
	}
	o.book(name, entryID).Store(idWord(id))
	if !o.swapOwner(name, nobody, me) {
		o.fault("%v won name %d, and so did %v", me, name, o.owner(name))
	}
}

// gaveUp takes a claim off the book.
func (o oracle) gaveUp(name int, me owner) {
	if !o.swapOwner(name, me, nobody) {
		o.fault("%v lost name %d to %v", me, name, o.owner(name))
	}
}

// A view is what the book says of a name before a call.
type view struct {
	oracle
	name   int
	owner  owner
	id     uint64
	closed [places]uint64
}

func (o oracle) look(name int) view {
	v := view{oracle: o, name: name, owner: o.owner(name), id: o.book(name, entryID).Load()}
	for p := range places {
		v.closed[p] = o.place(p, placeClosed).Load()
	}
	return v
}

// same tells that the book says the same after the call. An owner who comes
// again has another sequence number, so nothing has happened meanwhile.
func (v *view) same() bool { return v.owner != nobody && v.oracle.owner(v.name) == v.owner }

// judge compares a Lookup's answer with the book.
func (v *view) judge(e streamzone.Entry, found bool, total func(what int) *atomic.Uint64) {
	if found {
		v.judgeAnswer(e, "lookup")
	}
	same := v.same()
	switch {
	case same && v.lives(v.owner):
		total(totalSeen).Add(1)
		if !found || e.Slot != v.owner.slot() || idWord(e.ID) != v.id {
			v.fault("%v held name %d as %#x, and a lookup gave %t, %+v", v.owner, v.name, v.id, found, e)
		}
	case same && v.closed[v.owner.place()] >= v.owner.epoch():
		total(totalUnseen).Add(1)
	}
}

// judgeAnswer finds an answer that comes from a dead life: its slot was closed
// before the call began.
func (v *view) judgeAnswer(e streamzone.Entry, call string) {
	p := placeOf(e.Slot)
	if p < 0 {
		v.fault("%s: name %d is owned by slot %d, where nobody is", call, v.name, e.Slot)
		return
	}
	if v.place(p, placeOpening).Load() == v.closed[p] {
		v.fault("%s: name %d is owned by slot %d, which is closed", call, v.name, e.Slot)
	}
	if v.same() && v.closed[v.owner.place()] >= v.owner.epoch() && idWord(e.ID) == v.id {
		v.fault("%s: name %d is owned by %v, who is dead", call, v.name, v.owner)
	}
}

// placeOf is the place that has the slot; -1: none.
func placeOf(slot int) int {
	for p, s := range placeSlots {
		if s == slot {
			return p
		}
	}
	return -1
}

// Handles: claims of the past that anybody may try to release.
const handleWords = 1 + streamzone.ClaimWords

// keepHandle puts a claim where others find it, perhaps after its owner's end.
func (o oracle) keepHandle(name int, c streamzone.Claim) {
	at := wordHandles + rand.IntN(mostHandles)*handleWords
	o[at].Store(uint64(name))
	for i, w := range streamzone.EncodeClaim(c) {
		o[at+1+i].Store(w)
	}
}

// handle is a claim that somebody made. If it is being replaced, it is a
// mixture, which releases nothing either.
func (o oracle) handle() streamzone.Claim {
	at := wordHandles + rand.IntN(mostHandles)*handleWords
	var words [streamzone.ClaimWords]uint64
	for i := range words {
		words[i] = o[at+1+i].Load()
	}
	return streamzone.DecodeClaim(words, tortureName(int(o[at].Load())))
}
