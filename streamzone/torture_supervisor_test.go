//go:build torture

package streamzone_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// patience is how long the torture waits for what must happen. A process that
// shares two processors with a dozen others needs some.
const patience = 15 * time.Second

// A supervisor starts, stops, kills and reaps processes and reads the oracle,
// for one turn. It does nothing in the zone but look.
type supervisor struct {
	*testing.T
	turn  turn
	tally *tally

	o          oracle
	oracleFile *os.File
	zone       *os.File // in use
	next       *os.File // to succeed it; nil: none
	keeper     *process
	workers    [places]*worker
	unclosed   [places]bool // the process is dead, the slot has not been closed
	unswept    [places]bool
	stop       *stop // of the process that is stopped; nil: none
	wantResize bool
	met        uint64 // how often the publishers had met when they were disturbed last

	// When it last thought of a kill, of a stop and so on.
	killed, stoppedAt, resizedAt, rearmed, checked time.Time
}

// A worker is the process in a place.
type worker struct {
	*process
	epoch    uint16
	calls    [mostWorkers]uint64
	advanced [mostWorkers]time.Time // when calls changed last
}

// refresh says that the worker could not advance before now.
func (w *worker) refresh() {
	for g := range w.advanced {
		w.advanced[g] = time.Now()
	}
}

// newSupervisor makes the zone and its keeper.
func newSupervisor(t *testing.T, turn turn, tally *tally) *supervisor {
	f, o, err := newOracle()
	if err != nil {
		t.Fatal(err)
	}
	s := &supervisor{T: t, turn: turn, tally: tally, o: o, oracleFile: f}
	t.Cleanup(s.cleanUp)
	o[wordMode].Store(turn.mode.word())
	o[wordHold].Store(uint64(turn.hold))
	k, err := streamzone.Create(turn.shape())
	if err != nil {
		t.Fatal(err)
	}
	if s.zone, err = streamzone.Dup(k.File()); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	s.startKeeper()
	return s
}

