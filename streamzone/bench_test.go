package streamzone_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// scripts/bench-zone runs these and makes the table of docs/performance.md of
// them: there is what is compared with what, and why. Here each has its
// ordinary form, for benchstat. Those of one process are in this file.

const (
	benchLive = 10000 // streams that exist while something is measured
	benchRoom = 1000  // what a zone has room for beside them
)

// benchNames are the names that begin with the prefix, in random order.
func benchNames(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = benchName(prefix, i)
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

func benchName(prefix string, i int) string { return fmt.Sprintf("%s/stream-%05d", prefix, i) }

// zoneOf is a zone in which these streams exist.
func zoneOf(b *testing.B, cfg streamzone.Config, names []string) *streamzone.Zone {
	b.Helper()
	_, z := newZone(b, cfg)
	for _, name := range names {
		mustClaim(b, z, name)
	}
	return z
}

// syncMapOf has these names for keys, in memory of their own: who asks for a
// name got it from the network, so to compare it takes more than to see that
// both are at the same address. The values are what a zone answers.
func syncMapOf(names []string) *sync.Map {
	var m sync.Map
	for i, name := range names {
		m.Store(strings.Clone(name), streamzone.Entry{Slot: i % streamzone.Slots})
	}
	return &m
}

func BenchmarkLookup(b *testing.B) {
	live, absent := benchNames("live", benchLive), benchNames("nope", benchLive)
	z := zoneOf(b, streamzone.Config{}, live) // to the last node
	m := syncMapOf(live)
	for _, c := range []struct {
		what  string
		names []string
		hit   bool
	}{{"hit", live, true}, {"miss", absent, false}, {"hot", live[:1], true}} {
		b.Run(c.what+"/zone", func(b *testing.B) { lookupZone(b, z, c.names, c.hit) })
		b.Run(c.what+"/syncmap", func(b *testing.B) { lookupSyncMap(b, m, c.names, c.hit) })
		if c.hit {
			b.Run(c.what+"/syncmap-entry", func(b *testing.B) { lookupSyncMapEntry(b, m, c.names) })
		}
	}
	for _, kind := range []string{"fcntl", "redis"} {
		b.Run(kind, func(b *testing.B) {
			r := newStage(b, kind).mine
			b.Run("hit", func(b *testing.B) { lookupRival(b, r, live, true) })
			b.Run("miss", func(b *testing.B) { lookupRival(b, r, absent, false) })
		})
	}
}

func lookupZone(b *testing.B, z *streamzone.Zone, names []string, hit bool) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok, err := z.Lookup(names[i]); ok != hit || err != nil {
			b.Fatal(ok, err)
		}
		if i++; i == len(names) {
			i = 0
		}
	}
}

func lookupSyncMap(b *testing.B, m *sync.Map, names []string, hit bool) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, ok := m.Load(names[i]); ok != hit {
			b.Fatal(ok)
		}
		if i++; i == len(names) {
			i = 0
		}
	}
}

// lookupSyncMapEntry also reads the answer, as Lookup does.
func lookupSyncMapEntry(b *testing.B, m *sync.Map, names []string) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		v, _ := m.Load(names[i])
		if e, ok := v.(streamzone.Entry); !ok || e.Slot < 0 {
			b.Fatal(e, ok)
		}
		if i++; i == len(names) {
			i = 0
		}
	}
}

func lookupRival(b *testing.B, r rival, names []string, hit bool) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if ok, err := r.lookup(names[i]); ok != hit || err != nil {
			b.Fatal(ok, err)
		}
		if i++; i == len(names) {
			i = 0
		}
	}
}

// A new name is claimed and released, beside 10,000 others and alone.
func BenchmarkClaimRelease(b *testing.B) {
	live, names := benchNames("live", benchLive), benchNames("new", benchLive)
	for _, c := range []struct {
		what string
		live []string
	}{{"among", live}, {"alone", nil}} {
		b.Run(c.what+"/zone", func(b *testing.B) {
			claimReleaseZone(b, zoneOf(b, streamzone.Config{Streams: benchLive + benchRoom}, c.live), names)
		})
		b.Run(c.what+"/syncmap", func(b *testing.B) { claimReleaseSyncMap(b, syncMapOf(c.live), names) })
	}
	for _, kind := range []string{"fcntl", "redis"} {
		b.Run(kind, func(b *testing.B) {
			r := newStage(b, kind).mine
			b.Run("among", func(b *testing.B) { claimReleaseRival(b, r, names) })
		})
	}
}

func claimReleaseZone(b *testing.B, z *streamzone.Zone, names []string) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c, err := z.Claim(names[i])
		if err != nil || !z.Release(c) {
			b.Fatal(err)
		}
		if i++; i == len(names) {
			i = 0
		}
	}
}

func claimReleaseSyncMap(b *testing.B, m *sync.Map, names []string) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, taken := m.LoadOrStore(names[i], streamzone.Entry{Slot: 1}); taken {
			b.Fatal("taken")
		}
		m.Delete(names[i])
		if i++; i == len(names) {
			i = 0
		}
	}
}

func claimReleaseRival(b *testing.B, r rival, names []string) {
	b.Helper()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := claimRelease(r, names[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(names) {
			i = 0
		}
	}
}

func BenchmarkSweep(b *testing.B) {
	names := benchNames("live", benchLive)
	for b.Loop() {
		b.StopTimer()
		k, z := newZone(b, streamzone.Config{})
		for _, name := range names {
			mustClaim(b, z, name)
		}
		if err := z.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := k.CloseSlot(0); err != nil {
			b.Fatal(err)
		}
		if n, err := k.Sweep(0); n != len(names) || err != nil {
			b.Fatal(n, err)
		}
	}
}
