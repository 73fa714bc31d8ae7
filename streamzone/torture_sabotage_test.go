//go:build torture

package streamzone_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
	"golang.org/x/sys/unix"
)

// The roles of processes that pass crash points.
const (
	roleWorker = iota
	roleKeeper
	rolesTortured
)

// A saboteur is what happens at the crash points of a process. It kills the
// process when it is told to; and it holds goroutines up at a few points for
// some time, then at others, and always where they come to rarely, so that
// steps fall between those of others where no chance would bring them.
type saboteur struct {
	o     oracle
	role  int
	arm   *atomic.Uint64
	calls atomic.Uint64
	focus atomic.Uint64             // longest hold, nanoseconds << 16 | point << 8 | point
	known [mostPoints]atomic.Uint64 // calls at each point
}

// sabotage installs the hooks. It comes before the first use of a zone.
func sabotage(o oracle, role, place int) {
	s := &saboteur{o: o, role: role, arm: o.place(place, placeArm)}
	streamzone.CrashHook = s.at
	streamzone.FreedHook = o.freed
}

// armed is the order to die at the n-th pass of a point.
func armed(point, n int) uint64 { return uint64(point)<<32 | uint64(n) }

func (s *saboteur) at(point int) {
	s.o.passes(s.role, point).Add(1)
	for a := s.arm.Load(); a>>32 == uint64(point) && uint32(a) > 0; a = s.arm.Load() {
		if !s.arm.CompareAndSwap(a, a-1) {
			continue
		}
		if uint32(a) == 1 {
			s.die(point)
		}
		break
	}
	s.hold(point)
}

func (s *saboteur) die(point int) {
	s.o.deaths(s.role, point).Add(1)
	if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
		s.o.fault("kill: %v", err)
	}
	select {}
}

// A point is rare that is less than one in so many of those that a process
// comes to.
const rare = 4096

// refocusEvery is after how many passes other points are chosen.
const refocusEvery = 256

func (s *saboteur) hold(point int) {
	known, calls := s.known[point].Add(1), s.calls.Add(1)
	if calls%refocusEvery == 0 {
		s.refocus()
	}
	focus := s.focus.Load()
	longest := focus >> 16
	switch {
	case known*rare < calls:
		longest = s.o[wordHold].Load()
	case uint64(point) != focus&0xff && uint64(point) != focus>>8&0xff:
		return
	}
	switch r := rand.Uint64(); r & 3 {
	case 0, 1: // it gets through
	case 2:
		runtime.Gosched()
	case 3:
		if longest > 0 {
			time.Sleep(time.Duration(r >> 2 % longest))
		}
	}
}

// refocus chooses two points of those that the process passes, and how long
// the holds are: mostly short, for then the others do not run out of things to
// do meanwhile. Now and then it lets everything run freely.
func (s *saboteur) refocus() {
	if rand.IntN(4) == 0 {
		s.focus.Store(0)
		return
	}
	f := s.o[wordHold].Load() >> rand.IntN(8)
	for range 2 {
		point := 0
		for range 2 * mostPoints {
			if n := rand.IntN(streamzone.Points); s.known[n].Load() > 0 {
				point = n
				break
			}
		}
		f = f<<8 | uint64(point)
	}
	s.focus.Store(f)
}
