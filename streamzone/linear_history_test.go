package streamzone_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A linOp is a call with its answer, and when it began and ended.
type linOp struct {
	client     int
	call       linCall
	result     linResult
	begin, end int64
}

// A linHistory is what a zone was asked and what it answered, from a moment
// when it was empty.
type linHistory struct {
	from    linState
	streams int // that fit
	ops     []linOp
}

// linPatience is how long one history may take to be checked. None comes near.
const linPatience = 20 * time.Second

// check judges the history. before are the IDs of earlier histories of the same
// zone; those of this one are added.
func (h *linHistory) check(tb testing.TB, before map[streamzone.ID]bool) error {
	tb.Helper()
	slices.SortStableFunc(h.ops, func(a, b linOp) int { return cmp.Compare(a.begin, b.begin) })
	return errors.Join(h.checkIDs(before), h.checkSweeps(), h.checkFull(), h.linearize(tb))
}

// linearize looks for turns that explain the history.
func (h *linHistory) linearize(tb testing.TB) error {
	tb.Helper()
	ops, err := h.operations()
	if err != nil {
		return err
	}
	model := linModel(h.from)
	model.Partition = linByName
	for _, what := range []string{"a name", "the whole"} {
		if got := porcupine.CheckOperationsTimeout(model, ops, linPatience); got != porcupine.Ok {
			path := filepath.Join(tb.ArtifactDir(), "history.html")
			_, info := porcupine.CheckOperationsVerbose(model, ops, linPatience)
			return errors.Join(
				fmt.Errorf("no order of turns explains %s: %v (the picture, with go test -artifacts: %s)", what, got, path),
				porcupine.VisualizePath(model, info, path))
		}
		model.Partition = nil
	}
	return nil
}

// operations gives a call that did not return the time until the end of its
// slot's close: by then it is decided whether it takes effect.
func (h *linHistory) operations() ([]porcupine.Operation, error) {
	var ops []porcupine.Operation
	for _, op := range h.ops {
		if op.result.is == linKilled {
			if op.call.kind == linLookup {
				continue // it has said nothing and done nothing
			}
			closed, ok := h.closing(op.call)
			if !ok {
				return nil, fmt.Errorf("killed, but its slot is not closed: %v", op)
			}
			op.end = closed.end
		}
		ops = append(ops, porcupine.Operation{
			ClientId: op.client, Input: op.call, Call: op.begin, Output: op.result, Return: op.end,
		})
	}
	return ops, nil
}

// closing is the close that ended the caller's life.
func (h *linHistory) closing(c linCall) (linOp, bool) {
	i := slices.IndexFunc(h.ops, func(op linOp) bool {
		return op.call.kind == linClose && op.call.slot == c.slot && op.call.epoch == c.epoch
	})
	if i < 0 {
		return linOp{}, false
	}
	return h.ops[i], true
}

// sweptBy is when the nodes of a caller that was killed were free at the latest.
func (h *linHistory) sweptBy(c linCall) int64 {
	if closed, ok := h.closing(c); ok {
		for _, op := range h.ops {
			if op.call.kind == linSweep && op.call.slot == c.slot && op.begin > closed.end {
				return op.end
			}
		}
	}
	return math.MaxInt64
}

// checkIDs tells that no two claims have won the same ID, and marks those IDs
// that no claim has returned.
func (h *linHistory) checkIDs(before map[streamzone.ID]bool) error {
	var errs []error
	for _, op := range h.ops {
		if op.result.is == linWon {
			if before[op.result.id] {
				errs = append(errs, fmt.Errorf("an ID comes again: %v", op))
			}
			before[op.result.id] = true
		}
	}
	var orphans []streamzone.ID
	for i := range h.ops {
		if r := &h.ops[i].result; (r.is == linFound || r.is == linTaken) && !before[r.id] {
			r.orphan = true
			orphans = append(orphans, r.id)
		}
	}
	for _, id := range orphans {
		before[id] = true
	}
	return errors.Join(errs...)
}

// fate is what became of a claim that was won: the release that ended it, or
// whether one was cut short.
func (h *linHistory) fate(won linOp) (released *linOp, torn bool) {
	for i, op := range h.ops {
		if op.call.kind == linRelease && op.call.id == won.result.id {
			switch op.result.is {
			case linReleased:
				return &h.ops[i], false
			case linKilled:
				torn = true
			}
		}
	}
	return nil, torn
}

type linBounds struct{ least, most int }

// leftBy counts the nodes that a dead process left behind: each stream that it
// owned, and perhaps that of a call which was cut short.
func (h *linHistory) leftBy(slot int, epoch uint16) (n linBounds) {
	for _, op := range h.ops {
		if op.call.kind != linClaim || op.call.slot != slot || op.call.epoch != epoch {
			continue
		}
		switch released, torn := h.fate(op); {
		case op.result.is == linKilled, op.result.is == linWon && released == nil && torn:
			n.most++
		case op.result.is == linWon && released == nil:
			n.least++
			n.most++
		}
	}
	return n
}

// checkSweeps tells that each sweep has freed what the dead left behind.
func (h *linHistory) checkSweeps() error {
	var left [linSlots]linBounds
	for _, op := range h.ops {
		slot := op.call.slot
		switch op.call.kind {
		case linClose:
			n := h.leftBy(slot, op.call.epoch)
			left[slot].least += n.least
			left[slot].most += n.most
		case linResize: // the dead don't move
			for slot := range left {
				if op.result.is == linDone {
					left[slot].least = 0
				}
			}
		case linSweep:
			if n := op.result.count; n < left[slot].least || n > left[slot].most {
				return fmt.Errorf("%v: want %d to %d", op, left[slot].least, left[slot].most)
			}
			left[slot] = linBounds{}
		}
	}
	return nil
}

// checkFull tells that the zone was full when it said so: each of its nodes was
// in use at some moment of the call. (Not all at once: a claim looks at one
// after the other.) A claim whose node isn't known may have had any.
func (h *linHistory) checkFull() error {
	for _, full := range h.ops {
		if full.result.is != linFull {
			continue
		}
		known, perhaps := map[uint32]bool{}, 0
		for _, op := range h.ops {
			if op.call.kind != linClaim || op.begin > full.end || h.freeBy(op) < full.begin {
				continue
			}
			if op.result.is == linWon {
				known[op.result.id.Index] = true
			} else {
				perhaps++
			}
		}
		if len(known)+perhaps < h.streams {
			return fmt.Errorf("%v: %d nodes were in use, and %d perhaps, of %d", full, len(known), perhaps, h.streams)
		}
	}
	return nil
}

// freeBy is when the node that a claim had was free at the latest. -1: it had
// none.
func (h *linHistory) freeBy(op linOp) int64 {
	switch op.result.is {
	case linTaken: // it may have had one, and have given it back
		return op.end
	case linKilled:
		return h.sweptBy(op.call)
	case linWon:
		if released, _ := h.fate(op); released != nil {
			return released.end
		}
		return h.sweptBy(op.call)
	}
	return -1
}

func (op linOp) String() string {
	end := fmt.Sprint(op.end)
	if op.result.is == linKilled {
		end = "-"
	}
	return fmt.Sprintf("%d %s %v: %v", op.begin, end, op.call, op.result)
}

// String is the history in the form of linTable.
func (h *linHistory) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "from %v; %d streams\n", h.from, h.streams)
	for _, op := range h.ops {
		first := h.ops[0].begin
		op.begin, op.end = op.begin-first, op.end-first
		fmt.Fprintf(&b, "\t%v\n", op)
	}
	return b.String()
}
