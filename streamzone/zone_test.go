package streamzone_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// newZone makes a zone with slot 0 open and joined. Both end with the test.
func newZone(tb testing.TB, cfg streamzone.Config) (*streamzone.Keeper, *streamzone.Zone) {
	tb.Helper()
	k := newKeeper(tb, cfg)
	return k, joinSlot(tb, k, 0)
}

func newKeeper(tb testing.TB, cfg streamzone.Config) *streamzone.Keeper {
	tb.Helper()
	k, err := streamzone.Create(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := k.Close(); err != nil {
			tb.Error(err)
		}
	})
	return k
}

// joinSlot opens the slot and joins it from this process.
func joinSlot(tb testing.TB, k *streamzone.Keeper, slot int) *streamzone.Zone {
	tb.Helper()
	epoch, err := k.OpenSlot(slot)
	if err != nil {
		tb.Fatal(err)
	}
	z, err := streamzone.Join(k.File(), slot, epoch)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := z.Close(); err != nil {
			tb.Error(err)
		}
	})
	return z
}

func mustClaim(tb testing.TB, z *streamzone.Zone, name string) streamzone.Claim {
	tb.Helper()
	c, err := z.Claim(name)
	if err != nil {
		tb.Fatalf("claim %.40q: %v", name, err)
	}
	return c
}

// mustHave wants the name to be owned by just this claim, or by nobody.
func mustHave(tb testing.TB, z *streamzone.Zone, name string, want *streamzone.ID) {
	tb.Helper()
	e, ok, err := z.Lookup(name)
	switch {
	case err != nil:
		tb.Fatalf("lookup %.40q: %v", name, err)
	case want == nil && ok:
		tb.Fatalf("lookup %.40q: found %+v, want nothing", name, e)
	case want != nil && (!ok || e.ID != *want):
		tb.Fatalf("lookup %.40q: found %t %+v, want claim %v", name, ok, e, *want)
	}
}

func mustBeIdle(tb testing.TB, z *streamzone.Zone, alive int) {
	tb.Helper()
	if err := z.CheckIdle(); err != nil {
		tb.Fatal(err)
	}
	s := z.State()
	if s.Live != alive || s.Free != s.Capacity-alive || s.Dead != 0 || s.Busy != 0 {
		tb.Fatalf("state %+v, want %d streams and nothing else", s, alive)
	}
}

func TestConfigLimits(t *testing.T) {
	for _, c := range []struct {
		cfg  streamzone.Config
		want string // in the error; "" = valid
	}{
		{streamzone.Config{}, ""},
		{streamzone.Config{Buckets: 1, Streams: 1, NameMax: 1}, ""},
		{streamzone.Config{Buckets: 1 << 24, Streams: 1, NameMax: 65535}, ""},
		{streamzone.Config{Buckets: -1}, "buckets -1 is out of range 1..16777216"},
		{streamzone.Config{Buckets: 1<<24 + 1}, "buckets 16777217 is out of range"},
		{streamzone.Config{Streams: -5}, "streams -5 is out of range 1..16777214"},
		{streamzone.Config{Streams: 1<<24 - 1}, "streams 16777215 is out of range"},
		{streamzone.Config{NameMax: -1}, "name_max -1 is out of range 1..65535"},
		{streamzone.Config{NameMax: 65536}, "name_max 65536 is out of range"},
		{streamzone.Config{Buckets: -1, NameMax: -2}, "name_max -2"},
		{streamzone.Config{Streams: 1<<24 - 2, NameMax: 65535}, "choose smaller ones"},
	} {
		err := c.cfg.Validate()
		if c.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.cfg, err)
			}
			continue
		}
		if !errors.Is(err, streamzone.ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.cfg, err, c.want)
		}
		if _, err := streamzone.Create(c.cfg); !errors.Is(err, streamzone.ErrConfig) {
			t.Errorf("create %+v: error %v", c.cfg, err)
		}
	}
}

