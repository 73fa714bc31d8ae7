package streamzone

import (
	"runtime"
	"time"
)

// A State is a count of the zone. It is exact when nobody is claiming or
// releasing; otherwise every number is of a slightly different moment.
type State struct {
	Buckets int  // of the hash table
	NameMax int  // longest name, bytes
	Frozen  bool // claims wait: the zone is being resized

	Capacity int // streams that fit
	Live     int // streams that exist
	Dead     int // nodes of closed slots, not yet swept
	Busy     int // nodes being claimed or released by living processes
	Free     int // Capacity - Live - Dead - Busy

	Slots []SlotState // every slot that was ever opened, in order
}

// A SlotState is what the zone knows of one slot. The counters count since the
// zone was made, over all processes of the slot.
type SlotState struct {
	Slot  int
	Epoch uint16
	Open  bool
	PID   int       // of the process that joined; 0 before
	Since time.Time // when it joined; zero before
	Live  int       // streams that it owns

	Claims    uint64 // claims won
	Taken     uint64 // claims lost to an owner
	Refused   uint64 // claims refused: no room, damage
	Releases  uint64 // streams released
	Reclaimed uint64 // nodes taken back by Sweep
}

// State counts the zone. It reads one word per stream. After Close,
// or a resize that an attached Zone cannot follow, it is zero.
func (z *Zone) State() State {
	t, err := z.view()
	if err != nil {
		return State{}
	}
	defer runtime.KeepAlive(t)
	st := State{
		Capacity: int(t.streams), Buckets: int(t.buckets), NameMax: int(t.nameMax),
		Frozen: t.status().stage() == stageFreezing,
	}
	var perSlot [Slots]int
	for i := range uint32(t.streams) {
		s := t.state(i)
		switch {
		case s.phase() == free:
			st.Free++
		case t.effective(s):
			st.Live++
			perSlot[s.slot()]++
		case t.epoch(s.slot()) != s.epoch():
			st.Dead++
		default:
			st.Busy++
		}
	}
	for slot := range Slots {
		if t.epoch(slot) != 0 {
			st.Slots = append(st.Slots, t.slotState(slot, perSlot[slot]))
		}
	}
	return st
}

func (t *table) slotState(slot, living int) SlotState {
	epoch := t.epoch(slot)
	s := SlotState{
		Slot: slot, Epoch: epoch, Open: isOpen(epoch), Live: living,
		PID:       int(t.slot(slot, slotPID).Load()),
		Claims:    t.slot(slot, slotClaims).Load(),
		Taken:     t.slot(slot, slotTaken).Load(),
		Refused:   t.slot(slot, slotRefused).Load(),
		Releases:  t.slot(slot, slotReleases).Load(),
		Reclaimed: t.slot(slot, slotReclaimed).Load(),
	}
	if ms := t.slot(slot, slotSince).Load(); ms != 0 {
		s.Since = time.UnixMilli(int64(ms))
	}
	return s
}

// Range calls f for every stream until f returns false, in no order. A stream
// that exists for the whole of the call is given exactly once; one that comes
// or goes meanwhile may be given or not. f may use the zone. Errors:
// ErrCorrupt, ErrMoved, ErrClosed.
func (z *Zone) Range(f func(name string, e Entry) bool) error {
	t, err := z.view()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(t)
	for b := range t.buckets {
		found, err := t.bucketStreams(b)
		if err != nil {
			return err
		}
		for _, s := range found {
			if !f(s.name, s.Entry) {
				return nil
			}
		}
	}
	return nil
}

// A stream is one that was found by listing a bucket.
type stream struct {
	Entry
	name  string
	state state
}

// bucketStreams lists the streams of one bucket, as they were in one walk.
func (t *table) bucketStreams(bucket uint64) ([]stream, error) {
	w := walk{table: t}
	for {
		found, torn, err := w.list(bucket)
		if err != nil || torn == nilLink {
			return found, err
		}
		if err := w.again(torn); err != nil {
			return nil, err
		}
	}
}

func (w *walk) list(bucket uint64) (found []stream, torn link, err error) {
	at, err := w.start(bucket)
	if err != nil {
		return nil, nilLink, err
	}
	for n := 0; at != nilLink; n++ {
		if n == w.chainMax {
			return nil, nilLink, ErrCorrupt
		}
		i, s, fits, err := w.arrive(at)
		if err != nil {
			return nil, nilLink, err
		}
		if !fits {
			return nil, at, nil
		}
		if w.effective(s) {
			about := w.about(i)
			e := Entry{Slot: s.slot(), ID: w.id(i, s, about), Born: about.born()}
			name, ok := w.name(i)
			if now := w.state(i); now == s {
				if !ok || about.moved() && !e.ID.valid() {
					return nil, nilLink, ErrCorrupt
				}
				found = append(found, stream{Entry: e, name: name, state: s})
			}
		}
		next, fits := w.onward(i, s)
		if !fits {
			return nil, at, nil
		}
		at = next.unmarked()
	}
	return found, nilLink, nil
}
