//go:build torture

package streamzone_test

import (
	"slices"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// pause lets everybody finish what he is doing.
func (s *supervisor) pause() {
	s.o[wordOrder].Store(orderPause)
	for p := range places + 1 {
		s.o.place(p, placeArm).Store(0)
	}
	if s.stop != nil {
		s.resume()
	}
	s.until("the workers pause", func() bool {
		s.bury()
		for p := range places {
			if s.workers[p] != nil && !s.paused(p) {
				return false
			}
		}
		return true
	})
	// Only what has to be swept is: a sweep would also mend hints that were lost.
	for p := range places {
		for s.unclosed[p] {
			s.closeSlot(p)
		}
		if s.unswept[p] {
			s.sweep(p)
		}
	}
}

func (s *supervisor) paused(p int) bool {
	for g := range s.turn.mode.active() {
		if s.o.place(p, placePaused+g).Load() == 0 {
			return false
		}
	}
	return true
}

// until waits for a condition, or a fault.
func (s *supervisor) until(what string, ok func() bool) {
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		s.mustBeSound()
		if time.Now().After(end) {
			s.o.fault("waited in vain: %s", what)
		}
	}
	s.mustBeSound()
}

// compare holds the zone against the book, stream by stream.
func (s *supervisor) compare() {
	want := map[string]owner{}
	for i := range s.turn.mode.names {
		if w := s.o.owner(i); s.o.lives(w) {
			want[tortureName(i)] = w
		}
	}
	s.withZone(func(z *streamzone.Zone) error {
		if err := z.CheckIdle(); err != nil {
			return err
		}
		if st := z.State(); st.Live != len(want) || st.Free != st.Capacity-st.Live {
			s.o.fault("state %+v, the book has %d streams", st, len(want))
		}
		return z.Range(func(name string, e streamzone.Entry) bool {
			i := slices.IndexFunc(s.names(), func(n string) bool { return n == name })
			w, ok := want[name]
			if !ok || w.slot() != e.Slot || s.o.book(i, entryID).Load() != idWord(e.ID) {
				s.o.fault("%q is owned by %+v; the book says %v", name, e, w)
			}
			return true
		})
	})
	s.mustBeSound()
}

func (s *supervisor) names() (names []string) {
	for i := range s.turn.mode.names {
		names = append(names, tortureName(i))
	}
	return names
}

// finish has everybody release everything and end. Nothing is left then.
func (s *supervisor) finish() {
	s.o[wordOrder].Store(orderEnd)
	for p, w := range s.workers {
		if w == nil {
			continue
		}
		s.until("a worker ends", w.isGone)
		if w.cmd.ProcessState.ExitCode() != 0 {
			s.o.fault("slot %d ended badly: %v", placeSlots[p], w.cmd.ProcessState)
		}
		_ = w.control.Close()
		s.workers[p] = nil
		s.closeSlot(p)
		s.sweep(p)
	}
	s.withZone(func(z *streamzone.Zone) error {
		if st := z.State(); st.Free != st.Capacity {
			s.o.fault("at the end, state %+v", st)
		}
		return z.CheckIdle()
	})
	s.mustBeSound()
}
