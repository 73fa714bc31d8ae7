//go:build torture

package streamzone

import "testing"

// once calls f at the next point p.
func once(t *testing.T, p point, f func()) {
	t.Helper()
	was := CrashHook
	t.Cleanup(func() { CrashHook = was })
	CrashHook = func(at int) {
		if point(at) == p {
			CrashHook = was
			f()
		}
	}
}

// R4. The node that a lookup has just arrived at ends its life and begins
// another, as the very stream that is looked for: its name must not be taken
// together with the state from before.
func TestNodeBecomesWhatIsLookedFor(t *testing.T) {
	k, z := newTable(t, 1)
	other := joined(t, k, 1)
	c := claimed(t, z, "before")
	var now Claim
	once(t, atArrived, func() {
		if !z.Release(c) {
			t.Error("not released")
		}
		now = claimed(t, other, "after")
	})
	e, ok, err := z.Lookup("after")
	if err != nil || now.index != c.index || ok && (e.ID != now.ID() || e.Slot != 1) {
		t.Fatalf("%+v, %t, %v; want %v of slot 1, or nothing", e, ok, err, now.ID())
	}
}

// R4. The node that a lookup has just arrived at leaves the chain and goes to
// another, which ends there: what comes behind it in the first must be found.
func TestNodeLeavesForAnotherChain(t *testing.T) {
	k, err := Create(Config{Buckets: 2, Streams: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	z := joined(t, k, 0)
	in := func(bucket uint64, prefix string) string {
		for z.tab().bucketOf(z.tab().hash(prefix)) != bucket {
			prefix += "x"
		}
		return prefix
	}
	stays := claimed(t, z, in(0, "stays"))
	leaves := claimed(t, z, in(0, "leaves"))
	once(t, atArrived, func() {
		if !z.Release(leaves) {
			t.Error("not released")
		}
		if c := claimed(t, z, in(1, "elsewhere")); c.index != leaves.index {
			t.Error("another node was taken")
		}
	})
	e, ok, err := z.Lookup(in(0, "stays"))
	if !ok || e.ID != stays.ID() || err != nil {
		t.Fatalf("%+v, %t, %v", e, ok, err)
	}
}

// Nothing goes on: the general way is not gone, which would be right but slow.
func TestQuietLookupLooksOnce(t *testing.T) {
	_, z := newTable(t, 3)
	claimed(t, z, "second")
	claimed(t, z, "first")
	was := CrashHook
	t.Cleanup(func() { CrashHook = was })
	for _, name := range []string{"first", "second", "third"} {
		looked := 0
		CrashHook = func(at int) {
			if point(at) == atLooked {
				looked++
			}
		}
		if _, _, err := z.Lookup(name); looked != 1 || err != nil {
			t.Errorf("%q: looked %d times, %v", name, looked, err)
		}
	}
}
