package streamzone_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const followTime = 5 * time.Second

// following gives what Resize passes to these zones.
func following(zones ...*streamzone.Zone) func(*os.File) error {
	return func(f *os.File) error {
		var errs []error
		for _, z := range zones {
			errs = append(errs, z.Follow(f))
		}
		return errors.Join(errs...)
	}
}

func mustResize(tb testing.TB, k *streamzone.Keeper, cfg streamzone.Config, zones ...*streamzone.Zone) streamzone.Resized {
	tb.Helper()
	r, err := k.Resize(cfg, followTime, following(zones...))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func contents(tb testing.TB, z *streamzone.Zone) map[string]streamzone.Entry {
	tb.Helper()
	m := map[string]streamzone.Entry{}
	if err := z.Range(func(name string, e streamzone.Entry) bool {
		m[name] = e
		return true
	}); err != nil {
		tb.Fatal(err)
	}
	return m
}

// Larger, smaller, and again: every stream stays what and whose it was, and
// can be released by the claim it began with.
func TestResizeKeepsEverything(t *testing.T) {
	k := newKeeper(t, streamzone.Config{Buckets: 3, Streams: 40, NameMax: 100})
	zones := []*streamzone.Zone{joinSlot(t, k, 0), joinSlot(t, k, 7), joinSlot(t, k, 127)}
	claims := map[string]streamzone.Claim{}
	owner := map[string]*streamzone.Zone{}
	for i := range 30 {
		name := fmt.Sprintf("live/%0*d", 1+2*i, i)
		owner[name] = zones[i%3]
		claims[name] = mustClaim(t, zones[i%3], name)
	}
	was := contents(t, zones[0])
	ids := map[streamzone.ID]bool{}
	for _, cfg := range []streamzone.Config{
		{Buckets: 101, Streams: 100, NameMax: 100}, {Buckets: 1, Streams: 30, NameMax: 80}, {Buckets: 7, Streams: 64, NameMax: 1024},
	} {
		r := mustResize(t, k, cfg, zones...)
		if r.Live != len(claims) || r.Frozen <= 0 {
			t.Fatalf("moved %+v, want %d", r, len(claims))
		}
		for _, z := range append(zones, k.Zone()) {
			eventually(t, "everybody has moved", func() bool { return z.State().Capacity == cfg.Streams })
			if d := cmp.Diff(was, contents(t, z)); d != "" {
				t.Fatal(d)
			}
			if s := z.State(); s.Buckets != cfg.Buckets || s.NameMax != cfg.NameMax || s.Live != 30 || s.Free != cfg.Streams-30 || s.Frozen {
				t.Errorf("%+v", s)
			}
		}
		mustBeIdle(t, k.Zone(), 30)
		if s := k.Zone().State().Slots; len(s) != 3 || s[1].Slot != 7 || s[1].PID != os.Getpid() || s[1].Claims < 10 || s[1].Since.IsZero() {
			t.Errorf("slots: %+v", s)
		}
		for name, c := range claims {
			if _, err := owner[name].Claim(name); !errors.Is(err, streamzone.ErrTaken) {
				t.Fatalf("claim of a moved name: %v", err)
			}
			mustHave(t, zones[1], name, new(c.ID()))
			ids[c.ID()] = true
		}
		// One is replaced in each zone: its new ID is no old one.
		for name, c := range claims {
			z := owner[name]
			if !z.Release(c) || z.Release(c) {
				t.Fatal("a moved claim is released once")
			}
			mustHave(t, zones[2], name, nil)
			if cfg.Streams > 30 {
				claims[name] = mustClaim(t, z, name)
				if ids[claims[name].ID()] {
					t.Fatalf("ID %v came again", claims[name].ID())
				}
			} else {
				claims[name] = mustClaim(t, z, name) // the room that just became free
			}
			if z.Release(c) {
				t.Fatal("an ended claim released its successor")
			}
			was = contents(t, k.Zone())
			break
		}
	}
	for name, c := range claims {
		if !owner[name].Release(c) {
			t.Errorf("%.20q can't be released", name)
		}
	}
	mustBeIdle(t, k.Zone(), 0)
}

// What is too small is refused, and nothing has changed.
func TestResizeTooSmall(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Buckets: 3, Streams: 10, NameMax: 100})
	for i := range 5 {
		mustClaim(t, z, fmt.Sprintf("%050d", i))
	}
	was := k.Zone().State()
	for _, cfg := range []streamzone.Config{{Buckets: 3, Streams: 4, NameMax: 100}, {Buckets: 3, Streams: 10, NameMax: 49}} {
		if _, err := k.Resize(cfg, followTime, following(z)); !errors.Is(err, streamzone.ErrTooSmall) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := k.Resize(streamzone.Config{Buckets: -1}, followTime, following(z)); !errors.Is(err, streamzone.ErrConfig) {
		t.Errorf("bad sizes: %v", err)
	}
	if d := cmp.Diff(was, k.Zone().State()); d != "" {
		t.Error(d)
	}
	mustClaim(t, z, "goes on")
	mustResize(t, k, streamzone.Config{Buckets: 3, Streams: 6, NameMax: 50}, z)
	if _, err := z.Claim("full"); !errors.Is(err, streamzone.ErrFull) {
		t.Errorf("six of six: %v", err)
	}
}

