package streamzone

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A stream in a quiet zone, and the absence of one, are seen at a glance,
// whatever the length of the name.
func TestGlanceSees(t *testing.T) {
	k, err := Create(Config{NameMax: 70})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	z := joined(t, k, 3)
	for n := 1; n <= 70; n++ {
		name := strings.Repeat("x", n-1) + "y"
		hash, tail := z.tab().secret.sum(name)
		if _, s, sure := z.tab().glance(hash); s != 0 || !sure {
			t.Errorf("%d bytes, absent: state %#x, sure: %t", n, uint64(s), sure)
		}
		c := claimed(t, z, name)
		i, s, sure := z.tab().glance(hash)
		if i != c.index || s != c.state || !sure {
			t.Errorf("%d bytes: node %d in state %#x, sure: %t; want %d, %#x", n, i, uint64(s), sure, c.index, uint64(c.state))
		}
		if a, sure := z.tab().confirm(i, s, name, tail); a.length() != n || !sure {
			t.Errorf("%d bytes: about %#x, sure: %t", n, uint64(a), sure)
		}
		for bit := range 8 * n { // of the same length, but another name
			other := []byte(name)
			other[bit/8] ^= 1 << (bit % 8)
			_, tail := z.tab().secret.sum(string(other))
			if _, sure := z.tab().confirm(i, s, string(other), tail); sure {
				t.Fatalf("%q is taken for %q", name, other)
			}
		}
	}
}

// Whatever is not as it should be is left to the general way.
func TestGlanceIsNotSure(t *testing.T) {
	for what, disturb := range map[string]func(t *testing.T, k *Keeper, z *Zone, c Claim){
		"deleted":   func(t *testing.T, _ *Keeper, z *Zone, c Claim) { deleted(t, z, c, false) },
		"leaving":   func(t *testing.T, _ *Keeper, z *Zone, c Claim) { deleted(t, z, c, true) },
		"free":      func(_ *testing.T, _ *Keeper, z *Zone, c Claim) { setState(z, c, c.state.with(free)) },
		"claiming":  func(_ *testing.T, _ *Keeper, z *Zone, c Claim) { setState(z, c, c.state.with(claiming)) },
		"next life": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) { setState(z, c, c.state+1<<genShift) },
		"dead":      func(_ *testing.T, _ *Keeper, z *Zone, _ Claim) { z.tab().epochWord(z.slot).Add(2) },
		"closed":    func(_ *testing.T, _ *Keeper, z *Zone, _ Claim) { z.tab().epochWord(z.slot).Add(1) },
		"of an even epoch": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) {
			z.tab().epochWord(z.slot).Add(1)
			setState(z, c, c.state+1<<epochShift)
		},
		"marked head": func(_ *testing.T, _ *Keeper, z *Zone, _ Claim) { z.tab().head(0).Or(uint64(mark)) },
		"no such node": func(_ *testing.T, _ *Keeper, z *Zone, _ Claim) {
			z.tab().head(0).Store(uint64(newState(1, 0, 0, live).linkTo(uint32(z.tab().streams))))
		},
		"only a mark": func(_ *testing.T, _ *Keeper, z *Zone, _ Claim) { z.tab().head(0).Store(uint64(mark)) },
		"another length": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) {
			z.tab().node(c.index, nodeAbout).Add(1)
		},
		"moved here": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) {
			z.tab().firstID(c.index).Store(uint64(ID{Generation: 77, Index: 5}.link()))
			z.tab().node(c.index, nodeAbout).Or(uint64(movedHere))
		},
		"another name": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) {
			z.tab().node(c.index, nodeName).Add(1)
		},
		"another tail": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) {
			z.tab().node(c.index, nodeName+1).Add(1 << 56)
		},
		"far down": func(t *testing.T, _ *Keeper, z *Zone, _ Claim) {
			for i := range glanceNodes {
				claimed(t, z, fmt.Sprint(i))
			}
		},
		"in a circle": func(_ *testing.T, _ *Keeper, z *Zone, c Claim) {
			z.tab().node(c.index, nodeHash).Add(1)
			z.tab().node(c.index, nodeNext).Store(uint64(c.state.linkTo(c.index)))
		},
	} {
		t.Run(what, func(t *testing.T) {
			k, z := newTable(t, 20)
			const name = "live/one"
			c := claimed(t, z, name+"+")
			disturb(t, k, z, c)
			hash, tail := z.tab().secret.sum(name + "+")
			i, s, sure := z.tab().glance(hash)
			if sure && s != 0 {
				_, sure = z.tab().confirm(i, s, name+"+", tail)
			}
			if sure {
				t.Errorf("a glance saw node %d in state %#x and was sure", i, uint64(s))
			}
			mustAgree(t, z, name+"+")
		})
	}
}

func setState(z *Zone, c Claim, s state) { z.tab().node(c.index, nodeState).Store(uint64(s)) }

// mustAgree compares the quick way of a Lookup with the general one.
func mustAgree(t *testing.T, z *Zone, name string) {
	t.Helper()
	e, ok, err := z.Lookup(name)
	want, wantOK, wantErr := z.lookup(name)
	if e != want || ok != wantOK || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("%q: %+v, %t, %v; in the general way %+v, %t, %v", name, e, ok, err, want, wantOK, wantErr)
	}
}

// Both ways give the same answer in zones of all kinds: with long chains, dead
// streams, half released ones, names of all lengths and of any bytes, and
// after a resize.
func TestQuickAndGeneralLookupAgree(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		k, err := Create(Config{Buckets: 1 + r.IntN(20), Streams: 40, NameMax: 50})
		if err != nil {
			t.Fatal(err)
		}
		zones := []*Zone{joined(t, k, 0), joined(t, k, 1), joined(t, k, 2)}
		names := make([]string, 60)
		for i := range names {
			b := make([]byte, 1+r.IntN(50))
			for j := range b {
				b[j] = byte(r.IntN(3)) // zeros, and names that begin alike
			}
			names[i] = string(b)
		}
		compare := func() {
			for _, name := range names {
				mustAgree(t, zones[0], name)
			}
		}
		fill(t, r, zones, names)
		compare()
		_ = zones[2].Close()
		if err := k.CloseSlot(2); err != nil {
			t.Fatal(err)
		}
		compare()
		mustAgree(t, zones[0], "")
		mustAgree(t, zones[0], strings.Repeat("x", 51))
		_ = zones[0].Close()
		compare()
		_ = zones[1].Close()
		_ = k.Close()
	}
}

// fill leaves streams of each zone, and some in every stage of a release.
func fill(t *testing.T, r *rand.Rand, zones []*Zone, names []string) {
	t.Helper()
	for range 150 {
		z := zones[r.IntN(len(zones))]
		c, err := z.Claim(names[r.IntN(len(names))])
		if err != nil {
			continue
		}
		switch r.IntN(12) {
		case 0:
			deleted(t, z, c, false)
		case 1:
			deleted(t, z, c, true)
		case 2, 3, 4, 5:
			if !z.Release(c) {
				t.Error("not released")
			}
		}
	}
}
