package streamzone_test

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fighters    = 4
	fightLength = time.Second
)

// Four processes claim and release one name without rest. Where more of them
// want to run than there are cores, the kernel stops each for milliseconds: in
// the middle of a call, and while it owns the name. So the longest call says
// more about the kernel than about the registry. What does not is the longest
// time that a call kept a core busy, and what happens to the others while one
// of them is stopped for longer.
func BenchmarkFight(b *testing.B) {
	for _, kind := range []string{"zone", "fcntl", "redis"} {
		b.Run(kind, func(b *testing.B) {
			s := newStage(b, kind)
			s.hire(fighters)
			run := func(start, end int64) ([]string, error) {
				return orderAll(s.children, "fight - %d %d", start, end), nil
			}
			b.Run("free", func(b *testing.B) { fightAll(b, s.book, run, true) })
			if kind != "redis" { // whose server would go on
				b.Run("stopped", func(b *testing.B) { fightAll(b, s.book, s.stopping(run), false) })
			}
			s.dismiss()
		})
	}
	b.Run("mutex/free", func(b *testing.B) { // one process, as many threads
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(fighters))
		book := make([]atomic.Uint64, bookWords)
		r := &mutexRival{mu: new(sync.Mutex), owners: make(map[string]int)}
		fightAll(b, book, func(start, end int64) ([]string, error) {
			results, errs := make([]string, fighters), make([]error, fighters)
			var wg sync.WaitGroup
			for i := range fighters {
				wg.Go(func() { results[i], errs[i] = fight(r, book, start, end) })
			}
			wg.Wait()
			return results, errors.Join(errs...)
		}, false)
	})
}

// stopping stops one of the children for half of the time, at no particular
// point of what it does.
func (s *stage) stopping(run fightFunc) fightFunc {
	const pause = 50 * time.Millisecond
	victim := s.children[0].cmd.Process
	return func(start, end int64) (results []string, err error) {
		var wg sync.WaitGroup
		var failed error
		wg.Go(func() {
			for at := start; at < end; at += int64(2 * pause) {
				benchClock.sleepUntil(at)
				failed = errors.Join(failed, victim.Signal(syscall.SIGSTOP))
				time.Sleep(pause)
				failed = errors.Join(failed, victim.Signal(syscall.SIGCONT))
			}
		})
		results, err = run(start, end)
		wg.Wait()
		return results, errors.Join(err, failed)
	}
}

// A fightFunc lets all fight from start to end and gives back what each saw.
type fightFunc func(start, end int64) ([]string, error)

// fightAll reports on fights. The time on a core is known of processes only.
func fightAll(b *testing.B, book []atomic.Uint64, run fightFunc, processes bool) {
	b.Helper()
	var most fightResult
	wins, least, length := 0, 0, time.Duration(0)
	for b.Loop() {
		start := benchClock.now() + int64(startsIn)
		book[bookWon].Store(uint64(start))
		book[bookDone].Store(uint64(start))
		results, err := run(start, start+int64(fightLength))
		if err != nil {
			b.Fatal(err)
		}
		fewest := -1
		for _, text := range results {
			var r fightResult
			if _, err := fmt.Sscan(text, &r.wins, &r.noWin, &r.noEnd, &r.call, &r.core); err != nil {
				b.Fatal(err)
			}
			wins += r.wins
			if fewest < 0 || r.wins < fewest {
				fewest = r.wins
			}
			most.atLeast(r)
		}
		least += fewest
		length += fightLength
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(wins)/length.Seconds(), "wins/s")
	b.ReportMetric(float64(least)/length.Seconds(), "least-wins/s")
	b.ReportMetric(most.noWin.Seconds()*1000, "no-win-ms")
	b.ReportMetric(most.noEnd.Seconds()*1000, "no-end-ms")
	b.ReportMetric(most.call.Seconds()*1000, "call-ms")
	if processes {
		b.ReportMetric(most.core.Seconds()*1000, "core-ms")
	}
}

// A fightResult is the worst that one fighter saw.
type fightResult struct {
	wins  int
	noWin time.Duration // between two wins of anybody
	noEnd time.Duration // between the ends of two calls of anybody
	call  time.Duration // from a call to its end
	core  time.Duration // that the process was on a core during a call
}

func (r *fightResult) atLeast(s fightResult) {
	r.noWin, r.noEnd = max(r.noWin, s.noWin), max(r.noEnd, s.noEnd)
	r.call, r.core = max(r.call, s.call), max(r.core, s.core)
}

type fighter struct {
	fightResult
	book  []atomic.Uint64
	calls int
	ended int64 // when the last call did
	asked cpuTime
}

func fight(r rival, book []atomic.Uint64, start, end int64) (string, error) {
	// A collection stops the process, and waits for threads that have no core.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	benchClock.sleepUntil(start)
	f := &fighter{book: book, ended: benchClock.now(), asked: cpuNow()}
	const name = "live/fight"
	for f.ended < end {
		var won bool
		err := f.time(func() (err error) {
			won, err = r.claim(name)
			return err
		})
		if err != nil {
			return "", err
		}
		if !won {
			continue
		}
		if !book[bookHeld].CompareAndSwap(0, 1) {
			return "", fmt.Errorf("%w: two own the name", errBench)
		}
		f.wins++
		f.noWin = max(f.noWin, f.since(bookWon))
		book[bookHeld].Store(0)
		if err := f.time(func() error { return r.release(name) }); err != nil {
			return "", err
		}
	}
	s := f.fightResult
	return fmt.Sprint(s.wins, " ", int64(s.noWin), " ", int64(s.noEnd), " ", int64(s.call), " ", int64(s.core)), nil
}

// slowCall is how long a call, or the time between two, lasts at most as a rule
// if the process does not leave its core.
const slowCall = 20 * time.Microsecond

// time makes one call. To ask how long the process was on a core costs as much
// as a call. So it is asked after slow calls only, after slow pauses between
// calls, and else now and then: since it was asked last, then, the process was
// on a core all the time until the call began.
func (f *fighter) time(call func() error) error {
	f.calls++
	begun := benchClock.now()
	if f.calls%64 == 0 || begun-f.ended > int64(slowCall) {
		f.asked = cpuNow()
		begun = benchClock.now()
	}
	err := call()
	f.ended = benchClock.now()
	took := time.Duration(f.ended - begun)
	f.call = max(f.call, took)
	if took > slowCall {
		was := f.asked
		f.asked = cpuNow()
		took = time.Duration(f.asked.cpu - was.cpu - (begun - was.at))
	}
	f.core = max(f.core, took)
	f.noEnd = max(f.noEnd, f.since(bookDone))
	return err
}

// since is for how long nobody wrote this word, and writes it. Who was stopped
// on the way would write a time that is over: then somebody else has written.
func (f *fighter) since(word int) time.Duration {
	for {
		was, now := f.book[word].Load(), uint64(benchClock.now())
		if f.book[word].CompareAndSwap(was, now) {
			return time.Duration(now - was)
		}
	}
}

// A cpuTime is for how long the process had been on a core at some time.
type cpuTime struct{ at, cpu int64 }

func cpuNow() cpuTime {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(err) // it takes a wrong number of a clock
	}
	return cpuTime{at: benchClock.now(), cpu: ts.Nano()}
}
