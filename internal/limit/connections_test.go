package limit

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{"192.0.2.1", "::192.0.2.1", false}, // IPv4-compatible: an IPv6 address
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::1", "0.0.0.0", false},
	} {
		if got := group(netip.MustParseAddr(c.a)) == group(netip.MustParseAddr(c.b)); got != c.same {
			t.Errorf("%s and %s count as one: %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

// Each case admits one connection after another, and releases none.
func TestAdmit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		total, perAddress int
		from              []string // "": none
		want              []error
	}{
		{
			"an address at its limit leaves others alone", 9, 2,
			[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
			[]error{nil, nil, ErrAddress, nil},
		},
		{"a subnet is one address", 9, 1, []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"}, []error{nil, ErrAddress, nil}},
		{"the total holds for all", 2, 9, []string{"192.0.2.1", "2001:db8::1", "192.0.2.2", ""}, []error{nil, nil, ErrTotal, ErrTotal}},
		{"no address counts in the total only", 3, 1, []string{"", "", "192.0.2.1", "192.0.2.1"}, []error{nil, nil, nil, ErrTotal}},
		{"no address, no limit of one", 1, 0, []string{"192.0.2.1", ""}, []error{ErrAddress, nil}},
		{"a refused one does not count", 2, 1, []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"}, []error{nil, ErrAddress, nil}},
		{"0 admits nobody", 0, 1, []string{""}, []error{ErrTotal}},
	} {
		l := NewConnections(c.total, c.perAddress)
		for i, from := range c.from {
			var addr netip.Addr
			if from != "" {
				addr = netip.MustParseAddr(from)
			}
			release, err := l.Admit(addr)
			if !errors.Is(err, c.want[i]) || (release == nil) != (err != nil) {
				t.Errorf("%s: connection %d: %v, want %v", c.name, i, err, c.want[i])
			}
		}
	}
}

func TestReleaseTwice(t *testing.T) {
	t.Parallel()
	l, addr := NewConnections(2, 2), netip.MustParseAddr("192.0.2.1")
	first, err1 := l.Admit(addr)
	_, err2 := l.Admit(addr)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	first()
	first()
	if _, err := l.Admit(addr); err != nil {
		t.Errorf("after a release: %v", err)
	}
	if _, err := l.Admit(addr); !errors.Is(err, ErrTotal) {
		t.Errorf("after one release and one more connection: %v, want %v", err, ErrTotal)
	}
}

// However many addresses there were, what is remembered is those that are connected.
func TestConnectionsForget(t *testing.T) {
	t.Parallel()
	const open = 100
	l := NewConnections(open, 1)
	releases := make([]func(), 0, open)
	addr := netip.MustParseAddr("10.0.0.0")
	for range 100_000 {
		if len(releases) == open {
			releases[0]()
			releases = releases[1:]
		}
		addr = addr.Next()
		release, err := l.Admit(addr)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
		if len(l.from) > open {
			t.Fatalf("%d addresses are remembered, %d are connected", len(l.from), len(releases))
		}
	}
	for _, release := range releases {
		release()
	}
	if len(l.from) != 0 || l.open != 0 {
		t.Errorf("nobody is connected; %d addresses and %d connections are counted", len(l.from), l.open)
	}
}

func TestConnectionsConcurrently(t *testing.T) {
	t.Parallel()
	const total, perAddress = 5, 2
	l := NewConnections(total, perAddress)
	var mu sync.Mutex
	open := map[netip.Addr]int{}
	count := func(addr netip.Addr, by int) {
		mu.Lock()
		defer mu.Unlock()
		open[addr] += by
		open[netip.Addr{}] += by
		if open[addr] > perAddress || open[netip.Addr{}] > total {
			t.Errorf("%d connections from %s, %d in total", open[addr], addr, open[netip.Addr{}])
		}
	}
	var wg sync.WaitGroup
	for i := range 16 {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 4)})
		wg.Go(func() {
			for range 1000 {
				release, err := l.Admit(addr)
				if err != nil {
					continue
				}
				count(addr, 1)
				count(addr, -1)
				var both sync.WaitGroup
				both.Go(release)
				both.Go(release)
				both.Wait()
			}
		})
	}
	wg.Wait()
	if l.open != 0 || len(l.from) != 0 {
		t.Errorf("all are released; %d connections from %d addresses are counted", l.open, len(l.from))
	}
}

func BenchmarkAdmit(b *testing.B) {
	l, addr := NewConnections(10, 10), netip.MustParseAddr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		release, err := l.Admit(addr)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}