func TestSlots(t *testing.T) {
	k := newKeeper(t, streamzone.Config{Streams: 4})
	for _, slot := range []int{-1, 128, 1 << 30} {
		_, errOpen := k.OpenSlot(slot)
		_, errSweep := k.Sweep(slot)
		_, errJoin := streamzone.Join(k.File(), slot, 1)
		for _, err := range []error{errOpen, k.CloseSlot(slot), errSweep, errJoin} {
			if !errors.Is(err, streamzone.ErrSlotRange) {
				t.Errorf("slot %d: %v, want ErrSlotRange", slot, err)
			}
		}
	}
	if _, err := streamzone.Join(k.File(), 5, 0); !errors.Is(err, streamzone.ErrSlotClosed) {
		t.Errorf("join of a closed slot: %v", err)
	}
	epoch, err := k.OpenSlot(5)
	if epoch != 1 || err != nil {
		t.Fatalf("first epoch %d, %v, want 1", epoch, err)
	}
	if _, err := k.OpenSlot(5); !errors.Is(err, streamzone.ErrSlotOpen) {
		t.Errorf("open twice: %v", err)
	}
	if _, err := streamzone.Join(k.File(), 5, 3); !errors.Is(err, streamzone.ErrSlotClosed) {
		t.Errorf("join with a foreign epoch: %v", err)
	}
	z, err := streamzone.Join(k.File(), 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streamzone.Join(k.File(), 5, 1); !errors.Is(err, streamzone.ErrSlotBusy) {
		t.Errorf("join twice: %v", err)
	}
	if err := k.CloseSlot(5); !errors.Is(err, streamzone.ErrSlotBusy) {
		t.Errorf("close of a living slot: %v", err)
	}
	if _, err := streamzone.Adopt(k.File()); !errors.Is(err, streamzone.ErrKeeperBusy) {
		t.Errorf("second keeper: %v", err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // idempotent
		if err := k.CloseSlot(5); err != nil {
			t.Fatal(err)
		}
	}
	if epoch, err := k.OpenSlot(5); epoch != 3 || err != nil {
		t.Errorf("second epoch %d, %v, want 3", epoch, err)
	}
}

// A dead process's streams stop existing with the closing of its slot, its
// nodes come back with the sweep, early or late.
func TestDeathOfASlot(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%t", late), func(t *testing.T) {
			k, z := newZone(t, streamzone.Config{Buckets: 2, Streams: 10})
			dying := joinSlot(t, k, 1)
			old := mustClaim(t, dying, "live/x")
			for i := range 4 {
				mustClaim(t, dying, fmt.Sprintf("live/%d", i))
			}
			stay := mustClaim(t, z, "live/y").ID()
			if err := dying.Close(); err != nil {
				t.Fatal(err)
			}
			id := old.ID()
			mustHave(t, z, "live/x", &id) // nobody has noticed yet
			if err := k.CloseSlot(1); err != nil {
				t.Fatal(err)
			}
			mustHave(t, z, "live/x", nil)
			mustHave(t, z, "live/y", &stay)
			if s := z.State(); s.Live != 1 || s.Dead != 5 {
				t.Fatalf("state %+v, want 1 living and 5 dead", s)
			}
			if err := z.CheckIdle(); !errors.Is(err, streamzone.ErrCorrupt) {
				t.Fatalf("CheckIdle before the sweep: %v", err)
			}
			mine := mustClaim(t, z, "live/x").ID() // beside the dead node of that name
			var heir *streamzone.Zone
			if late {
				heir = joinSlot(t, k, 1)
				if heir.Release(old) {
					t.Fatal("the heir released a claim of the dead")
				}
				mustClaim(t, heir, "live/1")
			}
			if n, err := k.Sweep(1); n != 5 || err != nil {
				t.Fatalf("sweep: %d, %v, want 5", n, err)
			}
			if n, err := k.Sweep(1); n != 0 || err != nil {
				t.Fatalf("second sweep: %d, %v, want 0", n, err)
			}
			mustHave(t, z, "live/x", &mine)
			alive := 2
			if late {
				alive = 3
			}
			mustBeIdle(t, z, alive)
		})
	}
}