// A slot that is open and not joined would not be heard.
func TestResizeWantsEverybody(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 10})
	epoch, err := k.OpenSlot(3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Resize(streamzone.Config{Streams: 20}, followTime, following(z)); !errors.Is(err, streamzone.ErrSlotEmpty) {
		t.Errorf("with an empty slot: %v", err)
	}
	late, err := streamzone.Join(k.File(), 3, epoch)
	if err != nil {
		t.Fatal(err)
	}
	// It doesn't follow.
	if _, err := k.Resize(streamzone.Config{Streams: 20}, 10*time.Millisecond, following(z)); !errors.Is(err, streamzone.ErrNotFollowed) {
		t.Errorf("with one who doesn't follow: %v", err)
	}
	if _, err := k.Resize(streamzone.Config{Streams: 20}, followTime, func(*os.File) error { return os.ErrInvalid }); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("with nobody told: %v", err)
	}
	mustClaim(t, late, "in the old zone")
	mustHave(t, z, "in the old zone", idOf(t, z, "in the old zone"))
	// It dies while it is expected.
	if _, err := k.Resize(streamzone.Config{Streams: 20}, followTime, func(f *os.File) error {
		return errors.Join(late.Close(), z.Follow(f))
	}); err != nil {
		t.Fatal(err)
	}
	if err := k.CloseSlot(3); err != nil {
		t.Fatal(err)
	}
	if n, err := k.Sweep(3); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	mustHave(t, z, "in the old zone", nil)
	mustBeIdle(t, z, 0)
}

func idOf(t *testing.T, z *streamzone.Zone, name string) *streamzone.ID {
	t.Helper()
	e, ok, err := z.Lookup(name)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return &e.ID
}

// A process that stands in the middle of a claim holds the resize up, in
// bounds; so does a keeper that stops in the middle: then the processes go on
// by themselves.
func TestFreezeIsBounded(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 10})
	other := joinSlot(t, k, 1)
	leave := other.EnterGate()
	begun := time.Now()
	_, err := k.Resize(streamzone.Config{Streams: 20}, 50*time.Millisecond, following(z, other))
	if !errors.Is(err, streamzone.ErrNotFollowed) {
		t.Errorf("with a claim that doesn't end: %v", err)
	}
	leave()
	mustClaim(t, z, "a")
	mustClaim(t, other, "b")
	t.Logf("gave up after %v", time.Since(begun))

	k.FreezeAndDie() // no commit, no abort
	eventually(t, "both stand still", func() bool { return z.StandsStill() && other.StandsStill() })
	begun = time.Now()
	mustClaim(t, z, "c")
	if took := time.Since(begun); took < streamzone.MaxFrozen/2 || took > 10*streamzone.MaxFrozen {
		t.Errorf("a claim waited %v for a dead keeper", took)
	}
	mustClaim(t, other, "d")
	mustResize(t, k, streamzone.Config{Streams: 20}, z, other)
	mustBeIdle(t, z, 4)
}

