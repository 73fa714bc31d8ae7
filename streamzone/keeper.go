package streamzone

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// A Keeper is the master's side of a zone: it makes the memory, opens a slot
// for each worker that it starts, and closes it when the worker is dead. There
// is one living keeper per zone. All methods may be called from any goroutine.
type Keeper struct {
	zone *Zone // a read-only view, for Zone. Static

	mu sync.Mutex // one OpenSlot, CloseSlot, Sweep or Resize at a time
	// Guarded by mu.
	kept
	closed bool
}

// What a keeper has of the zone that it keeps.
type kept struct {
	file *os.File // the zone, to be passed on
	own  *os.File // our own open file description, holding the keeper's lock byte
	t    *table
}

func (k kept) giveUp() error {
	return errors.Join(giveUp(k.own, keeperByte), k.file.Close())
}

// Create makes a new, empty zone in memory of its own. Errors: ErrConfig, and
// the kernel's if there is not enough memory.
func Create(cfg Config) (*Keeper, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f, err := newZone(cfg.withDefaults(), 0, newStatus(0, stageReady))
	if err != nil {
		return nil, err
	}
	k, err := Adopt(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return k, nil
}

// newZone makes the memory of an empty zone.
func newZone(cfg Config, gen uint64, st status) (*os.File, error) {
	g := newGeometry(cfg)
	f, err := newMemfd(g.bytes())
	if err != nil {
		return nil, err
	}
	m, err := mapWords(f, g.bytes(), true)
	if err == nil {
		err = errors.Join(format(m.words, cfg, gen, st), m.unmap())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Adopt makes the caller the keeper of an existing zone whose keeper has ended:
// a master that took over. It then owns f. The new keeper should try CloseSlot
// and Sweep on every slot; whatever its predecessor left half done is done
// again. Errors: ErrKeeperBusy if the zone has a living keeper, and Attach's
// (ErrMoved: the predecessor finished a resize; adopt the successor).
func Adopt(f *os.File) (*Keeper, error) {
	mine, err := keep(f)
	if err != nil {
		return nil, err
	}
	zone, err := Attach(f)
	if err != nil {
		return nil, errors.Join(err, giveUp(mine.own, keeperByte))
	}
	// What the last keeper wanted to move to is void.
	if s := mine.t.status(); s.stage() == stageFreezing {
		mine.t.abort(s)
	}
	return &Keeper{kept: mine, zone: zone}, nil
}

// keep takes the keeper's lock byte of a zone. The file stays the caller's
// until there is no error.
func keep(f *os.File) (kept, error) {
	own, err := reopen(f)
	if err != nil {
		return kept{}, err
	}
	if err := lockByte(own, keeperByte, ErrKeeperBusy); err != nil {
		return kept{}, errors.Join(err, own.Close())
	}
	t, err := openTable(own, true)
	if err != nil {
		return kept{}, errors.Join(err, giveUp(own, keeperByte))
	}
	return kept{file: f, own: own, t: t}, nil
}

// File is the sealed memfd, close-on-exec, to be passed to workers
// (exec.Cmd.ExtraFiles). It stays the keeper's: Resize replaces and closes it.
func (k *Keeper) File() *os.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.file
}

// Zone is the keeper's read-only view of the zone. Close ends it too.
func (k *Keeper) Zone() *Zone { return k.zone }

// OpenSlot readies a slot for a new process and returns the epoch that it must
// Join with. The slot's dead streams need not have been swept, but must be once
// in 32,000 openings: then its epochs come again. Errors: ErrSlotOpen if it is
// open, ErrSlotRange, ErrClosed.
func (k *Keeper) OpenSlot(slot int) (epoch uint16, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ready(slot); err != nil {
		return 0, err
	}
	if isOpen(k.t.epoch(slot)) {
		return 0, fmt.Errorf("%w: %d", ErrSlotOpen, slot)
	}
	// Nobody is in the slot: what the last process waited for is void.
	for b := range k.t.buckets {
		k.t.interest(b, slot/64).And(^(uint64(1) << (slot % 64)))
	}
	for n := range dirtyWords {
		k.t.slot(slot, slotDirty+n).Store(0)
	}
	k.t.slot(slot, slotPID).Store(0)
	k.t.slot(slot, slotSince).Store(0)
	crash(atOpening)
	epoch = k.advance(slot)
	crash(atOpened)
	return epoch, nil
}

// CloseSlot ends the existence of all streams that the slot's process owned,
// in one step, and wakes every Watch in every process. It wants the kernel's
// proof that the process is dead: ErrSlotBusy means that it still holds its
// lock byte. (A child of it, between fork and exec, holds the byte too, for an
// instant: try again.) Closing a closed slot wakes the Watches and does nothing
// else. Other errors: ErrSlotRange, ErrClosed.
func (k *Keeper) CloseSlot(slot int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ready(slot); err != nil {
		return err
	}
	// Holding the byte ourselves keeps a late joiner out while we look.
	if err := lockByte(k.own, int64(slot), fmt.Errorf("%w: slot %d", ErrSlotBusy, slot)); err != nil {
		return err
	}
	crash(atClosing)
	if isOpen(k.t.epoch(slot)) {
		k.advance(slot)
	}
	crash(atClosed)
	err := unlockByte(k.own, int64(slot))
	k.t.ringAll()
	return err
}

// advance moves the slot to its next epoch: from closed to open or back.
func (k *Keeper) advance(slot int) uint16 {
	epoch := k.t.epoch(slot) + 1
	k.t.epochWord(slot).Store(uint64(epoch))
	return epoch
}

func (k *Keeper) ready(slot int) error {
	if k.closed {
		return ErrClosed
	}
	if slot < 0 || slot >= Slots {
		return fmt.Errorf("%w: %d", ErrSlotRange, slot)
	}
	return nil
}

// Close gives up the keeping and closes File. The zone lives on in the
// processes that joined it.
func (k *Keeper) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	return errors.Join(k.zone.Close(), k.giveUp())
}