// cleanUp leaves nothing behind, however the test ended.
func (s *supervisor) cleanUp() {
	s.tally.add(s.o)
	for _, w := range s.workers {
		if w != nil {
			w.end()
		}
	}
	if s.keeper != nil {
		s.keeper.end()
	}
	for _, f := range []*os.File{s.zone, s.next, s.oracleFile} {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (s *supervisor) faulty() bool { return s.o[wordFaults].Load() > 0 }

// mustBeSound ends the test if anybody has found a fault.
func (s *supervisor) mustBeSound() {
	if s.faulty() {
		s.Fatal("the oracle and the zone do not agree")
	}
}

// run tortures for some time, and then compares everything.
func (s *supervisor) run(length time.Duration) {
	end := time.Now().Add(length)
	for time.Now().Before(end) && !s.faulty() {
		s.bury()
		s.populate()
		s.disturb()
		s.inspect()
		time.Sleep(time.Millisecond) // the pace; nothing waits for it
	}
	s.mustBeSound()
	s.pause()
	s.compare()
	s.finish()
	s.mustBeSound()
}

// bury notices the dead, and has their slots closed and swept: at once, later,
// or when others are there already.
func (s *supervisor) bury() {
	for place, w := range s.workers {
		if w != nil && w.isGone() {
			s.reap(place)
		}
	}
	for place := range places {
		if s.unclosed[place] && rand.IntN(3) > 0 {
			s.closeSlot(place)
		}
		if s.unswept[place] && rand.IntN(s.turn.sweepOneIn) == 0 {
			s.sweep(place)
		}
	}
}

// reap takes a dead process off the list. It must have been killed, or come
// too late.
func (s *supervisor) reap(place int) {
	w := s.workers[place]
	late := w.cmd.ProcessState.ExitCode() == exitLate && s.o.place(place, placeClosing).Load() >= uint64(w.epoch)
	if !w.killed() && !late {
		s.o.fault("slot %d ended by itself: %v", placeSlots[place], w.cmd.ProcessState)
	}
	if s.stop != nil && s.stop.place == place {
		s.resume()
	}
	_ = w.control.Close()
	s.workers[place] = nil
	s.unclosed[place] = true
	s.tally.buried++
}

func (s *supervisor) closeSlot(place int) {
	if _, ok := s.ask(request{Do: "close", Place: place}); ok {
		s.unclosed[place], s.unswept[place] = false, true
	}
}

func (s *supervisor) sweep(place int) {
	if r, ok := s.ask(request{Do: "sweep", Place: place}); ok {
		s.unswept[place] = false
		s.tally.sweeps++
		s.tally.reclaimed += r.N
	}
}

// populate keeps so many workers alive, in any places.
func (s *supervisor) populate() {
	alive := 0
	for _, w := range s.workers {
		if w != nil {
			alive++
		}
	}
	for range s.turn.mode.workers - alive {
		place := rand.IntN(places)
		if s.workers[place] == nil && !s.unclosed[place] {
			s.start(place)
		}
	}
}

func (s *supervisor) start(place int) {
	r, ok := s.ask(request{Do: "open", Place: place})
	if !ok {
		return // a keeper that came meanwhile may have closed it again
	}
	for word := range placeWords {
		switch {
		case word == placeArm:
			s.o.place(place, word).Store(s.arm(roleWorker))
		case word == placeJoined || word >= placeCalls:
			s.o.place(place, word).Store(0)
		}
	}
	env := []string{envSlot + "=" + strconv.Itoa(placeSlots[place]), envEpoch + "=" + strconv.Itoa(int(r.Epoch))}
	p, err := startProcess("torture-worker", env, s.zone, s.oracleFile, nil)
	if err != nil {
		s.Fatal(err)
	}
	s.workers[place] = &worker{process: p, epoch: r.Epoch}
	s.workers[place].refresh()
}

// joined tells that there is a living worker which is at work.
func (s *supervisor) joined(place int) bool {
	w := s.workers[place]
	return w != nil && s.o.place(place, placeJoined).Load() == uint64(w.epoch)
}

// anybody is a random place with a worker in it, or -1.
func (s *supervisor) anybody() int {
	for range 4 * places {
		if p := rand.IntN(places); s.workers[p] != nil {
			return p
		}
	}
	return -1
}

// A stop is a process that is stopped. Nobody else may be held up by it, so it
// lasts until all others have gone on.
type stop struct {
	place int
	until time.Time
	since time.Time
	calls [places][mostWorkers]uint64
}

// suspend stops the process of a place, for so long.
func (s *supervisor) suspend(place int, length time.Duration) {
	now := time.Now()
	s.stop = &stop{place: place, since: now, until: now.Add(length)}
	s.o.place(place, placeStops).Add(1)
	s.workers[place].signal(syscall.SIGSTOP)
	for p := range places {
		s.stop.calls[p] = s.calls(p)
	}
	s.tally.stops++
}

func (s *supervisor) resume() {
	if w := s.workers[s.stop.place]; w != nil {
		w.signal(syscall.SIGCONT)
		w.refresh()
	}
	s.o.place(s.stop.place, placeStops).Add(1)
	s.stop = nil
}

func (s *supervisor) calls(place int) (calls [mostWorkers]uint64) {
	for g := range calls {
		calls[g] = s.o.place(place, placeCalls+g).Load()
	}
	return calls
}

// othersWentOn tells whether the other workers have finished calls since the
// stop. One that came or died meanwhile does not matter.
func (s *supervisor) othersWentOn() bool {
	if s.turn.mode.publishers > 0 {
		return true // they wait for the stopped one, as they should
	}
	for p := range places {
		if p == s.stop.place || !s.joined(p) {
			continue
		}
		now := s.calls(p)
		for g := range s.turn.mode.active() {
			if was := s.stop.calls[p][g]; was != 0 && now[g] == was {
				return false
			}
		}
	}
	return true
}
