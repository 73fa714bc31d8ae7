package streamzone

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// maxFrozen is how long a process stands still for a keeper, which may be
// stopped, or dead.
const maxFrozen = 2 * time.Second

// frozenLook is how often it looks by itself what became of the freeze: a
// keeper that dies after its word may not have rung.
const frozenLook = 10 * time.Millisecond

// Follow readies the process for a resize: f is the zone that Keeper.Resize
// made. When Follow has returned, and everything that lives has been moved
// there, this Zone uses it too, by itself; until then, and if the resize comes
// to nothing, it stays where it is. The file stays the caller's. Errors: as
// those of Join; ErrMoved if f is no successor any more.
func (z *Zone) Follow(f *os.File) error {
	if z.slot < 0 {
		return ErrReadOnly
	}
	own, err := reopen(f)
	if err != nil {
		return err
	}
	t, err := openTable(own, true)
	if err != nil {
		return errors.Join(err, own.Close())
	}
	crash(atFollowing)
	z.mu.Lock()
	defer z.mu.Unlock()
	now := z.cur.Load()
	if now == nil {
		return errors.Join(ErrClosed, own.Close())
	}
	if g := t.status().stage(); g != stageInit {
		return errors.Join(fmt.Errorf("%w: the successor's status is %v", ErrMoved, g), own.Close())
	}
	// We may be late for the last move.
	if now.moved() && z.hasSuccessor() {
		now = z.moveFrom(now)
	}
	z.drop()
	// The lock byte comes last: it says that we are ready.
	z.next.Store(t)
	z.heir = own
	if err := lockByte(own, int64(z.slot), ErrSlotBusy); err != nil {
		z.drop()
		return err
	}
	crash(atFollowed)
	// The keeper may have given up while we came.
	now.ring(z.slot)
	return nil
}

// drop forgets the successor. mu is held.
func (z *Zone) drop() {
	z.next.Store(nil)
	if z.heir != nil {
		_ = giveUp(z.heir, int64(z.slot))
		z.heir = nil
	}
}

// A follower is what the watching goroutine knows of a resize.
type follower struct {
	frozen bool
	number uint32    // of the freeze
	since  time.Time // when it began for us
}

// follow does the process's part of a resize, as the status of t asks for it.
// It returns how long the goroutine may sleep (0: until it is rung), or the
// successor, if that is in use now.
func (f *follower) follow(z *Zone, t *table) (wait time.Duration, successor *table) {
	switch s := t.status(); s.stage() {
	case stageFreezing:
		return f.freeze(z, t, s), nil
	case stageMoved:
		if successor = z.move(t); successor != nil {
			*f = follower{}
			return 0, successor
		}
	}
	f.thaw(z)
	z.dropVoid()
	return 0, nil
}

// freeze keeps claims and releases out, waits for those under way, and tells
// the keeper, if we can follow. When the time is over it ends the freeze for
// everybody.
func (f *follower) freeze(z *Zone, t *table, s status) time.Duration {
	if !f.frozen || f.number != s.freeze() {
		z.gate.freeze()
		*f = follower{frozen: true, number: s.freeze(), since: time.Now()}
		crash(atFrozen)
		if z.ready() {
			t.slot(z.slot, slotFrozen).Store(uint64(f.number))
		}
		crash(atFroze)
	}
	if time.Since(f.since) > maxFrozen {
		t.abort(s)
	}
	return frozenLook
}

// ready tells that there is a successor to move to.
func (z *Zone) ready() bool {
	n := z.next.Load()
	return n != nil && n.status().stage() == stageInit
}

// hasSuccessor tells that the successor is complete: the keeper says so there
// before it commits.
func (z *Zone) hasSuccessor() bool {
	n := z.next.Load()
	return n != nil && n.usable() == nil
}

func (f *follower) thaw(z *Zone) {
	if f.frozen {
		*f = follower{}
		z.gate.thaw()
	}
}

// move makes the successor of t the memory in use, unless that has been done.
func (z *Zone) move(t *table) *table {
	z.mu.Lock()
	defer z.mu.Unlock()
	switch now := z.cur.Load(); {
	case now != t:
		return now
	case !z.hasSuccessor():
		return nil // the status is damaged
	}
	return z.moveFrom(t)
}

// moveFrom makes the successor of t the memory in use. mu is held, and no claim
// or release is under way: the keeper has seen us frozen. Interests are
// registered there before the Watches are fired: who claims there after that
// finds them, and what was claimed there before that is found by those who look
// up again.
func (z *Zone) moveFrom(t *table) *table {
	n := z.next.Load()
	watches := z.groups
	z.groups = make(map[uint64]map[*Watch]struct{})
	z.watched = make(map[uint64]int)
	for _, g := range watches {
		for w := range g {
			z.register(n, w, n.bucketOf(n.hash(w.name)))
		}
	}
	crash(atMoving)
	z.cur.Store(n)
	z.next.Store(nil)
	_ = giveUp(z.own, int64(z.slot))
	z.own, z.heir = z.heir, nil
	z.startRotor(n)
	crash(atMoved)
	z.gate.thaw()
	z.fireAll()
	runtime.KeepAlive(t)
	return n
}

// dropVoid forgets a successor that came to nothing.
func (z *Zone) dropVoid() {
	if z.next.Load() == nil {
		return
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if n := z.next.Load(); n != nil && n.status().stage() == stageVoid {
		z.drop()
	}
}
