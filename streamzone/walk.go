package streamzone

import "runtime"

// A walk goes down a bucket's chain from its head. Nodes may be deleted, freed
// and reused under its feet: then what it read is torn and it starts again.
//
// Inserts happen at the head only (R3), so a walk visits nothing but nodes that
// were in the chain when it started. Two things follow. It never sees more than
// chainMax nodes. And a link once found torn cannot be met again by a later
// walk, because generations never come back. Either one means damage, which is
// how a walk over damaged memory ends.
type walk struct {
	*table
	torn  link // the link that the last restart was for
	tries int
}

// maxTries bounds the restarts of one walk. Each takes a rival that made
// progress within a few nanoseconds, so no load reaches it, only damage that
// keeps changing.
const maxTries = 1 << 14

// again tells whether to start over after meeting a torn link, or after losing
// a compare-and-swap (nilLink).
func (w *walk) again(at link) error {
	w.tries++
	if w.tries > maxTries || at != nilLink && at == w.torn {
		return ErrCorrupt
	}
	if at != nilLink {
		w.torn = at
	}
	if w.tries%64 == 0 {
		runtime.Gosched()
	}
	return nil
}

// arrive follows a link to its node. fits is false if the node has moved on.
func (w *walk) arrive(at link) (i uint32, s state, fits bool, err error) {
	i = at.index()
	if uint64(i) >= w.streams {
		return 0, 0, false, ErrCorrupt
	}
	s = w.state(i)
	crash(atArrived)
	return i, s, s.gen() == at.gen() && s.phase() >= live, nil
}

// onward reads where node i leads. R4: what was read counts only if the node
// is still the same incarnation, and not free, after the reading.
func (w *walk) onward(i uint32, s state) (next link, fits bool) {
	next = w.next(i)
	crash(atRead)
	now := w.state(i)
	return next, now.gen() == s.gen() && now.phase() != free
}

// start reads the bucket's head.
func (w *walk) start(bucket uint64) (link, error) {
	head := link(w.head(bucket).Load())
	if head.marked() {
		return nilLink, ErrCorrupt
	}
	return head, nil
}

// A sighting is what a search for a name saw.
type sighting struct {
	found  bool
	index  uint32 // of the node found, with what was read of it
	state  state
	about  about
	id     ID
	torn   link // not nil: the search must start again
	length int  // nodes in the chain, if neither found nor torn
}

func (s *sighting) entry() Entry {
	if !s.found {
		return Entry{}
	}
	return Entry{Slot: s.state.slot(), ID: s.id, Born: s.about.born()}
}

// find looks for k in the chain that begins at a head value.
func (w *walk) find(at link, k *key) (sighting, error) {
	for n := 0; at != nilLink; n++ {
		if n == w.chainMax {
			return sighting{}, ErrCorrupt
		}
		i, s, fits, err := w.arrive(at)
		if err != nil {
			return sighting{}, err
		}
		if !fits {
			return sighting{torn: at}, nil
		}
		if s.phase() == live && w.matches(i, k) {
			about := w.about(i)
			id := w.id(i, s, about)
			crash(atRead)
			now := w.state(i)
			if now.gen() != s.gen() {
				return sighting{torn: at}, nil
			}
			// The epoch is read after the state. Epochs only move on, so both
			// held at the moment the state was read.
			if now == s && w.effective(s) {
				if about.moved() && !id.valid() {
					return sighting{}, ErrCorrupt
				}
				return sighting{found: true, index: i, state: s, about: about, id: id}, nil
			}
		}
		next, fits := w.onward(i, s)
		if !fits {
			return sighting{torn: at}, nil
		}
		at = next.unmarked()
		if at == nilLink {
			return sighting{length: n + 1}, nil
		}
	}
	return sighting{}, nil
}

// unlink takes node i out of the bucket's chain. It returns when a complete
// walk from the head to the end did not meet the node (R1); then nobody can
// reach it any more and it may be freed.
func (t *table) unlink(bucket uint64, i uint32) error {
	w := walk{table: t}
	for {
		gone, torn, err := w.expel(bucket, i)
		if gone || err != nil {
			return err
		}
		if err := w.again(torn); err != nil {
			return err
		}
	}
}

// expel walks the chain once and unlinks every marked node on the way, whoever
// marked it (R2: helpers only unlink). gone means: the walk was complete and
// did not meet the target.
func (w *walk) expel(bucket uint64, target uint32) (gone bool, torn link, err error) {
	at, err := w.start(bucket)
	if err != nil {
		return false, nilLink, err
	}
	from := w.head(bucket)
	for n := 0; at != nilLink; n++ {
		if n == w.chainMax {
			return false, nilLink, ErrCorrupt
		}
		i, s, fits, err := w.arrive(at)
		if err != nil {
			return false, nilLink, err
		}
		if !fits {
			return false, at, nil
		}
		next, fits := w.onward(i, s)
		if !fits {
			return false, at, nil
		}
		if !next.marked() {
			from, at = w.node(i, nodeNext), next
			continue
		}
		crash(atUnlinking)
		if !from.CompareAndSwap(uint64(at), uint64(next.unmarked())) {
			return false, nilLink, nil
		}
		crash(atUnlinked)
		// R1: to have unlinked it proves nothing. The word that was swapped may
		// belong to a node that was freed meanwhile and is reused, still private.
		if i == target {
			return false, nilLink, nil
		}
		at = next.unmarked()
	}
	return true, nilLink, nil
}
