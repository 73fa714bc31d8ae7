package streamzone

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Watch tells that a name may have got an owner.
type Watch struct {
	// C receives after a claim of the name. It holds one signal: several
	// claims may give one. It also receives for no reason that concerns the
	// name: a claim of another name in the same bucket, the closing of any
	// slot, the closing of the zone, a resize. It is never closed.
	C <-chan struct{}

	c      chan struct{}
	z      *Zone
	name   string
	bucket uint64 // of the memory in use; guarded by watcher.mu
	closed bool   // likewise
}

// A watcher is the waiting side of a joined zone: one parked thread, however
// many Watches there are.
type watcher struct {
	closing atomic.Bool
	done    chan struct{} // closed when the goroutine has ended

	mu sync.Mutex
	// Guarded by mu. It also covers every change of the slot's own interest
	// bits, so that clearing one cannot cross the setting of it again, and every
	// change of the memory in use.
	groups  map[uint64]map[*Watch]struct{} // by bucket % dirtyGroups
	watched map[uint64]int                 // Watches in each bucket
}

// Watch registers interest in a name. To wait for an owner without missing it:
//
//	w, err := zone.Watch(name)
//	defer w.Close()
//	for {
//		e, ok, err := zone.Lookup(name) // only now, after Watch
//		if err != nil || ok { … }
//		<-w.C
//	}
//
// A claim that the Lookup did not see will find the interest and fire C.
// Errors: ErrNameEmpty, ErrNameTooLong, ErrReadOnly, ErrClosed.
func (z *Zone) Watch(name string) (*Watch, error) {
	if z.slot < 0 {
		return nil, ErrReadOnly
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	t := z.cur.Load() // kept by z.cur, which changes only under mu
	if t == nil {
		return nil, ErrClosed
	}
	k, err := t.key(name)
	if err != nil {
		return nil, err
	}
	c := make(chan struct{}, 1)
	w := &Watch{C: c, c: c, z: z, name: name}
	z.register(t, w, k.bucket)
	crash(atWatched)
	return w, nil
}

// register puts w on the lists, and the slot's interest into the bucket.
func (z *Zone) register(t *table, w *Watch, bucket uint64) {
	w.bucket = bucket
	g := bucket % dirtyGroups
	if z.groups[g] == nil {
		z.groups[g] = make(map[*Watch]struct{})
	}
	z.groups[g][w] = struct{}{}
	z.watched[bucket]++
	if z.watched[bucket] == 1 {
		t.interest(bucket, z.slot/64).Or(1 << (z.slot % 64))
	}
}

// Close ends the watching. It may be called more than once.
func (w *Watch) Close() {
	z := w.z
	z.mu.Lock()
	defer z.mu.Unlock()
	t := z.cur.Load()
	if w.closed || t == nil {
		return
	}
	w.closed = true
	g := w.bucket % dirtyGroups
	delete(z.groups[g], w)
	if len(z.groups[g]) == 0 {
		delete(z.groups, g)
	}
	z.watched[w.bucket]--
	if z.watched[w.bucket] == 0 {
		delete(z.watched, w.bucket)
		t.interest(w.bucket, z.slot/64).And(^(uint64(1) << (z.slot % 64)))
	}
}

func (w *Watch) fire() {
	select {
	case w.c <- struct{}{}:
	default: // a signal is waiting already
	}
}

func (z *Zone) startWatcher(t *table) {
	z.groups = make(map[uint64]map[*Watch]struct{})
	z.watched = make(map[uint64]int)
	z.done = make(chan struct{})
	go z.listen(t)
}

// listen parks on the slot's bell until it rings. The bell is read before the
// dirty words are taken, and a ringer marks dirty before it rings: so whatever
// comes after the taking makes the futex refuse to wait. The same holds for
// the zone's status.
func (z *Zone) listen(t *table) {
	defer close(z.done)
	var f follower
	for {
		bell := t.slot(z.slot, slotBell)
		heard := uint32(bell.Load())
		crash(atHeard)
		if z.closing.Load() {
			return
		}
		wait, successor := f.follow(z, t)
		if successor != nil {
			t = successor
			continue
		}
		for n := range dirtyWords {
			if dirty := t.slot(z.slot, slotDirty+n).Swap(0); dirty != 0 {
				crash(atTaken)
				z.fireGroups(uint64(n)*64, dirty)
			}
		}
		futexWait(bell, heard, wait)
		runtime.KeepAlive(t)
	}
}

func (z *Zone) fireGroups(first, dirty uint64) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for ; dirty != 0; dirty &= dirty - 1 {
		for w := range z.groups[first+uint64(bits.TrailingZeros64(dirty))] {
			w.fire()
		}
	}
}

// fireAll fires every Watch. mu is held.
func (z *Zone) fireAll() {
	for _, g := range z.groups {
		for w := range g {
			w.fire()
		}
	}
}

// stopWatcher ends the goroutine. closing is set already.
func (z *Zone) stopWatcher() {
	for t := z.cur.Load(); ; {
		t.ring(z.slot)
		select {
		case <-z.done:
			runtime.KeepAlive(t)
			return
		case <-time.After(time.Millisecond): // it has just moved to another bell
			t = z.cur.Load()
		}
	}
}

// ringBucket tells every slot with an interest in the bucket that something
// was linked there. Ringers never clear the interest: only the slot's own
// process does, when no Watch needs it any more.
func (t *table) ringBucket(bucket uint64) {
	group := bucket % dirtyGroups
	for half := range Slots / 64 {
		for mask := t.interest(bucket, half).Load(); mask != 0; mask &= mask - 1 {
			slot := half*64 + bits.TrailingZeros64(mask)
			// A closed slot's interest is left over. Who opens it and watches
			// after this look will find the linked node by itself.
			if !isOpen(t.epoch(slot)) {
				continue
			}
			crash(atInterest)
			t.slot(slot, slotDirty+int(group/64)).Or(1 << (group % 64))
			crash(atDirty)
			t.ring(slot)
		}
	}
}

// ringAll wakes every Watch of every process.
func (t *table) ringAll() {
	for slot := range Slots {
		if !isOpen(t.epoch(slot)) {
			continue
		}
		for n := range dirtyWords {
			t.slot(slot, slotDirty+n).Store(^uint64(0))
		}
		t.ring(slot)
	}
}

func (t *table) ring(slot int) {
	bell := t.slot(slot, slotBell)
	bell.Add(1)
	crash(atBell)
	futexWake(bell)
}