// A Watch goes with the zone: who waits is woken by a claim in the new one.
func TestWatchesMove(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Buckets: 100, Streams: 10})
	other := joinSlot(t, k, 1)
	w, err := z.Watch("awaited")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	mustResize(t, k, streamzone.Config{Buckets: 17, Streams: 10}, z, other)
	mustFire(t, w, "the move")
	eventually(t, "the interest is there", func() bool { return z.Interested("awaited") })
	select {
	case <-w.C:
		t.Error("fired twice")
	default:
	}
	mustClaim(t, other, "awaited")
	mustFire(t, w, "a claim in the new zone")
	w.Close()
	if z.Interested("awaited") {
		t.Error("the interest should have ended")
	}
}

// Claims, releases, lookups and waits go on while the zone is resized again and
// again: a name that is held is always found, nobody waits in vain.
func TestResizeUnderLoad(t *testing.T) {
	k := newKeeper(t, streamzone.Config{Buckets: 3, Streams: 40})
	zones := []*streamzone.Zone{joinSlot(t, k, 0), joinSlot(t, k, 1), joinSlot(t, k, 2)}
	var ending atomic.Bool
	var rounds [3]atomic.Int64
	var wg sync.WaitGroup
	for i, z := range zones {
		wg.Go(func() {
			for n := 0; !ending.Load(); n++ {
				if err := handOn(zones, i, z, n); err != nil {
					t.Error(err)
					return
				}
				rounds[i].Add(1)
			}
		})
	}
	sizes := []streamzone.Config{{Buckets: 1, Streams: 30}, {Buckets: 50, Streams: 40}, {Buckets: 7, Streams: 20}}
	for n := range 40 {
		before := rounds[n%3].Load()
		mustResize(t, k, sizes[n%3], zones...)
		eventually(t, "the work goes on", func() bool { return rounds[n%3].Load() > before || t.Failed() })
		if err := k.Zone().Check(); err != nil {
			t.Fatal(err)
		}
	}
	ending.Store(true)
	wg.Wait()
	mustBeIdle(t, k.Zone(), 0)
}

// handOn claims a name, sees that everybody finds it, and releases it.
func handOn(zones []*streamzone.Zone, i int, z *streamzone.Zone, n int) error {
	name := fmt.Sprintf("live/%d-%d", i, n%5)
	c, err := z.Claim(name)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	for _, other := range zones {
		if e, ok, err := other.Lookup(name); !ok || err != nil || e.ID != c.ID() || e.Slot != i {
			return fmt.Errorf("held %v, but found %+v, %t, %w", c.ID(), e, ok, err)
		}
	}
	if !z.Release(c) {
		return errors.New("not released")
	}
	for _, other := range zones {
		if e, ok, err := other.Lookup(name); ok || err != nil {
			return fmt.Errorf("released, but found %+v, %w", e, err)
		}
	}
	return nil
}

// Attached zones don't follow: they say so.
func TestAttachedDoesNotMove(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 10})
	old, err := dupFile(t, k)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := streamzone.Attach(old)
	if err != nil {
		t.Fatal(err)
	}
	mustClaim(t, z, "a")
	mustHave(t, reader, "a", idOf(t, z, "a"))
	mustResize(t, k, streamzone.Config{Streams: 20}, z)
	if _, _, err := reader.Lookup("a"); !errors.Is(err, streamzone.ErrMoved) {
		t.Errorf("lookup: %v", err)
	}
	if err := reader.Check(); !errors.Is(err, streamzone.ErrMoved) {
		t.Errorf("check: %v", err)
	}
	for what, err := range map[string]error{
		"attach": second(streamzone.Attach(old)), "adopt": second(streamzone.Adopt(old)), "join": second(streamzone.Join(old, 0, 1)),
	} {
		if !errors.Is(err, streamzone.ErrMoved) && !errors.Is(err, streamzone.ErrSlotBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := reader.Follow(k.File()); !errors.Is(err, streamzone.ErrReadOnly) {
		t.Errorf("follow: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// dupFile is a descriptor of the zone that outlives a resize.
func dupFile(t *testing.T, k *streamzone.Keeper) (*os.File, error) {
	t.Helper()
	f, err := streamzone.Dup(k.File())
	if err == nil {
		t.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}
