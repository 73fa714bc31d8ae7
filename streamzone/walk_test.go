package streamzone

import "testing"

// newTable makes a zone of one bucket, joined as slot 0.
func newTable(t *testing.T, streams int) (*Keeper, *Zone) {
	t.Helper()
	k, err := Create(Config{Buckets: 1, Streams: streams})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k, joined(t, k, 0)
}

func joined(t *testing.T, k *Keeper, slot int) *Zone {
	t.Helper()
	epoch, err := k.OpenSlot(slot)
	if err != nil {
		t.Fatal(err)
	}
	z, err := Join(k.File(), slot, epoch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = z.Close() })
	return z
}

func (z *Zone) tab() *table { return z.cur.Load() }

func claimed(t *testing.T, z *Zone, name string) Claim {
	t.Helper()
	c, err := z.Claim(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take gives a node that is filled and not linked.
func take(t *testing.T, z *Zone, name string) private {
	t.Helper()
	k, err := z.tab().key(name)
	if err != nil {
		t.Fatal(err)
	}
	var p private
	if !z.take(z.tab(), &p, &k) {
		t.Fatal("full")
	}
	return p
}

// deleted does the first half of a Release: the stream is gone, the node not yet.
func deleted(t *testing.T, z *Zone, c Claim, marked bool) {
	t.Helper()
	if !z.tab().casState(c.index, c.state, c.state.with(releasing)) {
		t.Fatal("not live")
	}
	if marked {
		z.tab().node(c.index, nodeNext).Or(uint64(mark))
	}
}

// R1: the walk that unlinks the node is not the one that proves it gone.
func TestUnlinkNeedsAWholeWalk(t *testing.T) {
	_, z := newTable(t, 4)
	a, b := claimed(t, z, "a"), claimed(t, z, "b")
	deleted(t, z, a, true)
	w := walk{table: z.tab()}
	if gone, torn, err := w.expel(0, a.index); gone || torn != nilLink || err != nil {
		t.Fatalf("first walk: gone %t, torn %#x, %v: it has met the node", gone, torn, err)
	}
	if z.tab().next(b.index) != nilLink {
		t.Fatal("the node is still linked")
	}
	if gone, torn, err := w.expel(0, a.index); !gone || torn != nilLink || err != nil {
		t.Fatalf("second walk: gone %t, torn %#x, %v", gone, torn, err)
	}
}

// R1, the danger itself. A remover of b is about to swap a's next, when a is
// released, reused and, still private, points to b again. The swap succeeds and
// removes nothing.
func TestSwapInAReusedNode(t *testing.T) {
	_, z := newTable(t, 2)
	b := claimed(t, z, "b")
	a := claimed(t, z, "a") // a → b
	at := link(z.tab().node(a.index, nodeNext).Load())
	if !z.Release(a) {
		t.Fatal("not released")
	}
	p := take(t, z, "again")
	if p.index != a.index {
		t.Fatalf("took node %d, want %d", p.index, a.index)
	}
	z.tab().node(p.index, nodeNext).Store(z.tab().head(0).Load()) // private → b
	deleted(t, z, b, true)
	if !z.tab().node(a.index, nodeNext).CompareAndSwap(uint64(at), uint64(z.tab().next(b.index).unmarked())) {
		t.Fatal("the late swap should succeed")
	}
	if link(z.tab().head(0).Load()).index() != b.index {
		t.Fatal("b should still be linked")
	}
	if err := z.tab().retire(b.index, b.state.with(releasing)); err != nil {
		t.Fatal(err)
	}
	p.giveBack(z.tab())
	if err := z.CheckIdle(); err != nil {
		t.Fatal(err)
	}
}

// Each state in which a process can die is legal while it lasts, and swept.
func TestSweepFromEveryState(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, z *Zone, c Claim){
		"claiming": func(t *testing.T, z *Zone, _ Claim) {
			if _, _, ok := z.tab().alloc(z.slot, z.epoch, &z.rotor); !ok {
				t.Fatal("full")
			}
		},
		"filled": func(t *testing.T, z *Zone, _ Claim) {
			take(t, z, "filled")
		},
		"private": func(t *testing.T, z *Zone, _ Claim) {
			p := take(t, z, "private")
			p.link(z.tab(), 0, nilLink) // loses: the chain is not empty
		},
		"linked":    func(*testing.T, *Zone, Claim) {},
		"releasing": func(t *testing.T, z *Zone, c Claim) { deleted(t, z, c, false) },
		"marked":    func(t *testing.T, z *Zone, c Claim) { deleted(t, z, c, true) },
		"unlinked": func(t *testing.T, z *Zone, c Claim) {
			deleted(t, z, c, true)
			if err := z.tab().unlink(0, c.index); err != nil {
				t.Fatal(err)
			}
		},
		"hint lost": func(t *testing.T, z *Zone, c Claim) {
			deleted(t, z, c, true)
			if err := z.tab().unlink(0, c.index); err != nil {
				t.Fatal(err)
			}
			z.tab().casState(c.index, c.state.with(releasing), c.state.with(free))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, survivor := newTable(t, 5)
			victim := joined(t, k, 1)
			claimed(t, survivor, "x")
			c := claimed(t, victim, "c")
			claimed(t, survivor, "y")
			leave(t, victim, c)
			if err := survivor.Check(); err != nil {
				t.Fatalf("as left: %v", err)
			}
			_ = victim.Close()
			if err := k.CloseSlot(1); err != nil {
				t.Fatal(err)
			}
			claimed(t, survivor, "c") // the name is free at once
			if _, err := k.Sweep(1); err != nil {
				t.Fatal(err)
			}
			if err := survivor.CheckIdle(); err != nil {
				t.Fatal(err)
			}
			if s := survivor.State(); s.Live != 3 || s.Free != 2 {
				t.Fatalf("state %+v, want 3 live, 2 free", s)
			}
		})
	}
}

// A helper takes a marked node out, but leaves the freeing to its agent.
func TestHelpersOnlyUnlink(t *testing.T) {
	_, z := newTable(t, 4)
	a, b := claimed(t, z, "a"), claimed(t, z, "b")
	deleted(t, z, a, true)
	if !z.Release(b) { // walks the chain and helps
		t.Fatal("not released")
	}
	if got := z.tab().state(a.index); got != a.state.with(releasing) {
		t.Fatalf("state %#x, want RELEASING of the same life", uint64(got))
	}
	if z.tab().head(0).Load() != 0 {
		t.Fatal("the chain is not empty")
	}
	if err := z.tab().retire(a.index, a.state.with(releasing)); err != nil {
		t.Fatal(err)
	}
	if err := z.CheckIdle(); err != nil {
		t.Fatal(err)
	}
}

func TestGenerationsEnd(t *testing.T) {
	_, z := newTable(t, 2)
	z.tab().node(0, nodeState).Store(uint64(newState(maxGen-1, 0, 0, free)))
	c := claimed(t, z, "a")
	for c.index != 0 {
		z.Release(c)
		c = claimed(t, z, "a")
	}
	if id, err := ParseID(c.ID().String()); err != nil || id.Generation != maxGen {
		t.Fatalf("id %v, %v", c.ID(), err)
	}
	z.Release(c)
	for range 5 { // node 0 is used up
		c := claimed(t, z, "a")
		if c.index != 1 {
			t.Fatal("a node came back after its last generation")
		}
		z.Release(c)
	}
}

// A hint that was taken back while its node became free is given again.
func TestNoHintIsLost(t *testing.T) {
	_, z := newTable(t, 4)
	z.tab().dropHint(2)
	if err := z.CheckIdle(); err != nil {
		t.Fatal(err)
	}
}
