package streamzone_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A worker that owns 10,000 streams, all that the zone holds, is killed.
// Another one wants the names: how long until it gets the first, and how long
// until it has all? The master does what internal/master does. The kernel's
// part grows with the memory of the dead.
func BenchmarkReclaim(b *testing.B) {
	b.Run("small", func(b *testing.B) { benchmarkReclaim(b, 0) })
	b.Run("256MiB", func(b *testing.B) { benchmarkReclaim(b, 256) })
}

func benchmarkReclaim(b *testing.B, mebibytes int) {
	b.Helper()
	k := newKeeper(b, streamzone.Config{})
	f, err := streamzone.NewMemfd(bookWords * 8)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	owner := spawn(b, k, "bench", 1, f)
	orderAll([]*child{owner}, "fill live %d", benchLive)
	var took benchTimes
	var longest int64
	for b.Loop() {
		heir := spawn(b, k, "bench", 3-owner.slot, f)
		orderAll([]*child{owner, heir}, "grow - %d", mebibytes)
		heir.order("inherit live %d", benchLive)
		if s := heir.line(); s != "waiting" {
			b.Fatal(s)
		}
		killed := benchClock.now()
		owner.kill()
		reaped := benchClock.now()
		if err := closeDead(k, owner.slot); err != nil {
			b.Fatal(err)
		}
		closed := benchClock.now()
		if n, err := k.Sweep(owner.slot); n != benchLive || err != nil {
			b.Fatal(n, err)
		}
		swept := benchClock.now()
		var first, last int64
		if _, err := fmt.Sscan(heir.line(), &first, &last); err != nil {
			b.Fatal(err)
		}
		took.add("death-ms", reaped-killed)
		took.add("close-ms", closed-reaped)
		took.add("sweep-ms", swept-closed)
		took.add("first-ms", first-killed)
		took.add("last-ms", last-killed)
		longest = max(longest, first-killed)
		owner = heir
	}
	owner.finish()
	took.report(b)
	b.ReportMetric(float64(longest)/1e6, "first-longest-ms")
}

// closeDead is the first half of internal/master's reclaim.
func closeDead(k *streamzone.Keeper, slot int) error {
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := k.CloseSlot(slot)
		if !errors.Is(err, streamzone.ErrSlotBusy) || time.Since(begun) > 2*time.Second {
			return err
		}
	}
}

// benchTimes are nanoseconds, by the unit that they are reported as.
type benchTimes map[string][]int64

func (t *benchTimes) add(unit string, ns int64) {
	if *t == nil {
		*t = make(benchTimes)
	}
	(*t)[unit] = append((*t)[unit], ns)
}

// report gives the medians.
func (t *benchTimes) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	for unit, ns := range *t {
		slices.Sort(ns)
		b.ReportMetric(float64(ns[len(ns)/2])/1e6, unit)
	}
}

// grow makes the process larger, to the last page.
func (w *benchWorker) grow(mebibytes int) string {
	w.ballast = make([]byte, mebibytes<<20)
	for i := 0; i < len(w.ballast); i += 4096 {
		w.ballast[i] = 1
	}
	return "grown"
}

// fill claims names and keeps them.
func (w *benchWorker) fill(prefix string, n int) error {
	for i := range n {
		if _, err := w.z.Claim(benchName(prefix, i)); err != nil {
			return err
		}
	}
	return nil
}

// inherit claims names that another process owns, each as soon as that ends
// and there is room: until the sweep there is none.
func (w *benchWorker) inherit(prefix string, n int) (any, error) {
	names := benchNames(prefix, n)
	if _, err := w.z.Claim(names[0]); !errors.Is(err, streamzone.ErrTaken) {
		return nil, fmt.Errorf("%w: %w", errBench, err)
	}
	fmt.Println("waiting")
	var first int64
	for i, name := range names {
		_, err := w.z.Claim(name)
		for errors.Is(err, streamzone.ErrTaken) || errors.Is(err, streamzone.ErrFull) {
			_, err = w.z.Claim(name)
		}
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = benchClock.now()
		}
	}
	return fmt.Sprint(first, " ", benchClock.now()), nil
}
