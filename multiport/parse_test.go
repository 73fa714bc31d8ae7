package multiport

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// longPath returns an absolute path of n bytes.
func longPath(n int) string { return "/" + strings.Repeat("x", n-1) }

var goodAddrs = []struct {
	text      string
	addr      Addr
	canonical string // what String returns, if not text
}{
	{"1935", Addr{Network: TCP, Port: 1935}, ""},
	{"1", Addr{Network: TCP, Port: 1}, ""},
	{"65535", Addr{Network: TCP, Port: 65535}, ""},
	{"*:1935", Addr{Network: TCP, Port: 1935}, "1935"},
	{"127.0.0.1:1935", Addr{Network: TCP, Host: "127.0.0.1", Port: 1935}, ""},
	{"0.0.0.0:1935", Addr{Network: TCP, Host: "0.0.0.0", Port: 1935}, ""},
	{"[::]:1935", Addr{Network: TCP, Host: "::", Port: 1935}, ""},
	{"[::1]:1935", Addr{Network: TCP, Host: "::1", Port: 1935}, ""},
	{"[0:0:0::0001]:1935", Addr{Network: TCP, Host: "::1", Port: 1935}, "[::1]:1935"},
	{"[2001:DB8::A]:1935", Addr{Network: TCP, Host: "2001:db8::a", Port: 1935}, "[2001:db8::a]:1935"},
	{"[::127.0.0.1]:1024", Addr{Network: TCP, Host: "::7f00:1", Port: 1024}, "[::7f00:1]:1024"},
	{"[fe80::1%lo]:1935", Addr{Network: TCP, Host: "fe80::1%lo", Port: 1935}, ""},
	{"unix:/run/x.sock", Addr{Network: Unix, Path: "/run/x.sock"}, ""},
	{"UNIX:/run/x.sock", Addr{Network: Unix, Path: "/run/x.sock"}, "unix:/run/x.sock"},
	{"unix:/run//a/../x:1", Addr{Network: Unix, Path: "/run/x:1"}, "unix:/run/x:1"},
	{"unix:" + longPath(107), Addr{Network: Unix, Path: longPath(107)}, ""},
}

func TestParse(t *testing.T) {
	for _, test := range goodAddrs {
		t.Run(test.text, func(t *testing.T) {
			got, err := Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.addr {
				t.Errorf("Parse = %#v, want %#v", got, test.addr)
			}
			canonical := test.canonical
			if canonical == "" {
				canonical = test.text
			}
			if got.String() != canonical {
				t.Errorf("String = %q, want %q", got, canonical)
			}
		})
	}
}

