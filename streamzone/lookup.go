package streamzone

// Lookup tells who owns the name. It writes nothing to the zone, waits for
// nobody and allocates nothing.
//
// The answer was true at some moment during the call. The owner's worker may
// be dead already: that shows when the master closes its slot, and to whoever
// tries to connect to it. Errors: ErrNameEmpty, ErrNameTooLong, ErrCorrupt,
// ErrClosed.
func (z *Zone) Lookup(name string) (Entry, bool, error) {
	k, err := z.t.key(name)
	if err != nil {
		return Entry{}, false, err
	}
	if !z.gate.enter(k.hash) {
		return Entry{}, false, ErrClosed
	}
	defer z.gate.leave(k.hash)
	w := walk{table: z.t}
	for {
		head, err := w.start(k.bucket)
		if err != nil {
			return Entry{}, false, err
		}
		seen, err := w.find(head, &k)
		if err != nil {
			return Entry{}, false, err
		}
		if seen.found {
			return seen.entry(), true, nil
		}
		if seen.torn == nilLink {
			return Entry{}, false, nil
		}
		if err := w.again(seen.torn); err != nil {
			return Entry{}, false, err
		}
	}
}
