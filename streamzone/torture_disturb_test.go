//go:build torture

package streamzone_test

import (
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// chance is true so often a second, on average, at the pace of run.
func chance(perSecond float64, since *time.Time) bool {
	now := time.Now()
	passed := min(now.Sub(*since).Seconds(), 1)
	*since = now
	return rand.Float64() < perSecond*passed
}

// disturb kills, stops and resizes at random.
func (s *supervisor) disturb() {
	s.endStop()
	if chance(s.turn.kills, &s.killed) {
		if p := s.anybody(); p >= 0 {
			s.workers[p].signal(syscall.SIGKILL)
			s.tally.kills++
		}
	}
	if chance(s.turn.stops, &s.stoppedAt) && s.stop == nil && s.flowing() {
		if p := s.anybody(); p >= 0 {
			s.suspend(p, time.Duration(rand.IntN(int(20*time.Millisecond))))
		}
	}
	s.wantResize = s.wantResize || chance(s.turn.resizes, &s.resizedAt)
	if s.wantResize && s.flowing() && (s.settled() || rand.IntN(20) == 0) {
		s.wantResize = false
		s.resize()
	}
	if chance(s.turn.rearms, &s.rearmed) {
		s.rearm()
	}
}

// endStop has the stopped process go on when its time is over and everybody
// else has gone on.
func (s *supervisor) endStop() {
	if s.stop == nil || time.Now().Before(s.stop.until) {
		return
	}
	if s.othersWentOn() {
		s.resume()
		return
	}
	if time.Since(s.stop.since) > patience {
		s.o.fault("slot %d is stopped, and others do not go on", placeSlots[s.stop.place])
		s.resume()
	}
}

// arm chooses where a process of the role is to die: at any point, or of some
// points, or of all, at the one where the fewest have died. Points that only
// the other role comes to are left to it.
func (s *supervisor) arm(role int) uint64 {
	if !s.turn.arms {
		return 0
	}
	point, least := 0, uint64(0)
	for range []int{1, 1, 4, 4 * streamzone.Points}[rand.IntN(4)] {
		p := 1 + rand.IntN(streamzone.Points-1)
		if s.passes(role, p) == 0 && s.passes(rolesTortured-1-role, p) > 0 {
			continue
		}
		if deaths := s.deaths(p); point == 0 || deaths < least {
			point, least = p, deaths
		}
	}
	// Some points are passed a hundred thousand times a second, some rarely.
	n := 1
	if passes := s.passes(role, point); passes > 1000 {
		n += rand.IntN(min(1000, int(passes/1000)))
	}
	return armed(point, n)
}

// passes is how often processes of the role have come to a point.
func (s *supervisor) passes(role, point int) uint64 {
	return s.tally.passes[role][point] + s.o.passes(role, point).Load()
}

// deaths is how many have died there.
func (s *supervisor) deaths(point int) (n uint64) {
	n = s.tally.deadly(point)
	for role := range rolesTortured {
		n += s.o.deaths(role, point).Load()
	}
	return n
}

// rearm chooses other points for those who do not come to theirs.
func (s *supervisor) rearm() {
	if p := s.anybody(); p >= 0 {
		s.o.place(p, placeArm).Store(s.arm(roleWorker))
	}
	if rand.IntN(5) == 0 { // it has to come through a whole resize, for some
		s.o.place(keeperPlace, placeArm).Store(s.arm(roleKeeper))
	}
}

// flowing is false while publishers may be stuck, with a wake-up that was lost.
// Then nothing is done that might make it good.
func (s *supervisor) flowing() bool {
	met := s.o[wordBarrier].Load()
	ok := s.turn.mode.publishers == 0 || met >= s.met+20
	if ok {
		s.met = met
	}
	return ok
}

// settled tells that no slot is open without a process that has joined: such a
// slot is in the way of a resize.
func (s *supervisor) settled() bool {
	for p, w := range s.workers {
		if s.unclosed[p] || w != nil && (!s.joined(p) || w.isGone()) {
			return false
		}
	}
	return true
}

// during sends a signal to a process in the next milliseconds, and perhaps
// another one later. end waits until that is over.
func during(victim *process, first, then syscall.Signal, later time.Duration) (end func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-over:
			return
		case <-time.After(time.Duration(rand.IntN(int(5 * time.Millisecond)))):
		}
		victim.signal(first)
		select {
		case <-over:
		case <-time.After(later):
		}
		victim.signal(then) // 0 does nothing
	}()
	return func() {
		close(over)
		<-done
	}
}

