package streamzone

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Resized says what a Resize did.
type Resized struct {
	Live   int           // streams moved
	Frozen time.Duration // how long claims and releases had to wait
}

// Resize moves everything that lives to a new zone of other sizes. No stream
// ends, none changes its ID, and lookups go on; claims and releases wait while
// the streams are copied.
//
// pass is given the new zone's file, which stays the keeper's, and must send it
// to every process that joined; each calls Zone.Follow with it. (pass must not
// call the keeper, which is busy.) within bounds how long they may take to do
// that, and again how long they may take to stand still (there two seconds are
// the most).
//
// Errors, with all of which the old zone stays: ErrConfig; ErrTooSmall;
// ErrSlotEmpty and ErrNotFollowed, which name the slot, and ErrBusy: try again;
// ErrCorrupt; ErrClosed; and pass's own.
func (k *Keeper) Resize(cfg Config, within time.Duration, pass func(f *os.File) error) (Resized, error) {
	if err := cfg.Validate(); err != nil {
		return Resized{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return Resized{}, ErrClosed
	}
	cfg = cfg.withDefaults()
	if alive := k.zone.State().Live; alive > cfg.Streams {
		return Resized{}, fmt.Errorf("%w: %d live, %d would fit", ErrTooSmall, alive, cfg.Streams)
	}
	m := mover{from: k.kept, zone: k.zone, within: within}
	if err := m.run(cfg, pass); err != nil {
		return Resized{}, err
	}
	k.kept = m.to
	_ = m.from.giveUp() // nothing of it is needed any more
	return m.result, nil
}

// A mover is one resize.
type mover struct {
	from, to kept
	zone     *Zone // the keeper's view
	within   time.Duration
	joined   []int  // the slots that have to follow
	calls    uint64 // of Claim, before the successor was made
	freeze   status
	result   Resized
}

func (m *mover) run(cfg Config, pass func(f *os.File) error) error {
	if g := m.from.t.status().stage(); g != stageReady {
		return fmt.Errorf("%w: its status is %v", ErrCorrupt, g)
	}
	// What is damaged must not be copied as if it were sound.
	if err := m.from.t.check(); err != nil {
		return err
	}
	if err := m.findJoined(); err != nil {
		return err
	}
	if err := m.prepare(cfg); err != nil {
		return err
	}
	if err := m.move(pass); err != nil {
		m.giveUp()
		return err
	}
	m.zone.cur.Store(m.zone.next.Load())
	m.zone.next.Store(nil)
	return nil
}

// findJoined lists the processes. One that is in an open slot and has not
// joined would not be heard, and would write to the old zone.
func (m *mover) findJoined() error {
	for slot := range Slots {
		if !isOpen(m.from.t.epoch(slot)) {
			continue
		}
		switch held, err := isHeld(m.from.own, int64(slot)); {
		case err != nil:
			return err
		case !held:
			return fmt.Errorf("%w: %d", ErrSlotEmpty, slot)
		}
		m.joined = append(m.joined, slot)
	}
	return nil
}

// prepare makes the successor. Its generations begin above all that the old
// zone will have seen when it is frozen, so that no ID comes again: to count
// them then, or to write them then, would make everybody wait.
func (m *mover) prepare(cfg Config) error {
	m.calls = m.from.t.claimCalls()
	var gen uint64
	for i := range uint32(m.from.t.streams) {
		gen = max(gen, m.from.t.state(i).gen())
	}
	if gen > maxGen/2 {
		return fmt.Errorf("%w: generation %d is impossible", ErrCorrupt, gen)
	}
	f, err := newZone(cfg, gen+genReserve, newStatus(0, stageInit))
	if err != nil {
		return err
	}
	if m.to, err = keep(f); err != nil {
		return errors.Join(err, f.Close())
	}
	view, err := openTable(f, false)
	if err != nil {
		return errors.Join(err, m.to.giveUp())
	}
	m.zone.next.Store(view)
	crash(atPrepared)
	return nil
}

func (m *mover) move(pass func(f *os.File) error) error {
	if err := pass(m.to.file); err != nil {
		return err
	}
	crash(atPassed)
	if err := m.await(m.within, "lock the new zone", m.hasFollowed); err != nil {
		return err
	}
	begun := time.Now()
	if err := m.standStill(); err != nil {
		return err
	}
	if err := m.copy(); err != nil {
		return err
	}
	if err := m.commit(); err != nil {
		return err
	}
	m.result.Frozen = time.Since(begun)
	return nil
}

// await waits for every process that lives to have done something.
func (m *mover) await(within time.Duration, what string, done func(slot int) (bool, error)) error {
	end := time.Now().Add(within)
	for _, slot := range m.joined {
		for pause := 10 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
			ok, err := done(slot)
			if err == nil && !ok {
				ok, err = m.isDead(slot)
			}
			if err != nil {
				return err
			}
			if ok {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%w: slot %d did not %s within %v", ErrNotFollowed, slot, what, within)
			}
			time.Sleep(pause)
		}
	}
	return nil
}

func (m *mover) hasFollowed(slot int) (bool, error) { return isHeld(m.to.own, int64(slot)) }

func (m *mover) hasFrozen(slot int) (bool, error) {
	return m.from.t.slot(slot, slotFrozen).Load() == uint64(m.freeze.freeze()), nil
}

// isDead tells that a process which had joined writes no more.
func (m *mover) isDead(slot int) (bool, error) {
	held, err := isHeld(m.from.own, int64(slot))
	return err == nil && !held, err
}

// standStill freezes the zone.
func (m *mover) standStill() error {
	was := m.from.t.status()
	m.freeze = newStatus(was.freeze()+1, stageFreezing)
	if was.stage() != stageReady || !m.from.t.setStatus(was, m.freeze) {
		return fmt.Errorf("%w: its status is %v", ErrCorrupt, was.stage())
	}
	crash(atFreezing)
	m.from.t.ringAll()
	if err := m.await(min(m.within, maxFrozen), "stand still", m.hasFrozen); err != nil {
		return err
	}
	crash(atAllFrozen)
	return nil
}

// commit makes the successor the zone, unless somebody has ended the freeze.
func (m *mover) commit() error {
	m.to.t.mem[atStatus].Store(uint64(newStatus(0, stageReady)))
	crash(atCopied)
	if !m.from.t.setStatus(m.freeze, newStatus(m.freeze.freeze(), stageMoved)) {
		return fmt.Errorf("%w: a process would not stand still for more than %v", ErrNotFollowed, maxFrozen)
	}
	crash(atCommitted)
	m.from.t.ringAll()
	return nil
}

// giveUp ends a resize that came to nothing.
func (m *mover) giveUp() {
	m.to.t.mem[atStatus].Store(uint64(newStatus(0, stageVoid)))
	m.from.t.setStatus(m.freeze, newStatus(m.freeze.freeze(), stageReady))
	crash(atAborted)
	m.from.t.ringAll() // all go on, and forget the successor
	m.zone.next.Store(nil)
	_ = m.to.giveUp()
}
