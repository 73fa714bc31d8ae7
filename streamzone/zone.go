package streamzone

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Zone is one process's view of the shared memory. All methods may be called
// by any number of goroutines, also during and after Close.
type Zone struct {
	// Static after construction.
	t     *table
	m     *mapping
	slot  int      // -1: attached, not joined
	epoch uint16   // of the slot when it was joined
	own   *os.File // our own open file description, holding the slot's lock byte

	gate  gate
	rotor atomic.Uint64 // word of the hints where the last node was found
	watcher
}

// Attach maps the zone for reading: Lookup, State, Range, Check. It needs no
// slot. The file stays the caller's and may be closed afterwards. A file that
// is not a zone, is not sealed or has a damaged header is refused (ErrCorrupt).
func Attach(f *os.File) (*Zone, error) {
	t, m, err := openTable(f, false)
	if err != nil {
		return nil, err
	}
	return &Zone{t: t, m: m, slot: -1}, nil
}

// Join attaches to the zone as the process of a slot, with the epoch that
// OpenSlot gave. Besides reading, the Zone may Claim, Release and Watch. Until
// Close or the end of the process it holds the slot's lock byte: that is how
// the keeper knows that the process lives.
//
// Join starts one goroutine, which parks one thread. Errors: ErrSlotRange,
// ErrSlotBusy if another process (or Zone) holds the slot, ErrSlotClosed if
// the epoch is not the slot's, and Attach's.
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
		_ = own.Close()
		return nil, fmt.Errorf("join slot %d: %w", slot, err)
	}
	return z, nil
}

func join(own *os.File, slot int, epoch uint16) (*Zone, error) {
	// The lock first: under it the epoch cannot change.
	if err := lockByte(own, int64(slot), ErrSlotBusy); err != nil {
		return nil, err
	}
	t, m, err := openTable(own, true)
	if err != nil {
		return nil, err
	}
	if now := t.epoch(slot); now != epoch || !isOpen(epoch) {
		_ = m.unmap()
		return nil, fmt.Errorf("%w: it has epoch %d, not %d", ErrSlotClosed, now, epoch)
	}
	z := &Zone{t: t, m: m, slot: slot, epoch: epoch, own: own}
	t.slot(slot, slotPID).Store(uint64(os.Getpid()))
	t.slot(slot, slotSince).Store(uint64(time.Now().UnixMilli()))
	// Processes start their searches for free nodes in different places.
	z.rotor.Store(uint64(slot) * t.hintWords / Slots)
	z.startWatcher()
	return z, nil
}

// Slot is the slot that the zone was joined with; -1 after Attach.
func (z *Zone) Slot() int { return z.slot }

// Close ends the use of the zone: it stops the watching, waits for calls under
// way, unmaps the memory and gives the slot's lock byte back. Calls that come
// later return ErrClosed (or nothing). All Watches fire once more. Streams
// still claimed stay until the keeper closes the slot.
func (z *Zone) Close() error {
	if !z.closing.CompareAndSwap(false, true) {
		return nil
	}
	if z.slot >= 0 {
		z.stopWatcher()
	}
	z.gate.shut()
	err := z.m.unmap()
	if z.own != nil {
		// Last: a free lock byte means that we write no more.
		err = errors.Join(err, unlockByte(z.own, int64(z.slot)), z.own.Close())
	}
	z.fireAll()
	return err
}

// A gate lets calls in until it is shut, and shuts when the last one is out.
// It is divided so that lookups on different cores do not fight for one
// counter; the same number must be given to enter and leave.
type gate struct {
	doors [8]door
}

type door struct {
	mu   sync.RWMutex
	shut bool
	_    [64 - 32]byte // one cache line each
}

func (g *gate) enter(n uint64) bool {
	d := &g.doors[n%uint64(len(g.doors))]
	d.mu.RLock()
	if d.shut {
		d.mu.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave(n uint64) { g.doors[n%uint64(len(g.doors))].mu.RUnlock() }

func (g *gate) shut() {
	for i := range g.doors {
		d := &g.doors[i]
		d.mu.Lock()
		d.shut = true
		d.mu.Unlock()
	}
}