// attackResize kills or stops somebody while the zone is being resized.
func (s *supervisor) attackResize() (end func()) {
	switch r := rand.Float64(); {
	case r < s.turn.killsInResize:
		victims := []*process{s.keeper}
		for _, w := range s.workers {
			if w != nil {
				victims = append(victims, w.process)
			}
		}
		s.tally.kills++
		return during(victims[rand.IntN(len(victims))], syscall.SIGKILL, 0, 0)
	case r < 1.3*s.turn.killsInResize:
		s.tally.stops++
		length := rand.IntN(int(20 * time.Millisecond))
		if rand.IntN(10) == 0 {
			length = int(2200 * time.Millisecond) // the others will not stand still for so long
		}
		return during(s.keeper, syscall.SIGSTOP, syscall.SIGCONT, time.Duration(length))
	}
	return func() {}
}

// resize has the zone moved, while workers die, and perhaps the keeper.
func (s *supervisor) resize() {
	within := time.Duration(5+rand.IntN(200)) * time.Millisecond
	defer s.attackResize()()
	cfg := s.turn.shape()
	begun := time.Now()
	r, ok := s.ask(request{Do: "resize", Buckets: cfg.Buckets, Streams: cfg.Streams, Within: within})
	if !ok {
		s.tally.resizes["keeper died"]++
		return // the next keeper has said what became of it
	}
	if took := time.Since(begun); took > 2*within+patience/3 {
		s.o.fault("a resize took %v, though it had %v", took, within)
	}
	s.tally.resizes[r.Did]++
	if r.Did == didAll {
		s.moved()
		s.tally.frozen = append(s.tally.frozen, r.Frozen)
	}
	s.dropNext()
}

// moved makes the successor the zone.
func (s *supervisor) moved() {
	_ = s.zone.Close()
	s.zone, s.next = s.next, nil
}

func (s *supervisor) dropNext() {
	if s.next != nil {
		_ = s.next.Close()
		s.next = nil
	}
}

// inspect checks the zone, from here and from the keeper, and that nobody
// hangs.
func (s *supervisor) inspect() {
	for p, w := range s.workers {
		if w == nil || s.stop != nil && s.stop.place == p {
			continue
		}
		now := s.calls(p)
		for g := range s.turn.mode.active() {
			if now[g] != w.calls[g] {
				w.calls[g], w.advanced[g] = now[g], time.Now()
			}
			if time.Since(w.advanced[g]) > patience {
				s.o.fault("slot %d, goroutine %d hangs: %d calls", placeSlots[p], g, now[g])
			}
		}
	}
	if time.Since(s.checked) < 200*time.Millisecond {
		return
	}
	s.checked = time.Now()
	s.withZone(func(z *streamzone.Zone) error { return z.Check() })
	s.ask(request{Do: "check"})
	if p := s.anybody(); p >= 0 && s.joined(p) && !s.workers[p].isGone() {
		s.ask(request{Do: "close", Place: p, Alive: true})
	}
	s.tally.checks += 2
}

// withZone looks at the zone from here.
func (s *supervisor) withZone(f func(z *streamzone.Zone) error) {
	z, err := streamzone.Attach(s.zone)
	if err == nil {
		err = f(z)
		_ = z.Close()
	}
	if err != nil {
		s.o.fault("the zone, as the supervisor sees it: %v", err)
	}
}