var badAddrs = []struct {
	text string
	want error
	say  string // the whole text of the error
}{
	{"", ErrEmpty, "no address: write a port, host:port, [ipv6]:port or unix:/path"},

	{"[::1:1935", ErrNoBracket, `no ] in "[::1:1935": write [address]:port`},
	{"[", ErrNoBracket, `no ] in "[": write [address]:port`},
	{"[::127.0.0.1:1024", ErrNoBracket, `no ] in "[::127.0.0.1:1024": write [address]:port`},
	{"::1:1935", ErrNeedBrackets, `more than one : in "::1:1935": write an IPv6 address as [address]:port`},
	{"[]:1935", ErrHost, `host "" is not an IPv6 address: write a port, host:port, [ipv6]:port or unix:/path`},
	{"[::g]:1935", ErrHost, `host "::g" is not an IPv6 address: write a port, host:port, [ipv6]:port or unix:/path`},
	{"[127.0.0.1]:1935", ErrHost, `host "127.0.0.1" is an IPv4 address in brackets: leave the brackets out`},
	{"[::ffff:127.0.0.1]:1935", ErrHost, `host "::ffff:127.0.0.1" is an IPv4 address as IPv6: write 127.0.0.1`},

	{"[::1]", ErrNoPort, `no port in "[::1]": write [::1]:port`},
	{"[::1]:", ErrNoPort, `no port in "[::1]:": write [::1]:port`},
	{"[::1]1935", ErrNoPort, `no port in "[::1]1935": write [::1]:port`},
	{"127.0.0.1", ErrNoPort, `no port in "127.0.0.1": write 127.0.0.1:port`},
	{"127.0.0.1:", ErrNoPort, `no port in "127.0.0.1:": write 127.0.0.1:port`},
	{"*:", ErrNoPort, `no port in "*:": write *:port`},

	{":1935", ErrHost, `no host in ":1935": write only the port for every address`},
	{"localhost:1935", ErrHost, `host "localhost" is not an IP address: write 127.0.0.1 or [::1]`},
	{"example.org:1935", ErrHost, `host "example.org" is not an IP address: write an address of this machine, or only the port for every address`},
	{"127.0.0.256:1935", ErrHost, `host "127.0.0.256" is not an IP address: write an address of this machine, or only the port for every address`},

	{"abcd", ErrPortNumber, `port "abcd" is not a number: choose a port from 1 to 65535`},
	{"-1", ErrPortNumber, `port "-1" is not a number: choose a port from 1 to 65535`},
	{"+1935", ErrPortNumber, `port "+1935" is not a number: choose a port from 1 to 65535`},
	{"1935 ", ErrPortNumber, `port "1935 " is not a number: choose a port from 1 to 65535`},
	{"0x50", ErrPortNumber, `port "0x50" is not a number: choose a port from 1 to 65535`},
	{"127.0.0.1:rtmp", ErrPortNumber, `port "rtmp" is not a number: choose a port from 1 to 65535`},
	{"[::127.0.0.1]:abcd", ErrPortNumber, `port "abcd" is not a number: choose a port from 1 to 65535`},

	{"0", ErrPortRange, "port 0 is out of range 1..65535: choose a port from 1 to 65535"},
	{"65536", ErrPortRange, "port 65536 is out of range 1..65535: choose a port from 1 to 65535"},
	{"127.0.0.1:70000", ErrPortRange, "port 70000 is out of range 1..65535: choose a port from 1 to 65535"},
	{"[::1]:99999999999999999999", ErrPortRange, "port 99999999999999999999 is out of range 1..65535: choose a port from 1 to 65535"},

	{"unix:", ErrPath, `no path in "unix:": write unix:/ and the rest of an absolute path`},
	{"unix:x.sock", ErrPath, `path "x.sock" is not absolute: write unix:/ and the rest of an absolute path`},
	{"unix:@abstract", ErrPath, `path "@abstract" is not absolute: write unix:/ and the rest of an absolute path`},
	{"unix:/run/", ErrPath, `path "/run/" ends in a slash: add the name of the socket`},
	{"unix:/run/..", ErrPath, `path "/run/.." is a folder: add the name of the socket`},
	{"unix:/run/a\x00b", ErrPath, `path "/run/a\x00b" holds control characters: choose another path`},
	{"/run/x.sock", ErrHost, `"/run/x.sock" is a path without unix: in front: write unix:/run/x.sock`},
	{"unix:" + longPath(110), ErrPathTooLong, `path "` + longPath(110) + `" has 110 bytes, a unix socket's at most 107: shorten it by 3`},
}

func TestParseErrors(t *testing.T) {
	for _, test := range badAddrs {
		t.Run(test.text, func(t *testing.T) {
			got, err := Parse(test.text)
			if !errors.Is(err, test.want) {
				t.Fatalf("Parse = %#v, %v; want error %v", got, err, test.want)
			}
			if err.Error() != test.say {
				t.Errorf("error\n%s\nwant\n%s", err, test.say)
			}
		})
	}
}

func TestTextRoundTrip(t *testing.T) {
	type doc struct{ Set, Unset Addr }
	want := doc{Set: Addr{Network: TCP, Host: "::1", Port: 1935}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != `{"Set":"[::1]:1935","Unset":""}` {
		t.Errorf("marshalled as %s", data)
	}
	got := doc{Unset: Addr{Network: TCP, Port: 1}}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	before := got.Set
	if err := got.Set.UnmarshalText([]byte("70000")); !errors.Is(err, ErrPortRange) || got.Set != before {
		t.Errorf("UnmarshalText of a bad port: %v, %v", got.Set, err)
	}
}

func TestIsLoopback(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.0.1:1": true, "[::1]:1": true, "unix:/x": true,
		"1": false, "0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false,
	} {
		if got := mustParse(t, text).IsLoopback(); got != want {
			t.Errorf("IsLoopback of %s = %v", text, got)
		}
	}
}

// FuzzParse: whatever is accepted has a canonical text, and a place for at least worker 0 or a reason against it.
func FuzzParse(f *testing.F) {
	for _, test := range goodAddrs {
		f.Add(test.text)
	}
	for _, test := range badAddrs {
		f.Add(test.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			var ae *AddrError
			if !errors.As(err, &ae) || ae.Err == nil || ae.Problem == "" || ae.Hint == "" {
				t.Fatalf("Parse(%q): %#v", s, err)
			}
			return
		}
		again, err := Parse(a.String())
		if err != nil || again != a {
			t.Fatalf("Parse(%q) = %#v; its text %q parses as %#v, %v", s, a, a, again, err)
		}
		w, err := a.ForWorker(MaxWorkers - 1)
		if err != nil {
			if !errors.Is(err, ErrPortRange) && !errors.Is(err, ErrPathTooLong) {
				t.Fatal(err)
			}
			return
		}
		if again, err := Parse(w.String()); err != nil || again != w {
			t.Fatalf("worker 127 of %q: %q parses as %#v, %v", s, w, again, err)
		}
	})
}

func mustParse(t *testing.T, s string) Addr {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
