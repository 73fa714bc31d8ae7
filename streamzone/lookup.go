package streamzone

import "runtime"

// Lookup tells who owns the name. It writes nothing to the zone, waits for
// nobody and allocates nothing.
//
// The answer was true at some moment during the call. The owner's worker may
// be dead already: that shows when the master closes its slot, and to whoever
// tries to connect to it. Errors: ErrNameEmpty, ErrNameTooLong, ErrCorrupt,
// ErrMoved, ErrClosed.
func (z *Zone) Lookup(name string) (e Entry, ok bool, err error) {
	// What nearly every lookup meets is tried first. If that is not all, or not
	// sound, or may be out of date, the search starts again in the general way.
	t := z.cur.Load()
	if t == nil || name == "" || uint64(len(name)) > t.nameMax {
		return z.lookup(name)
	}
	hash, tail := t.secret.sum(name)
	i, s, sure := t.glance(hash)
	var a about
	if sure && s != 0 {
		a, sure = t.confirm(i, s, name, tail)
	}
	crash(atLooked)
	late := t.moved() // and so of no use: see lookup
	runtime.KeepAlive(t)
	switch {
	case late || !sure:
		return z.lookup(name)
	case s == 0:
		return e, false, nil
	}
	// Field by field: a copy of a whole Entry would cost as much as the hash.
	e.Slot = s.slot()
	e.ID = ID{Generation: s.gen(), Index: i}
	e.Born = a.born()
	return e, true, nil
}

// glanceNodes is how far down a chain a glance goes. Few chains are longer.
const glanceNodes = 8

// glance finds the first node with this hash, and its state, in a chain in
// which nothing else is going on: every node that it meets is LIVE, and is
// still the same after it was read (R4). A state of 0 means that there is none.
func (t *table) glance(hash uint64) (i uint32, s state, sure bool) {
	at := link(t.head(t.bucketOf(hash)).Load())
	for range glanceNodes {
		if at == nilLink {
			return 0, 0, true
		}
		i = at.index()
		if at.marked() || uint64(i) >= t.streams {
			return 0, 0, false
		}
		node := t.hotNode(i)
		s = state(node[nodeState].Load())
		crash(atArrived)
		if s.gen() != at.gen() || s.phase() != live {
			return 0, 0, false
		}
		if node[nodeHash].Load() == hash {
			return i, s, true
		}
		at = link(node[nodeNext].Load())
		crash(atRead)
		if state(node[nodeState].Load()) != s {
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// confirm tells whether node i, in state s, is the stream of that name: by its
// words, and by its state afterwards (R4). A stream that came from another
// zone has its ID elsewhere and is left to the general way.
func (t *table) confirm(i uint32, s state, name string, tail uint64) (a about, sure bool) {
	node := t.hotNode(i)
	a = about(node[nodeAbout].Load())
	if a.moved() || a.length() != len(name) {
		return a, false
	}
	if len(name) > hotName*wordBytes {
		if !t.holds(i, name, tail) {
			return a, false
		}
	} else {
		var diff uint64
		for at := 0; at < len(name)-7; at += wordBytes {
			diff |= node[nodeName+at/wordBytes].Load() ^ wholeWord(name[at:])
		}
		if n := len(name); n%wordBytes != 0 {
			diff |= node[nodeName+n/wordBytes].Load() ^ tail
		}
		if diff != 0 {
			return a, false
		}
	}
	crash(atRead)
	if state(node[nodeState].Load()) != s {
		return a, false
	}
	return a, t.effective(s) // the epoch after the state: see find
}

// lookup is a Lookup in the general way.
func (z *Zone) lookup(name string) (Entry, bool, error) {
	for range maxMoves {
		t, err := z.view()
		if err != nil {
			return Entry{}, false, err
		}
		e, ok, err := t.lookup(name)
		crash(atLooked)
		// Others may claim in the successor as soon as there is one, so what was
		// read here counts only if there was none afterwards.
		moved := t.moved()
		runtime.KeepAlive(t)
		if !moved {
			return e, ok, err
		}
	}
	return Entry{}, false, z.lost()
}

// maxMoves is more resizes than can be finished during one call.
const maxMoves = 100

func (t *table) lookup(name string) (Entry, bool, error) {
	k, err := t.key(name)
	if err != nil {
		return Entry{}, false, err
	}
	seen, err := t.search(&k)
	if err != nil {
		return Entry{}, false, err
	}
	return seen.entry(), seen.found, nil
}

// search finds k in its bucket's chain, or a moment at which it was not there.
func (t *table) search(k *key) (sighting, error) {
	w := walk{table: t}
	for {
		head, err := w.start(k.bucket)
		if err != nil {
			return sighting{}, err
		}
		seen, err := w.find(head, k)
		if err != nil || seen.torn == nilLink {
			return seen, err
		}
		if err := w.again(seen.torn); err != nil {
			return sighting{}, err
		}
	}
}
