package streamzone_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

func TestNames(t *testing.T) {
	const nameMax = 100
	_, z := newZone(t, streamzone.Config{Buckets: 7, Streams: 300, NameMax: nameMax})
	claims := map[string]streamzone.Claim{}
	for n := 1; n <= nameMax; n++ { // every length: word borders, the hot and the cold part
		claims[strings.Repeat("n", n)] = streamzone.Claim{}
	}
	for _, name := range []string{"\x00", "\x00\x00", "\xff\xfe", "live/ä", "a\nb", strings.Repeat("\x00", 32)} {
		claims[name] = streamzone.Claim{}
	}
	for name := range claims {
		mustHave(t, z, name, nil)
		claims[name] = mustClaim(t, z, name)
	}
	for name, c := range claims {
		id := c.ID()
		mustHave(t, z, name, &id)
	}
	seen := map[string]streamzone.ID{}
	err := z.Range(func(name string, e streamzone.Entry) bool {
		seen[name] = e.ID
		return true
	})
	want := map[string]streamzone.ID{}
	for name, c := range claims {
		want[name] = c.ID()
	}
	if diff := cmp.Diff(want, seen); diff != "" || err != nil {
		t.Fatalf("Range: %v\n%s", err, diff)
	}
	mustBeIdle(t, z, len(claims))

	for name, want := range map[string]error{
		"":                                streamzone.ErrNameEmpty,
		strings.Repeat("n", nameMax+1):    streamzone.ErrNameTooLong,
		strings.Repeat("n", nameMax+1000): streamzone.ErrNameTooLong,
	} {
		_, errClaim := z.Claim(name)
		_, _, errLookup := z.Lookup(name)
		_, errWatch := z.Watch(name)
		for _, err := range []error{errClaim, errLookup, errWatch} {
			if !errors.Is(err, want) {
				t.Errorf("name of %d bytes: %v, want %v", len(name), err, want)
			}
		}
	}
}

