package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
)

// streamBook decides which streams have series of their own, and keeps their counters from falling: over instances, and over changes between a
// stream's own series and that of all others. It remembers no more than limit streams that have ended.
type streamBook struct {
	limit  atomic.Int64
	labels []*dto.LabelPair // of all others

	mu      sync.Mutex
	own     map[streamKey]*labelled
	others  map[uint64]struct{} // instances that have no series of their own, or no longer: they count under otherStreams
	rest    counts              // what otherStreams counts besides: for those that have ended, and less what others have counted elsewhere
	looking map[uint64]struct{} // instances that ended since look began; nil outside
}

func newStreamBook(limit int) *streamBook {
	b := &streamBook{labels: streamLabels(otherStreams, otherStreams), own: map[streamKey]*labelled{}, others: map[uint64]struct{}{}}
	b.limit.Store(int64(limit))
	return b
}

// gone notes the last counts of an instance that has ended. Called with locks of the worker held.
func (b *streamBook) gone(s *Stream, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looking != nil {
		b.looking[s.Instance] = struct{}{}
	}
	e := b.own[s.key()]
	_, other := b.others[s.Instance]
	switch {
	case other:
		delete(b.others, s.Instance)
		b.rest = b.rest.plus(s.counts())
	case e != nil:
		e.meet(s)
		e.end(now)
		e.told = false
	case !s.WasFed || s.counts() == counts{}: // nobody published it, or its series have ended already
	case b.room(s):
		e = b.label(s)
		e.end(now)
	default:
		b.rest = b.rest.plus(s.counts())
	}
}

func (b *streamBook) room(s *Stream) bool {
	return len(b.own) < int(b.limit.Load()) && (s.App != otherStreams || s.Name != otherStreams) && utf8.ValidString(s.App) && utf8.ValidString(s.Name)
}

// label gives a stream series of its own.
func (b *streamBook) label(s *Stream) *labelled {
	e := &labelled{instance: s.Instance, players: map[string]int{}, labels: streamLabels(s.App, s.Name)}
	b.own[s.key()] = e
	e.meet(s)
	return e
}

// meet takes over what a stream counts.
func (e *labelled) meet(s *Stream) {
	if e.instance != s.Instance {
		e.instance, e.base = s.Instance, e.now
	}
	e.now = e.base.plus(s.counts())
	for protocol := range e.players {
		e.players[protocol] = 0
	}
	for protocol, n := range s.Players {
		e.players[protocol] = n
	}
	e.owner, e.owned = s.Owner, e.owned || s.Owner != nil || s.Received > 0
}

func (e *labelled) end(now time.Time) {
	e.owner = nil
	for protocol := range e.players {
		e.players[protocol] = 0
	}
	if e.ended.IsZero() {
		e.ended = now
	}
}

// A told stream is one with series.
type told struct {
	streamKey
	labelled
}

// look asks for the streams that there are, and returns what is to be told: of those with series of their own, and of all others together, by
// their names. One at a time looks.
func (b *streamBook) look(streams func() []Stream, clock func() time.Time) (all []Stream, out []told) {
	b.mu.Lock()
	b.looking = map[uint64]struct{}{}
	b.mu.Unlock()
	all = streams()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := clock()
	all = slices.DeleteFunc(all, func(s Stream) bool { _, gone := b.looking[s.Instance]; return gone })
	b.looking = nil
	b.expire(all, now)
	rest := labelled{players: map[string]int{}, labels: b.labels, owned: true}
	var unknown []*Stream
	for i := range all {
		if e := b.own[all[i].key()]; e != nil {
			e.meet(&all[i])
		} else {
			unknown = append(unknown, &all[i])
		}
	}
	slices.SortFunc(unknown, func(x, y *Stream) int { return cmp.Compare(x.Instance, y.Instance) }) // the oldest get series first
	for _, s := range unknown {
		if b.place(s, now) {
			rest.now = rest.now.plus(s.counts())
			for protocol, n := range s.Players {
				rest.players[protocol] += n
			}
		}
	}
	rest.now = rest.now.plus(b.rest)
	out = append(make([]told, 0, 1+len(b.own)), told{streamKey{otherStreams, otherStreams}, rest})
	for key, e := range b.own {
		t := told{key, *e}
		t.players = maps.Clone(e.players)
		out = append(out, t)
	}
	slices.SortFunc(out, func(x, y told) int { // as the registry wants them
		return cmp.Or(strings.Compare(x.app, y.app), strings.Compare(x.name, y.name))
	})
	return all, out
}

// expire ends the series of streams that ended long ago.
func (b *streamBook) expire(all []Stream, now time.Time) {
	for _, e := range b.own {
		e.there = nil
	}
	for i := range all {
		if e := b.own[all[i].key()]; e != nil {
			e.there = &all[i]
		}
	}
	for key, e := range b.own {
		s := e.there
		e.there = nil
		switch {
		case s != nil && s.Fed:
			e.ended, e.told = time.Time{}, false
		case e.ended.IsZero():
			e.end(now)
			e.told = true
		case !e.told: // however rarely somebody looks, the last counts are seen
			e.told = true
		case now.Sub(e.ended) >= keepFor:
			delete(b.own, key)
			if s != nil { // somebody waits for it
				b.others[s.Instance] = struct{}{}
				b.rest = b.rest.minus(s.counts())
			}
		}
	}
}

// place notes a stream without series of its own, and tells whether it counts under otherStreams. One that was never there, but waited for, counts nowhere.
func (b *streamBook) place(s *Stream, now time.Time) (other bool) {
	_, other = b.others[s.Instance]
	news := s.Fed || !other && s.WasFed && s.counts() != counts{} // else it is only waited for
	switch {
	case news && b.room(s):
		e := b.label(s)
		if !s.Fed {
			e.end(now)
			e.told = true
		}
		if other { // what was told of it stays where it was told
			delete(b.others, s.Instance)
			b.rest = b.rest.plus(s.counts())
			e.base, e.now = counts{}.minus(s.counts()), counts{}
		}
		return false
	case news:
		b.others[s.Instance] = struct{}{}
		return true
	default:
		return other
	}
}
