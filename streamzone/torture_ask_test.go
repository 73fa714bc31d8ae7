//go:build torture

package streamzone_test

import (
	"errors"
	"os"
	"time"
)

// startKeeper starts a keeper for the zone. It may die before it is ready, and
// the next one then has more to do.
func (s *supervisor) startKeeper() {
	for begun := time.Now(); ; {
		s.o.place(keeperPlace, placeArm).Store(s.arm(roleKeeper))
		p, err := startProcess("torture-keeper", nil, s.zone, s.oracleFile, s.next)
		if err != nil {
			s.Fatal(err)
		}
		s.keeper = p
		if r, err := s.hear(); err == nil {
			s.adopted(r)
			return
		}
		s.buryKeeper()
		s.mustBeSound()
		if time.Since(begun) > patience {
			s.Fatal("no keeper gets ready")
		}
	}
}

// adopted draws the conclusions from a new keeper's first words.
func (s *supervisor) adopted(r reply) {
	if r.Did == didMoved {
		s.moved()
		s.tally.resizes["finished by the next"]++
	}
	s.dropNext()
	for p, closed := range r.Closed {
		if closed {
			s.unclosed[p], s.unswept[p] = false, false
		}
	}
}

// buryKeeper reaps a keeper that does not answer any more. It must have been
// killed.
func (s *supervisor) buryKeeper() {
	select {
	case <-s.keeper.gone:
	case <-time.After(patience):
		s.o.fault("the keeper hangs")
		s.keeper.end()
		return
	}
	if !s.keeper.killed() {
		s.o.fault("the keeper ended by itself: %v", s.keeper.cmd.ProcessState)
	}
	_ = s.keeper.control.Close()
	s.tally.keepers++
}

// ask has the keeper do something. false means that it died over it, and that
// there is another now.
func (s *supervisor) ask(q request) (reply, bool) {
	if sendJSON(s.keeper.control, q, nil) == nil {
		if r, err := s.hear(); err == nil {
			return r, true
		}
	}
	s.buryKeeper()
	s.mustBeSound()
	s.startKeeper()
	return reply{}, false
}

// hear waits for the keeper's answer. On its way it may give us a successor of
// the zone, to be passed to all.
func (s *supervisor) hear() (reply, error) {
	for {
		if err := s.keeper.control.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return reply{}, err
		}
		var r reply
		f, err := receiveJSON(s.keeper.control, &r)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.o.fault("the keeper does not answer for %v", patience)
			s.Fatal("the keeper hangs")
		}
		if err != nil || r.Did != didPass {
			return r, err
		}
		s.dropNext()
		s.next = f
		for _, w := range s.workers {
			if w != nil {
				_ = sendJSON(w.control, struct{}{}, f) // it may be dead
			}
		}
		if err := sendJSON(s.keeper.control, request{}, nil); err != nil {
			return reply{}, err
		}
	}
}
