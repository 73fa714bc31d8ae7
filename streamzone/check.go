package streamzone

import (
	"errors"
	"fmt"
	"runtime"
)

// Check examines every rule that holds at all times, under any load and after
// any crash:
//
//   - the header is intact and the zone is ready;
//   - every chain ends, within its cap, and its links are in range and name
//     the generation of their target;
//   - a node in a chain is LIVE or RELEASING, and only a RELEASING one is marked;
//   - it is in the chain of its own name, once; its name has a length in range
//     and the recorded hash, so it is not torn;
//   - at most one effective node has a given name.
//
// The error lists what was found (at most a few dozen) and wraps ErrCorrupt;
// or it is ErrMoved or ErrClosed.
func (z *Zone) Check() error {
	t, err := z.view()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(t)
	return t.check()
}

func (t *table) check() error {
	var r report
	for b := range t.buckets {
		r.add(t.checkBucket(b))
	}
	r.add(t.checkHeader())
	r.add(t.checkStatus())
	return r.err()
}

// checkHeader compares the header with what this process took from it when it
// came.
func (t *table) checkHeader() error {
	now, err := checkTable(t.mem, t.bytes())
	if err != nil {
		return err
	}
	if now.geometry != t.geometry || now.secret != t.secret || now.zoneID != t.zoneID {
		return errors.New("the header is another zone's than when it was mapped")
	}
	return nil
}

// checkStatus admits also MOVED: the zone may move while it is examined.
func (t *table) checkStatus() error {
	if err := t.usable(); err != nil && !errors.Is(err, ErrMoved) {
		return err
	}
	return nil
}

// CheckIdle examines, besides what Check does, what holds when no process is
// in the middle of a call and every closed slot has been swept: nothing is
// CLAIMING or RELEASING, every LIVE node is effective and in its chain, every
// free node has its hint. Under load it reports what is only in progress.
func (z *Zone) CheckIdle() error {
	t, err := z.view()
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(t)
	if err := t.check(); err != nil {
		return err
	}
	var r report
	reachable := t.reachable()
	for i := range uint32(t.streams) {
		r.add(t.checkIdleNode(i, reachable))
	}
	return r.err()
}

// reachable is every link that a chain of an idle zone holds.
func (t *table) reachable() map[link]bool {
	links := make(map[link]bool)
	for b := range t.buckets {
		at := link(t.head(b).Load())
		for uint64(at.index()) < t.streams && !links[at] {
			links[at] = true
			at = t.next(at.index()).unmarked()
		}
	}
	return links
}

func (t *table) checkIdleNode(i uint32, reachable map[link]bool) error {
	s := t.state(i)
	hinted := t.hint(uint64(i)/64).Load()>>(i%64)&1 == 1
	switch {
	case s.phase() == free && !hinted:
		return fmt.Errorf("node %d is free and has no hint", i)
	case s.phase() == free:
		return nil
	case s.phase() != live:
		return fmt.Errorf("node %d was left in phase %d by slot %d", i, s.phase(), s.slot())
	case !t.effective(s):
		return fmt.Errorf("node %d of slot %d has not been swept: epoch %d, now %d",
			i, s.slot(), s.epoch(), t.epoch(s.slot()))
	case !reachable[s.linkTo(i)]:
		return fmt.Errorf("node %d of slot %d is live and in no chain", i, s.slot())
	}
	return nil
}

// A report collects findings, but not without end.
type report struct {
	errs []error
	more int
}

func (r *report) add(err error) {
	switch {
	case err == nil:
	case len(r.errs) < 32:
		r.errs = append(r.errs, err)
	default:
		r.more++
	}
}

func (r *report) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d findings:\n%w", ErrCorrupt, len(r.errs)+r.more, errors.Join(r.errs...))
}

// checkBucket examines one chain, again and again until one walk was not torn.
func (t *table) checkBucket(bucket uint64) error {
	w := walk{table: t}
	for {
		torn, err := w.inspect(bucket)
		if err != nil {
			return fmt.Errorf("bucket %d: %w", bucket, err)
		}
		if torn == nilLink {
			return nil
		}
		if w.again(torn) != nil {
			return fmt.Errorf("bucket %d: link to node %d does not fit the node (link %#x, state %#x)",
				bucket, torn.index(), uint64(torn), uint64(t.state(torn.index())))
		}
	}
}

// inspect walks a chain once and judges every node in it.
func (w *walk) inspect(bucket uint64) (torn link, err error) {
	at, err := w.start(bucket)
	if err != nil {
		return nilLink, errors.New("the head is marked")
	}
	streams := make(map[string]uint32)
	for n := 0; at != nilLink; n++ {
		if n == w.chainMax {
			return nilLink, fmt.Errorf("more than %d nodes: a cycle", w.chainMax)
		}
		i, s, fits, err := w.arrive(at)
		if err != nil {
			return nilLink, fmt.Errorf("link %#x is out of range", uint64(at))
		}
		if !fits {
			return at, nil
		}
		name, nameErr := w.checkName(bucket, i)
		if a := w.about(i); nameErr == nil && a.moved() && !w.id(i, s, a).valid() {
			nameErr = fmt.Errorf("node %d has an impossible first ID", i)
		}
		effective := w.effective(s)
		next, fits := w.onward(i, s)
		if !fits {
			return at, nil
		}
		if next.marked() && s.phase() == live && w.state(i) == s {
			return nilLink, fmt.Errorf("node %d is marked and live", i)
		}
		// Still the same incarnation: what was read of it counts.
		if nameErr != nil {
			return nilLink, nameErr
		}
		if effective {
			if other, twice := streams[name]; twice {
				return nilLink, fmt.Errorf("nodes %d and %d are both %.80q", other, i, name)
			}
			streams[name] = i
		}
		at = next.unmarked()
	}
	return nilLink, nil
}

func (t *table) checkName(bucket uint64, i uint32) (string, error) {
	name, ok := t.name(i)
	hash := t.node(i, nodeHash).Load()
	switch {
	case !ok:
		return "", fmt.Errorf("node %d has an impossible name", i)
	case t.hash(name) != hash:
		return "", fmt.Errorf("node %d has a torn name %.80q", i, name)
	case t.bucketOf(hash) != bucket:
		return "", fmt.Errorf("node %d is in the chain of another bucket: %.80q", i, name)
	}
	return name, nil
}
