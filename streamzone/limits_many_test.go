package streamzone_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// 10,000 streams, and 100,000 names that are asked for: nothing is left of
// them, and the counts are exact all the time.
func TestTenThousandStreams(t *testing.T) {
	const streams, asked = streamzone.DefaultStreams, 100_000
	k, z := newZone(t, streamzone.Config{})
	if _, _, err := z.Lookup("warm"); err != nil {
		t.Fatal(err)
	}
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	claims := make([]streamzone.Claim, streams)
	for i := range claims {
		claims[i] = mustClaim(t, z, fmt.Sprintf("live/%d", i))
	}
	mustBeIdle(t, z, streams)
	if _, err := z.Claim("one more"); !errors.Is(err, streamzone.ErrFull) {
		t.Fatalf("one more: %v", err)
	}

	claimed := heapInUse()
	for i := range asked {
		reader := z
		if i%2 == 1 {
			reader = k.Zone()
		}
		e, ok, err := reader.Lookup(fmt.Sprintf("live/%d", i))
		if err != nil || ok != (i < streams) || ok && e.ID != claims[i].ID() {
			t.Fatalf("live/%d: %+v, %t, %v", i, e, ok, err)
		}
	}
	mustNotGrow(t, "100,000 lookups", claimed)
	mustBeIdle(t, z, streams)

	for _, c := range claims {
		if !z.Release(c) {
			t.Fatalf("claim %v is lost", c.ID())
		}
	}
	mustBeIdle(t, z, 0)
	mustBeIdle(t, k.Zone(), 0)
	mustNotGrow(t, "10,000 claims and releases", heap)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, were %d", n, goroutines)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one finalized
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// mustNotGrow allows the heap what the runtime and the test itself need.
func mustNotGrow(t *testing.T, what string, was uint64) {
	t.Helper()
	if now := heapInUse(); now > was+64<<10 {
		t.Errorf("%s: the heap has %d KiB, had %d KiB", what, now>>10, was>>10)
	}
}

// What runs for each player and each publisher allocates nothing. A name of a
// dead process is one that is found and is not effective.
func TestNothingIsAllocated(t *testing.T) {
	const runs = 100
	k, z := newZone(t, streamzone.Config{})
	dead := joinSlot(t, k, 1)
	long, tooLong := strings.Repeat("live/", 200), strings.Repeat("live/", 300)
	mustClaim(t, z, "live/short")
	mustClaim(t, z, long)
	mustClaim(t, dead, "live/dead")
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.CloseSlot(1); err != nil {
		t.Fatal(err)
	}
	claims := make([]streamzone.Claim, 0, runs+1)
	for i := range runs + 1 { // one run is before those that count
		claims = append(claims, mustClaim(t, z, fmt.Sprintf("live/%d", i)))
	}
	stale := claims[0]
	lookup := func(z *streamzone.Zone, name string, want bool) func() {
		return func() {
			if _, ok, err := z.Lookup(name); ok != want || err != nil {
				t.Errorf("lookup %.20q: %t, %v", name, ok, err)
			}
		}
	}
	for _, c := range []struct {
		what string
		f    func()
	}{
		{"hit", lookup(z, "live/short", true)},
		{"hit of a long name", lookup(z, long, true)},
		{"miss", lookup(z, "live/nobody", false)},
		{"a reader's hit", lookup(k.Zone(), "live/short", true)},
		{"a dead process's name", lookup(z, "live/dead", false)},
		{"too long", func() { _, _, _ = z.Lookup(tooLong) }},
		{"release", func() {
			if !z.Release(claims[0]) {
				t.Error("not released")
			}
			claims = claims[1:]
		}},
		{"release of what is released", func() { z.Release(stale) }},
	} {
		if n := testing.AllocsPerRun(runs, c.f); n != 0 {
			t.Errorf("%s: %v allocations", c.what, n)
		}
	}
}
