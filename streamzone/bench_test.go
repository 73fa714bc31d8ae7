package streamzone_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const benchNames = 10000

func benchmarkNames(prefix string) []string {
	names := make([]string, benchNames)
	for i := range names {
		names[i] = fmt.Sprintf("%s/stream-%05d", prefix, i)
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// fullZone has every one of the names claimed but the last.
func fullZone(b *testing.B, names []string) *streamzone.Zone {
	b.Helper()
	_, z := newZone(b, streamzone.Config{})
	for _, name := range names[:len(names)-1] {
		if _, err := z.Claim(name); err != nil {
			b.Fatal(err)
		}
	}
	return z
}

func BenchmarkLookup(b *testing.B) {
	names, absent := benchmarkNames("live"), benchmarkNames("nope")
	names = names[:len(names)-1]
	z := fullZone(b, append(names, "the last"))
	var m sync.Map
	for i, name := range names {
		m.Store(name, i)
	}
	for _, c := range []struct {
		name  string
		names []string
		hit   bool
	}{{"hit", names, true}, {"miss", absent, false}, {"hot", names[:1], true}} {
		b.Run(c.name+"/zone", func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, ok, err := z.Lookup(c.names[i]); ok != c.hit || err != nil {
					b.Fatal(ok, err)
				}
				if i++; i == len(c.names) {
					i = 0
				}
			}
		})
		b.Run(c.name+"/syncmap", func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, ok := m.Load(c.names[i]); ok != c.hit {
					b.Fatal(ok)
				}
				if i++; i == len(c.names) {
					i = 0
				}
			}
		})
	}
}

func BenchmarkClaimRelease(b *testing.B) {
	names := benchmarkNames("live")
	b.Run("zone", func(b *testing.B) {
		_, z := newZone(b, streamzone.Config{})
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
	})
	b.Run("zone/nearly-full", func(b *testing.B) {
		z := fullZone(b, names)
		b.ReportAllocs()
		for b.Loop() {
			c, err := z.Claim(names[len(names)-1])
			if err != nil || !z.Release(c) {
				b.Fatal(err)
			}
		}
	})
	b.Run("syncmap", func(b *testing.B) {
		var m sync.Map
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, taken := m.LoadOrStore(names[i], i); taken {
				b.Fatal("taken")
			}
			m.Delete(names[i])
			if i++; i == len(names) {
				i = 0
			}
		}
	})
}

func BenchmarkSweep(b *testing.B) {
	names := benchmarkNames("live")
	for b.Loop() {
		b.StopTimer()
		k, z := newZone(b, streamzone.Config{})
		for _, name := range names {
			if _, err := z.Claim(name); err != nil {
				b.Fatal(err)
			}
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
