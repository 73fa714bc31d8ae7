package streamzone

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// A Zone is one process's view of the shared memory. All methods may be called
// by any number of goroutines, also during and after Close.
type Zone struct {
	// Static after construction.
	slot  int    // -1: attached, not joined
	epoch uint16 // of the slot when it was joined

	cur  atomic.Pointer[table] // the memory in use; nil after Close
	next atomic.Pointer[table] // its successor, if there is to be one: see Follow
	own  *os.File              // our own open file description, holding the slot's lock byte. Guarded by mu
	heir *os.File              // the successor's, likewise

	gate  gate          // for the calls that write nodes
	rotor atomic.Uint64 // word of the hints where the last node was found
	watcher
}

// Attach maps the zone for reading: Lookup, State, Range, Check. It needs no
// slot. The file stays the caller's and may be closed afterwards. A file that
// is not a zone, is not sealed or has a damaged header is refused (ErrCorrupt);
// so is one of another version (ErrVersion), or one that was resized and has a
// successor (ErrMoved).
func Attach(f *os.File) (*Zone, error) {
	t, err := openTable(f, false)
	if err == nil {
		err = t.usable()
	}
	if err != nil {
		return nil, err
	}
	z := &Zone{slot: -1}
	z.cur.Store(t)
	return z, nil
}

// Join attaches to the zone as the process of a slot, with the epoch that
// OpenSlot gave. Besides reading, the Zone may Claim, Release and Watch. Until
// Close or the end of the process it holds the slot's lock byte: that is how
// the keeper knows that the process lives.
//
// Join starts one goroutine, which parks one thread. Errors: ErrSlotRange,
// ErrSlotBusy if another process (or Zone) holds the slot, ErrSlotClosed if
// the epoch is not the slot's, and Attach's. While a zone is being resized
// nobody can join it (ErrMoved).
func Join(f *os.File, slot int, epoch uint16) (*Zone, error) {
	if slot < 0 || slot >= Slots {
		return nil, fmt.Errorf("%w: %d", ErrSlotRange, slot)
	}
	own, err := reopen(f)
	if err != nil {
		return nil, err
	}
	z, err := join(own, slot, epoch)
	if err != nil {
		_ = giveUp(own, int64(slot))
		return nil, fmt.Errorf("join slot %d: %w", slot, err)
	}
	return z, nil
}

func join(own *os.File, slot int, epoch uint16) (*Zone, error) {
	// The lock first: under it the epoch cannot change.
	if err := lockByte(own, int64(slot), ErrSlotBusy); err != nil {
		return nil, err
	}
	crash(atJoining)
	t, err := openTable(own, true)
	if err == nil {
		err = t.usable()
	}
	if err != nil {
		return nil, err
	}
	// The keeper of a freezing zone may have taken us for dead.
	if t.status().stage() == stageFreezing {
		return nil, fmt.Errorf("%w: it is being resized", ErrMoved)
	}
	if now := t.epoch(slot); now != epoch || !isOpen(epoch) {
		return nil, fmt.Errorf("%w: it has epoch %d, not %d", ErrSlotClosed, now, epoch)
	}
	z := &Zone{slot: slot, epoch: epoch, own: own}
	z.cur.Store(t)
	t.slot(slot, slotPID).Store(uint64(os.Getpid()))
	t.slot(slot, slotSince).Store(uint64(time.Now().UnixMilli()))
	z.startRotor(t)
	z.startWatcher(t)
	return z, nil
}

// startRotor makes processes start their searches for free nodes in different
// places.
func (z *Zone) startRotor(t *table) {
	z.rotor.Store(uint64(z.slot) * t.hintWords / Slots)
}

// Slot is the slot that the zone was joined with; -1 after Attach.
func (z *Zone) Slot() int { return z.slot }

// A table that is read is kept alive by its reader (runtime.KeepAlive): the
// memory is unmapped when nobody can reach the table any more.

// view is the memory to read from now: that in use or, if it has moved and we
// are about to move too, its successor.
func (z *Zone) view() (*table, error) {
	t := z.cur.Load()
	if t == nil {
		return nil, ErrClosed
	}
	for range maxMoves {
		if !t.moved() {
			return t, nil
		}
		n := z.next.Load()
		now := z.cur.Load()
		switch {
		case now == nil:
			return nil, ErrClosed
		case now != t: // we have moved meanwhile
			t = now
		case n == nil || n.usable() != nil:
			return nil, z.lost()
		default: // next was loaded while t was in use: it is t's successor
			return n, nil
		}
	}
	return nil, z.lost()
}

// lost is why a zone cannot be used that has moved without us.
func (z *Zone) lost() error {
	if z.slot < 0 {
		return ErrMoved
	}
	return fmt.Errorf("%w: it has moved, and we were not told where", ErrCorrupt)
}

// Close ends the use of the zone: it stops the watching, waits for claims and
// releases under way, and gives the slot's lock byte back. Calls that come
// later return ErrClosed (or nothing). All Watches fire once more. Streams
// still claimed stay until the keeper closes the slot.
func (z *Zone) Close() error {
	if !z.closing.CompareAndSwap(false, true) {
		return nil
	}
	if z.slot < 0 {
		z.cur.Store(nil)
		return nil
	}
	z.stopWatcher()
	z.gate.shut()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.cur.Store(nil)
	// Last: a free lock byte means that we write no more.
	err := giveUp(z.own, int64(z.slot))
	z.drop()
	z.fireAll()
	return err
}

// enter lets a call in that writes nodes, with the memory that it may write to
// until it leaves.
func (z *Zone) enter(n uint64) (*table, error) {
	if z.slot < 0 {
		return nil, ErrReadOnly
	}
	if !z.gate.enter(n) {
		return nil, ErrClosed
	}
	t := z.cur.Load() // not nil while anybody is in
	if t.moved() {
		z.gate.leave(n)
		return nil, z.lost()
	}
	return t, nil
}

func (z *Zone) leave(n uint64, t *table) {
	z.gate.leave(n)
	runtime.KeepAlive(t)
}
