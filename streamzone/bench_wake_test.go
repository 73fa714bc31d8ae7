package streamzone_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// wakeUps is how often a waiter is woken for one measurement.
const wakeUps = 2000

// One process claims a name, another waits for it: how long until it knows? To
// compare: how long until it has read a byte from a pipe.
func BenchmarkWake(b *testing.B) {
	s := newStage(b, "zone")
	s.hire(1)
	b.Run("zone", func(b *testing.B) {
		s.measureWake(b, "listen", func(i int) error {
			won, err := s.mine.claim(benchName("wake", i))
			if err == nil && !won {
				err = errBench
			}
			return err
		}, func(i int) error { return s.mine.release(benchName("wake", i)) })
	})
	b.Run("pipe", func(b *testing.B) {
		call := func(int) error {
			s.children[0].order("")
			return nil
		}
		s.measureWake(b, "hear", call, func(int) error { return nil })
	})
	s.dismiss()
}

// measureWake calls the child that often, each time when it has been waiting
// for a while; after is for when it has heard that.
func (s *stage) measureWake(b *testing.B, verb string, call, after func(i int) error) {
	b.Helper()
	var most [3]float64 // p50, p99, longest
	for b.Loop() {
		s.book[bookArmed].Store(0)
		s.children[0].order("%s - %d", verb, wakeUps)
		for i := range wakeUps {
			time.Sleep(300 * time.Microsecond)
			s.awaitArmed(i + 1)
			s.book[bookSent].Store(uint64(benchClock.now()))
			if err := call(i); err != nil {
				b.Fatal(err)
			}
			s.awaitArmed(i + 2)
			if err := after(i); err != nil {
				b.Fatal(err)
			}
		}
		var now [3]float64
		if _, err := fmt.Sscan(s.children[0].line(), &now[0], &now[1], &now[2]); err != nil {
			b.Fatal(err)
		}
		for i, ns := range now {
			most[i] = max(most[i], ns/1000)
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, unit := range []string{"p50-us", "p99-us", "longest-us"} {
		b.ReportMetric(most[i], unit)
	}
}

func (s *stage) awaitArmed(n int) {
	s.b.Helper()
	eventually(s.b, "the waiter waits", func() bool { return s.book[bookArmed].Load() >= uint64(n) })
}

// listen waits for one name after the other.
func (w *benchWorker) listen(n int) (any, error) {
	return w.measure(n, func(i int) (int64, error) {
		name := benchName("wake", i)
		watch, err := w.z.Watch(name)
		if err != nil {
			return 0, err
		}
		defer watch.Close()
		for {
			// Only the look before the wait is part of the wait.
			heard := benchClock.now()
			if _, ok, err := w.z.Lookup(name); ok || err != nil {
				return heard, err
			}
			w.book[bookArmed].Store(uint64(i + 1))
			<-watch.C
		}
	})
}

// hear reads one line after the other.
func (w *benchWorker) hear(n int) (any, error) {
	return w.measure(n, func(i int) (int64, error) {
		w.book[bookArmed].Store(uint64(i + 1))
		if !w.in.Scan() {
			return 0, errors.New("the pipe ended")
		}
		return benchClock.now(), nil
	})
}

// measure waits n times, and tells how long after the call each ended. wait
// says that it waits, and then when it was woken.
func (w *benchWorker) measure(n int, wait func(i int) (int64, error)) (any, error) {
	took := make([]int64, n)
	for i := range n {
		heard, err := wait(i)
		if err != nil {
			return nil, err
		}
		took[i] = heard - int64(w.book[bookSent].Load())
	}
	w.book[bookArmed].Store(uint64(n + 1))
	slices.Sort(took)
	return fmt.Sprint(took[n/2], " ", took[n*99/100], " ", took[n-1]), nil
}
