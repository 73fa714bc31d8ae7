package streamzone_test

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const (
	linSlots = 3 // 0, 1, 2
	linNames = 4 // a, b, c, d
)

// A linState is what a zone would be if everybody took turns: who owns each
// name, and the epoch of each slot. Whatever the processes did at the same time
// must look as if they had taken turns, each call at some moment between its
// begin and its end.
type linState struct {
	epochs [linSlots]uint16 // odd: open
	owners [linNames]linLife
	told   string // IDs that only others have told of: see sees
}

// A linLife is one life of one name. The zero linLife is nobody's.
type linLife struct {
	slot  int
	epoch uint16        // odd
	id    streamzone.ID // zero: nobody has seen it yet
}

// A linCall is what was asked for.
type linCall struct {
	kind  linKind
	name  int           // of claim, release, lookup
	slot  int           // the caller's; or that which the keeper opens, closes, sweeps
	epoch uint16        // the caller's; or that which begins or ends
	id    streamzone.ID // of the claim to be released
}

type linKind uint8

const (
	linClaim linKind = iota
	linRelease
	linLookup
	linOpen
	linClose
	linSweep  // a sweep and a resize change nothing that can be seen
	linResize //
)

// A linResult is the answer.
type linResult struct {
	is     linIs
	slot   int           // of the owner: found, taken
	id     streamzone.ID // won; of the owner: found, taken
	orphan bool          // no claim has ever returned this id
	count  int           // swept
}

type linIs uint8

const (
	linKilled linIs = iota // there was none
	linWon
	linTaken
	linFull
	linReleased
	linRefused // a release, or a resize, that was none
	linFound
	linAbsent
	linDone
	linFault // an answer that is never right
)

func (s linState) step(c linCall, r linResult) (bool, linState) {
	switch c.kind {
	case linClaim:
		return s.claim(c, r)
	case linRelease:
		return s.release(c, r)
	case linLookup:
		if r.is == linFound {
			return s.sees(c.name, r)
		}
		return r.is == linAbsent && s.isFree(c.name), s
	case linOpen:
		ok := s.epochs[c.slot]%2 == 0 && c.epoch == s.epochs[c.slot]+1
		s.epochs[c.slot] = c.epoch
		return ok && r.is == linDone, s
	case linClose:
		return s.close(c, r)
	default:
		return r.is != linFault, s
	}
}

func (s linState) isFree(name int) bool { return s.owners[name] == linLife{} }

// A killed claim has its turn before the close of its slot, or after it. If
// before, it takes effect when it can; nobody knows its ID then. If after, it
// never does. The same goes for a killed release. So the model needs no choice
// between two outcomes: the moment of the turn is the choice.
func (s linState) claim(c linCall, r linResult) (bool, linState) {
	can := s.isFree(c.name) && s.epochs[c.slot] == c.epoch
	switch r.is {
	case linWon:
		s.owners[c.name] = linLife{slot: c.slot, epoch: c.epoch, id: r.id}
		return can, s
	case linTaken:
		return s.sees(c.name, r)
	case linFull: // whether it was: see checkFull
		return s.isFree(c.name), s
	case linKilled:
		if can {
			s.owners[c.name] = linLife{slot: c.slot, epoch: c.epoch}
		}
		return true, s
	}
	return false, s
}

func (s linState) release(c linCall, r linResult) (bool, linState) {
	mine := s.owners[c.name] == linLife{slot: c.slot, epoch: c.epoch, id: c.id}
	if mine && r.is != linRefused {
		s.owners[c.name] = linLife{}
	}
	switch r.is {
	case linReleased:
		return mine, s
	case linRefused:
		return !mine, s
	}
	return r.is == linKilled, s
}

func (s linState) close(c linCall, r linResult) (bool, linState) {
	ok := r.is == linDone && s.epochs[c.slot] == c.epoch && c.epoch%2 == 1
	s.epochs[c.slot]++
	for i, o := range s.owners {
		if o.epoch != 0 && o.slot == c.slot {
			s.owners[i] = linLife{}
		}
	}
	return ok, s
}

// sees tells whether the name's owner is who the answer says. The owner may be
// a claim that was killed before it could tell its ID. Then it is what the
// first who sees it says, if that can be true: no claim has returned it, and
// nobody has seen it on another life.
func (s linState) sees(name int, r linResult) (bool, linState) {
	o := &s.owners[name]
	if o.epoch == 0 || o.slot != r.slot {
		return false, s
	}
	if o.id != (streamzone.ID{}) {
		return o.id == r.id, s
	}
	word := r.id.String() + " "
	if !r.orphan || strings.Contains(" "+s.told, " "+word) {
		return false, s
	}
	o.id = r.id
	s.told += word
	return true, s
}

// linModel is the zone from a state on.
func linModel(from linState) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return from },
		Step: func(state, input, output any) (bool, any) {
			s, _ := state.(linState)
			c, _ := input.(linCall)
			r, _ := output.(linResult)
			ok, next := s.step(c, r)
			return ok, next
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
}

// linByName divides a history. Names have nothing to do with each other but for
// the slots, so each gets a copy of what happens to those. A part that is wrong
// proves the whole wrong, and is quick to check and short to read. The other
// way round it proves nothing: in two parts, the turn of the same close may
// come at two moments. So the whole is checked as well.
func linByName(ops []porcupine.Operation) [][]porcupine.Operation {
	parts := make([][]porcupine.Operation, linNames)
	for _, op := range ops {
		c, _ := op.Input.(linCall)
		for name := range parts {
			if c.kind == linOpen || c.kind == linClose || c.kind < linOpen && c.name == name {
				parts[name] = append(parts[name], op)
			}
		}
	}
	return parts
}

var (
	linKinds = [...]string{"claim", "release", "lookup", "open", "close", "sweep", "resize"}
	linIses  = [...]string{"killed", "won", "taken", "full", "released", "refused", "found", "absent", "done", "FAULT"}
)

func (c linCall) String() string {
	s := fmt.Sprintf("%d.%d %s", c.slot, c.epoch, linKinds[c.kind])
	if c.kind < linOpen {
		s += " " + string(rune('a'+c.name))
	}
	if c.kind == linRelease {
		s += " " + c.id.String()
	}
	return s
}

func (r linResult) String() string {
	switch r.is {
	case linWon:
		return fmt.Sprintf("won %v", r.id)
	case linTaken, linFound:
		return fmt.Sprintf("%s %d %v", linIses[r.is], r.slot, r.id)
	case linDone:
		return fmt.Sprintf("done %d", r.count)
	}
	return linIses[r.is]
}

func (s linState) String() string {
	var b strings.Builder
	for i, o := range s.owners {
		if !s.isFree(i) {
			fmt.Fprintf(&b, "%c: %d.%d %v; ", 'a'+i, o.slot, o.epoch, o.id)
		}
	}
	fmt.Fprint(&b, "epochs ", s.epochs)
	return b.String()
}
