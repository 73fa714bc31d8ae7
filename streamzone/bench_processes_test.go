package streamzone_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// startsIn is when children begin, all at once, after they were ordered to.
const startsIn = 3 * time.Millisecond

func (w *benchWorker) use(address string) (err error) {
	w.live = benchNames("live", benchLive)
	w.own = benchNames(fmt.Sprint("own", w.z.Slot()), benchLive)
	kind, socket, _ := strings.Cut(address, ":")
	switch kind {
	case "zone":
		w.rival = &zoneRival{z: w.z}
	case "fcntl":
		w.rival, err = openLockRival(os.NewFile(5, "table"))
	case "redis":
		w.rival, err = dialRedis(socket)
	}
	return err
}

// work does the same again and again from start to end, and says how often and
// for how long.
func (w *benchWorker) work(verb string, start, end int64) (any, error) {
	step := func(i int) error { return claimRelease(w.rival, w.own[i]) }
	if verb != "claim" {
		live := w.live
		if verb == "hot" {
			live = []string{benchName("live", 0)}
		}
		step = func(i int) error {
			found, err := w.rival.lookup(live[i%len(live)])
			if err == nil && !found {
				err = errBench
			}
			return err
		}
	}
	benchClock.sleepUntil(start)
	n, begun := 0, benchClock.now()
	for benchClock.now() < end {
		for range 16 { // to read the clock costs as much as a lookup
			if err := step(n % benchLive); err != nil {
				return nil, err
			}
			n++
		}
	}
	return fmt.Sprint(n, " ", benchClock.now()-begun), nil
}

// One process works, then two at once; each in its own names, when it claims.
func BenchmarkProcesses(b *testing.B) {
	for _, kind := range []string{"zone", "fcntl", "redis"} {
		b.Run(kind, func(b *testing.B) {
			s := newStage(b, kind)
			s.hire(2)
			for _, verb := range []string{"lookup", "hot", "claim"} {
				b.Run(verb, func(b *testing.B) {
					var one, two pace
					for b.Loop() {
						one.add(s.work(b, verb, 1))
						two.add(s.work(b, verb, 2))
					}
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(one.perCall(), "one-ns")
					b.ReportMetric(two.perCall(), "two-ns")
				})
			}
			s.dismiss()
		})
	}
}

// A pace is how many calls were made in how much time of all processes.
type pace struct{ calls, ns float64 }

func (p *pace) add(q pace)       { p.calls += q.calls; p.ns += q.ns }
func (p *pace) perCall() float64 { return p.ns / p.calls }

// work lets the first n children work at once.
func (s *stage) work(b *testing.B, verb string, n int) (sum pace) {
	b.Helper()
	start := benchClock.now() + int64(startsIn)
	for _, answer := range orderAll(s.children[:n], "%s - %d %d", verb, start, start+int64(150*time.Millisecond)) {
		var p pace
		if _, err := fmt.Sscan(answer, &p.calls, &p.ns); err != nil {
			b.Fatal(err)
		}
		sum.add(p)
	}
	return sum
}