// A master that takes over finds the slots as they were left.
func TestAdopt(t *testing.T) {
	first, err := streamzone.Create(streamzone.Config{Streams: 8})
	if err != nil {
		t.Fatal(err)
	}
	z := joinSlot(t, first, 0)
	dead := joinSlot(t, first, 1)
	mustClaim(t, dead, "live/x")
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	dup, err := streamzone.Dup(first.File())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	k, err := streamzone.Adopt(dup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	for slot := range streamzone.Slots {
		err := k.CloseSlot(slot)
		if slot == 0 && !errors.Is(err, streamzone.ErrSlotBusy) || slot != 0 && err != nil {
			t.Errorf("slot %d: %v", slot, err)
		}
		if _, err := k.Sweep(slot); err != nil {
			t.Error(err)
		}
	}
	mustHave(t, z, "live/x", nil)
	mustBeIdle(t, z, 0)
}

func TestReadOnlyAndClosed(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 4})
	reader, err := streamzone.Attach(k.File())
	if err != nil {
		t.Fatal(err)
	}
	c := mustClaim(t, z, "live/x")
	for _, r := range []*streamzone.Zone{reader, k.Zone()} {
		id := c.ID()
		mustHave(t, r, "live/x", &id)
		_, errClaim := r.Claim("live/y")
		_, errWatch := r.Watch("live/x")
		if !errors.Is(errClaim, streamzone.ErrReadOnly) || !errors.Is(errWatch, streamzone.ErrReadOnly) {
			t.Errorf("claim: %v, watch: %v, want ErrReadOnly", errClaim, errWatch)
		}
		if r.Release(c) || r.Slot() != -1 {
			t.Error("a reader owns nothing")
		}
	}
	w, err := z.Watch("live/x")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(z.Close(), reader.Close()); err != nil {
			t.Fatal(err)
		}
	}
	<-w.C // nobody waits for ever on a closed zone
	w.Close()
	for _, z := range []*streamzone.Zone{z, reader} {
		_, errClaim := z.Claim("live/y")
		_, errWatch := z.Watch("live/y")
		_, _, errLookup := z.Lookup("live/x")
		errRange := z.Range(func(string, streamzone.Entry) bool { return true })
		for i, err := range []error{errClaim, errWatch, errLookup, errRange, z.Check(), z.CheckIdle()} {
			if !errors.Is(err, streamzone.ErrClosed) && (z != reader || i > 1) {
				t.Errorf("call %d after Close: %v", i, err)
			}
		}
		if z.Release(c) || z.State().Capacity != 0 {
			t.Error("a closed zone did something")
		}
	}
	// The streams of a closed zone stay until its slot is closed.
	id := c.ID()
	mustHave(t, k.Zone(), "live/x", &id)
}

func TestCloseUnderLoad(t *testing.T) {
	k := newKeeper(t, streamzone.Config{Buckets: 3, Streams: 16})
	for range 20 {
		z := joinSlot(t, k, 9)
		before := z.State().Slots[0].Releases
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("live/%d", (g+i)%5)
					w, err := z.Watch(name)
					if errors.Is(err, streamzone.ErrClosed) {
						return
					}
					c, err := z.Claim(name)
					if err == nil {
						z.Release(c)
					}
					_, _, _ = z.Lookup(name)
					_ = z.Range(func(string, streamzone.Entry) bool { z.State(); return true })
					w.Close()
				}
			})
		}
		eventually(t, "some claims", func() bool { return z.State().Slots[0].Releases > before+50 })
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if err := k.CloseSlot(9); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Sweep(9); err != nil {
			t.Fatal(err)
		}
		mustBeIdle(t, k.Zone(), 0)
	}
}