func TestClaimIsExclusive(t *testing.T) {
	before := time.Now().Add(-time.Millisecond)
	k, a := newZone(t, streamzone.Config{})
	b := joinSlot(t, k, 127)
	c := mustClaim(t, a, "live/x")
	for _, z := range []*streamzone.Zone{a, b} {
		_, err := z.Claim("live/x")
		var taken *streamzone.TakenError
		if !errors.As(err, &taken) || !errors.Is(err, streamzone.ErrTaken) {
			t.Fatalf("slot %d: %v, want a TakenError", z.Slot(), err)
		}
		o := taken.Owner
		if o.Slot != 0 || o.ID != c.ID() || o.Born.Before(before) || o.Born.After(time.Now()) {
			t.Fatalf("owner %+v, want slot 0, claim %v, now", o, c.ID())
		}
	}
	if b.Release(c) {
		t.Fatal("slot 127 released a claim of slot 0")
	}
	if !a.Release(c) || a.Release(c) {
		t.Fatal("a claim is released once")
	}
	d := mustClaim(t, b, "live/x")
	if d.ID() == c.ID() {
		t.Fatalf("the id %v came twice", c.ID())
	}
	if a.Release(c) || b.Release(c) || a.Release(d) || b.Release(streamzone.Claim{}) {
		t.Fatal("a stale or foreign claim was released")
	}
	mustBeIdle(t, a, 1)
	got := k.Zone().State().Slots
	want := []streamzone.SlotState{
		{Slot: 0, Open: true, Epoch: 1, Claims: 1, Taken: 1, Releases: 1},
		{Slot: 127, Open: true, Epoch: 1, Claims: 1, Taken: 1, Live: 1},
	}
	for i := range got {
		if got[i].PID == 0 || got[i].Since.Before(before) {
			t.Errorf("slot without its process: %+v", got[i])
		}
		got[i].PID, got[i].Since = 0, time.Time{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFull(t *testing.T) {
	_, z := newZone(t, streamzone.Config{})
	claims := make([]streamzone.Claim, streamzone.DefaultStreams)
	for round := range 2 {
		for i := range claims {
			claims[i] = mustClaim(t, z, fmt.Sprintf("live/%d", i))
		}
		if _, err := z.Claim("one more"); !errors.Is(err, streamzone.ErrFull) {
			t.Fatalf("round %d: %v, want ErrFull", round, err)
		}
		mustBeIdle(t, z, len(claims))
		for _, c := range claims {
			if !z.Release(c) {
				t.Fatalf("round %d: claim %v is lost", round, c.ID())
			}
		}
		mustBeIdle(t, z, 0)
	}
	if s := z.State().Slots[0]; s.Refused != 2 {
		t.Errorf("refused %d, want 2", s.Refused)
	}
}

func TestBucketFull(t *testing.T) {
	_, z := newZone(t, streamzone.Config{Buckets: 1000, Streams: 1000})
	bucket := z.Bucket("flood")
	var names []string
	for i := 0; len(names) <= z.ChainMax(); i++ {
		if name := fmt.Sprintf("flood-%d", i); z.Bucket(name) == bucket {
			names = append(names, name)
		}
	}
	last := len(names) - 1
	var c streamzone.Claim
	for _, name := range names[:last] {
		c = mustClaim(t, z, name)
	}
	if _, err := z.Claim(names[last]); !errors.Is(err, streamzone.ErrBucketFull) {
		t.Fatalf("error %v, want ErrBucketFull", err)
	}
	mustHave(t, z, names[last], nil)
	if !z.Release(c) {
		t.Fatal("not released")
	}
	mustClaim(t, z, names[last])
	mustBeIdle(t, z, last)
}

func TestIDs(t *testing.T) {
	for _, id := range []streamzone.ID{{Generation: 1}, {Generation: 1<<39 - 1, Index: 1<<24 - 3}, {Generation: 0xabc, Index: 10}} {
		got, err := streamzone.ParseID(id.String())
		if err != nil || got != id {
			t.Errorf("%+v → %q → %+v, %v", id, id.String(), got, err)
		}
	}
	for _, s := range []string{
		"", ".", "1", "1.", ".1", "0.1", "01.1", "1.01", "1.0A", "+1.1", "1.-1", "1_0.1", "0x1.1",
		"1.1.1", "1.1 ", " 1.1", "8000000000.1", "1.1000000", "1.fffffe", "\xff.1",
	} {
		if id, err := streamzone.ParseID(s); !errors.Is(err, streamzone.ErrBadID) {
			t.Errorf("%q parsed as %+v, %v", s, id, err)
		}
	}
}

// Goroutines of two slots fight over few names: nobody has what another has.
func TestConcurrentClaims(t *testing.T) {
	k, a := newZone(t, streamzone.Config{Buckets: 2, Streams: 6})
	zones := []*streamzone.Zone{a, joinSlot(t, k, 1)}
	var owners [5]atomic.Int64 // goroutine+1, kept beside the zone
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			z := zones[g%2]
			for i := range 3000 {
				n := (i*7 + g) % len(owners)
				name := fmt.Sprint("live/", n)
				c, err := z.Claim(name)
				if errors.Is(err, streamzone.ErrTaken) || errors.Is(err, streamzone.ErrFull) {
					continue
				}
				if err != nil || !owners[n].CompareAndSwap(0, int64(g+1)) {
					t.Errorf("goroutine %d: %q: %v, owner %d", g, name, err, owners[n].Load())
				}
				if e, ok, err := zones[(g+1)%2].Lookup(name); !ok || err != nil || e.ID != c.ID() {
					t.Errorf("goroutine %d: %q: found %+v, %t, %v, want %v", g, name, e, ok, err, c.ID())
				}
				owners[n].Store(0)
				if !z.Release(c) {
					t.Errorf("goroutine %d: %q was not released", g, name)
				}
			}
		})
	}
	for i := range 200 {
		if err := zones[i%2].Check(); err != nil {
			t.Error(err)
			break
		}
	}
	wg.Wait()
	mustBeIdle(t, a, 0)
}

func TestLookupAllocatesNothing(t *testing.T) {
	_, z := newZone(t, streamzone.Config{})
	name := strings.Repeat("live/", 20)
	mustClaim(t, z, name)
	for _, c := range []struct {
		what string
		f    func()
	}{
		{"hit", func() { _, _, _ = z.Lookup(name) }},
		{"miss", func() { _, _, _ = z.Lookup("live/nobody") }},
		{"refused", func() { _, _, _ = z.Lookup("") }},
		{"claim and release", func() { c, _ := z.Claim("live/y"); z.Release(c) }},
	} {
		if n := testing.AllocsPerRun(100, c.f); n != 0 {
			t.Errorf("%s: %v allocations", c.what, n)
		}
	}
}
