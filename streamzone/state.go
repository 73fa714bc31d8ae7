package streamzone

import "time"

// A State is a count of the zone. It is exact when nobody is claiming or
// releasing; otherwise every number is of a slightly different moment.
type State struct {
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

// State counts the zone. It reads one word per stream. After Close it is zero.
func (z *Zone) State() State {
	if !z.gate.enter(0) {
		return State{}
	}
	defer z.gate.leave(0)
	t := z.t
	st := State{Capacity: int(t.streams)}
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
// ErrCorrupt, ErrClosed.
func (z *Zone) Range(f func(name string, e Entry) bool) error {
	for b := range z.t.buckets {
		found, err := z.bucketStreams(b)
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

type namedEntry struct {
	Entry
	name string
}

// bucketStreams lists the streams of one bucket, as they were in one walk.
func (z *Zone) bucketStreams(bucket uint64) ([]namedEntry, error) {
	if !z.gate.enter(bucket) {
		return nil, ErrClosed
	}
	defer z.gate.leave(bucket)
	w := walk{table: z.t}
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

func (w *walk) list(bucket uint64) (found []namedEntry, torn link, err error) {
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
			e := newEntry(i, s, w.node(i, nodeAbout).Load())
			name, ok := w.name(i)
			if now := w.state(i); now == s {
				if !ok {
					return nil, nilLink, ErrCorrupt
				}
				found = append(found, namedEntry{Entry: e, name: name})
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
