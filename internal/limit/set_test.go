package limit

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A limit that is relaxed holds at once for names that were blocked for hours, and one that is tightened for names that were not.
func TestPublishesSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPublishes(2, time.Hour)
		expect := func(what, key string, wait time.Duration) {
			t.Helper()
			got, ok := p.Allow(key)
			if ok != (wait == 0) || got != wait {
				t.Errorf("%s: Allow = %v, %v; want a wait of %v", what, got, ok, wait)
			}
		}
		expect("the first", "x", 0)
		expect("the second", "x", 0)
		expect("the third", "x", time.Hour)
		p.Set(3, time.Second)
		expect("relaxed", "x", time.Second)
		time.Sleep(500 * time.Millisecond)
		expect("a moment later", "x", 500*time.Millisecond)
		time.Sleep(500 * time.Millisecond)
		expect("when the time is over", "x", 0)
		expect("again", "x", time.Second)
		time.Sleep(3 * time.Second)
		for i := range 3 {
			expect(fmt.Sprint("number ", i), "x", 0)
		}

		p.Set(1, time.Hour)
		expect("tightened, of one that has used some", "x", 3*time.Second)
		time.Sleep(3 * time.Second)
		expect("when what was used is back", "x", 0)
		expect("and then", "x", time.Hour)
		expect("tightened, of another", "y", 0)
		expect("and again", "y", time.Hour)

		p.Set(1, 0)
		for range 10 {
			expect("without a limit", "x", 0)
		}
		p.Set(1, time.Minute)
		expect("with one again", "x", 0)
		expect("which holds", "x", time.Minute)
	})
}

// What is open beyond a lower limit stays open, and counts.
func TestConnectionsSet(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	c := NewConnections(3, 2)
	expect := func(what string, addr netip.Addr, want error) (release func()) {
		t.Helper()
		release, err := c.Admit(addr)
		if !errors.Is(err, want) {
			t.Errorf("%s: Admit = %v, want %v", what, err, want)
		}
		return release
	}
	first, second := expect("the first", a, nil), expect("the second", a, nil)
	expect("one more of that address", a, ErrAddress)
	c.Set(3, 3)
	third := expect("when more may come from there", a, nil)
	expect("the total", b, ErrTotal)
	c.Set(1, 1)
	first()
	expect("two are more than one", b, ErrTotal)
	second()
	expect("one is one", b, ErrTotal)
	c.Set(2, 1)
	expect("of this address there is one", a, ErrAddress)
	expect("of the other there is none", b, nil)
	third()
	expect("one has gone", a, nil)
}
