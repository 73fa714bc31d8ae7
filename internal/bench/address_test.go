package bench

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestOnlyThisMachine(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"127.0.0.1", "127.9.9.9", "::1"} {
		if err := checkLocal(netip.MustParseAddr(ip)); err != nil {
			t.Errorf("%s: %v", ip, err)
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		if ip, ok := netip.AddrFromSlice(a.(*net.IPNet).IP); !ok || checkLocal(ip.Unmap()) != nil {
			t.Errorf("%v is refused", a)
		}
	}
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "0.0.0.0"} {
		if err := checkLocal(netip.MustParseAddr(ip)); !errors.Is(err, ErrNotLocal) {
			t.Errorf("%s: %v", ip, err)
		}
		if _, err := parseTarget(context.Background(), "rtmp://"+net.JoinHostPort(ip, "1935")+"/live/cam", true); err != nil {
			t.Errorf("%s, with anywhere: %v", ip, err)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url     string
		streams int
		address string
		want    string // as stream 3
	}{
		{"rtmp://127.0.0.1/live/cam", 1, "127.0.0.1:1935", "rtmp://127.0.0.1/live/cam"},
		{"rtmp://127.0.0.1:1936/live/cam", 10, "127.0.0.1:1936", "rtmp://127.0.0.1:1936/live/cam3"},
		{"rtmp://[::1]/live/cam?token=x", 10, "[::1]:1935", "rtmp://[::1]/live/cam3?token=x"},
		{"rtmps://127.0.0.1/live/c{n}m?n={n}", 1, "127.0.0.1:443", "rtmps://127.0.0.1/live/c3m?n=3"},
		{"http://127.0.0.1:8080/live/cam.flv", 10, "127.0.0.1:8080", "http://127.0.0.1:8080/live/cam3.flv"},
		{"http://127.0.0.1/live/{n}.flv?token=x", 10, "127.0.0.1:80", "http://127.0.0.1/live/3.flv?token=x"},
		{"ws://127.0.0.1/live/cam.flv", 10, "127.0.0.1:80", "ws://127.0.0.1/live/cam3.flv"},
		{"http://127.0.0.1/live?app=live", 10, "127.0.0.1:80", "http://127.0.0.1/live3?app=live"},
	} {
		got, err := parseTarget(t.Context(), c.url, false)
		if err != nil || got.addr.String() != c.address {
			t.Errorf("%s: %v, %v", c.url, got.addr, err)
		}
		if one := got.stream(3, c.streams).String(); one != c.want {
			t.Errorf("%s: stream 3 is %s, want %s", c.url, one, c.want)
		}
	}
	for _, url := range []string{"", "rtmp://", "ftp://127.0.0.1/x", "http://:80/x", "http://127.0.0.1:x/y", "rtmp://192.0.2.1/live/cam"} {
		if got, err := parseTarget(t.Context(), url, false); err == nil {
			t.Errorf("%q is %+v", url, got)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	local := target{addr: netip.MustParseAddrPort("127.0.0.1:1935")}
	for i, want := range map[int]string{perSource: "127.0.0.2", 2*perSource - 1: "127.0.0.2", 2 * perSource: "127.0.0.3", 255 * perSource: "127.0.1.0"} {
		if got := local.source(i); got.String() != want {
			t.Errorf("connection %d comes from %v, want %s", i, got, want)
		}
	}
	for _, address := range []string{"192.0.2.1:1935", "[::1]:1935"} {
		if got := (target{addr: netip.MustParseAddrPort(address)}).source(perSource); got.IsValid() {
			t.Errorf("a connection to %s comes from %v", address, got)
		}
	}
	if got := local.source(perSource - 1); got.IsValid() {
		t.Errorf("the first come from %v", got)
	}
}

// Every stream is played at every address, as evenly as numbers allow.
func TestPlayersAreSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ players, streams, addresses int }{{12, 1, 3}, {12, 4, 1}, {24, 4, 3}, {16, 4, 4}, {8, 4, 2}} {
		l := load{options: PlayOptions{Streams: c.streams}}
		for i := range c.addresses {
			l.targets = append(l.targets, target{scheme: "rtmp", host: string(rune('a' + i)), app: "live", path: "{n}"})
		}
		seen := make(map[string]int)
		for i := range c.players {
			seen[l.target(i).String()]++
		}
		if len(seen) != c.streams*c.addresses {
			t.Errorf("%+v: %v", c, seen)
		}
	}
}
