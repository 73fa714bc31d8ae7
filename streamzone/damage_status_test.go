package streamzone_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A status word that says FREEZING holds claims and releases up for as long as
// a keeper may, and no longer: the processes end the freeze that nobody began.
func TestDamagedFreeze(t *testing.T) {
	t.Parallel()
	k, z := newZone(t, streamzone.Config{Streams: 5})
	m := newMemory(t, k)
	id := mustClaim(t, z, "live/held").ID()
	m.words[16].Store(99<<32 | stageFreezing)
	if err := k.CloseSlot(1); err != nil { // rings, so that the process looks
		t.Fatal(err)
	}
	began := time.Now()
	var longest time.Duration
	for m.stage() == stageFreezing && time.Since(began) < deadline {
		mustHave(t, z, "live/held", &id)
		call := time.Now()
		comeBack("Claim or Release in a freeze", deadline, func() {
			if c := mustClaim(t, z, "live/new"); !z.Release(c) {
				t.Error("not released")
			}
		})
		longest = max(longest, time.Since(call))
	}
	if m.stage() != stageReady || longest < time.Second || longest > 4*time.Second {
		t.Errorf("stage %d, the longest call took %v: want READY, after about 2s", m.stage(), longest)
	}
	mustBeIdle(t, z, 1)
}

// slotDirty is the first word of a slot that says where something was claimed.
const slotDirty = 16

// Whatever the status words of both zones say during a resize, nobody takes the
// successor for the zone before it is one.
func TestDamagedMove(t *testing.T) {
	for old := range uint64(6) {
		for successor := range uint64(6) {
			if old == stageFreezing || successor == stageFreezing {
				continue // see TestDamagedFreeze
			}
			t.Run(fmt.Sprintf("%d to %d", old, successor), func(t *testing.T) {
				damagedMove(t, old, successor, errors.New("enough"))
				damagedMove(t, old, successor, nil)
			})
		}
	}
}

// damagedMove damages the status words when the process is to follow. The resize
// ends then, or goes on.
func damagedMove(t *testing.T, old, successor uint64, enough error) {
	t.Helper()
	k, z := newZone(t, streamzone.Config{Streams: 5})
	was := newMemory(t, k)
	c := mustClaim(t, z, "live/held")
	looked, err := z.Watch("live/other")
	if err != nil {
		t.Fatal(err)
	}
	committed := old == stageMoved && successor == stageReady
	_, err = k.Resize(streamzone.Config{Streams: 6}, 50*time.Millisecond, func(f *os.File) error {
		is := mapZone(t, f)
		is[16].Store(successor)
		was.words[16].Store(old)
		for i := range 16 { // the process will fire every Watch, after it has looked at the status
			was.words[was.at(kindSlot, 0, slotDirty+i)].Store(1<<64 - 1)
		}
		if err := z.Follow(f); known(t, "Follow", err) {
			comeBack("the process's look at the status", deadline, func() { <-looked.C })
		}
		comeBack("a call in a damaged move", deadline, func() {
			for _, z := range []*streamzone.Zone{z, k.Zone()} {
				e, ok, err := z.Lookup("live/held")
				if known(t, "Lookup", err) && (!ok || e.ID != c.ID()) && !committed {
					t.Errorf("Lookup: %+v, %t", e, ok)
				}
				known(t, "Check", z.Check())
				known(t, "Range", z.Range(func(string, streamzone.Entry) bool { return true }))
				z.State()
			}
			if _, err := z.Claim("live/held"); known(t, "Claim", err) && !committed {
				t.Error("claimed twice")
			}
			z.Release(streamzone.Claim{})
		})
		return enough
	})
	switch {
	case enough != nil && !errors.Is(err, enough), enough == nil && err == nil && old != stageReady:
		t.Errorf("Resize: %v", err)
	case enough == nil:
		known(t, "Resize", err)
	}
	e, ok, err := z.Lookup("live/held")
	if known(t, "Lookup", err) && (!ok || e.ID != c.ID()) && !committed {
		t.Errorf("Lookup, after all: %+v, %t", e, ok)
	}
}
