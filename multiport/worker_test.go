package multiport

import (
	"errors"
	"testing"
)

func TestForWorker(t *testing.T) {
	for _, test := range []struct {
		base   string
		worker int
		want   string // address, or text of the error
		err    error
	}{
		// The vectors of nginx-multiport-module, t/ngx_multiport_test_module.c.
		{"10", 127, "137", nil},
		{"127.0.0.1:55635", 4, "127.0.0.1:55639", nil},
		{"[::127.0.0.1]:1024", 0, "[::7f00:1]:1024", nil},
		{"unix:/tmp.test", 7, "unix:/tmp.test.7", nil},
		{"1935", -1, "worker -1 is out of range 0..127: use fewer workers", ErrWorker},
		{"1935", 128, "worker 128 is out of range 0..127: use fewer workers", ErrWorker},

		{"1935", 0, "1935", nil},
		{"[::1]:1935", 3, "[::1]:1938", nil},
		{"unix:/x", 127, "unix:/x.127", nil},

		// The reference wants the base to leave room for worker 127, whoever asks. Here only the worker counts.
		{"65408", 127, "65535", nil},
		{"65409", 127, "port 65409 + worker 127 = 65536 is out of range 1..65535: choose a base port from 1 to 65408", ErrPortRange},
		{"65532", 3, "65535", nil},
		{"65532", 4, "port 65532 + worker 4 = 65536 is out of range 1..65535: choose a base port from 1 to 65531", ErrPortRange},
		{"[::1]:65535", 0, "[::1]:65535", nil},

		{"unix:" + longPath(103), 127, "unix:" + longPath(103) + ".127", nil},
		{"unix:" + longPath(104), 99, "unix:" + longPath(104) + ".99", nil},
		{"unix:" + longPath(104), 100, `path "` + longPath(104) + `.100" has 108 bytes, a unix socket's at most 107: shorten it by 1`, ErrPathTooLong},
	} {
		got, err := mustParse(t, test.base).ForWorker(test.worker)
		text := got.String()
		if err != nil {
			text = err.Error()
		}
		if !errors.Is(err, test.err) || text != test.want {
			t.Errorf("worker %d of %s:\n%s\nwant\n%s", test.worker, test.base, text, test.want)
		}
	}
	if _, err := (Addr{}).ForWorker(0); !errors.Is(err, ErrEmpty) {
		t.Errorf("worker 0 of no address: %v", err)
	}
	if _, err := (Addr{Network: TCP}).ForWorker(1); !errors.Is(err, ErrPortRange) {
		t.Errorf("worker 1 of port 0: %v", err)
	}
}

func TestCheckRange(t *testing.T) {
	for _, test := range []struct {
		base    string
		workers int
		want    error
	}{
		{"65408", 128, nil},
		{"65409", 128, ErrPortRange},
		{"65409", 127, nil},
		{"65535", 1, nil},
		{"65535", 2, ErrPortRange},
		{"1935", 0, ErrWorker},
		{"1935", -3, ErrWorker},
		{"1935", 129, ErrWorker},
		{"unix:" + longPath(103), 128, nil},
		{"unix:" + longPath(104), 100, nil},
		{"unix:" + longPath(104), 101, ErrPathTooLong},
	} {
		if err := mustParse(t, test.base).CheckRange(test.workers); !errors.Is(err, test.want) {
			t.Errorf("%d workers from %s: %v, want %v", test.workers, test.base, err, test.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		a        string
		workersA int
		b        string
		workersB int
		want     string // the pair, "" for none
	}{
		{"1935", 0, "1935", 0, "1935 1935"},
		{"1935", 0, "1936", 0, ""},
		{"1935", 0, "127.0.0.1:1935", 0, "1935 127.0.0.1:1935"},
		{"1935", 0, "[::1]:1935", 0, "1935 [::1]:1935"},
		{"0.0.0.0:1935", 0, "127.0.0.1:1935", 0, "0.0.0.0:1935 127.0.0.1:1935"},
		{"0.0.0.0:1935", 0, "[::]:1935", 0, ""},
		{"0.0.0.0:1935", 0, "[::1]:1935", 0, ""},
		{"[::]:1935", 0, "[::1]:1935", 0, "[::]:1935 [::1]:1935"},
		{"127.0.0.1:1935", 0, "127.0.0.2:1935", 0, ""},
		{"127.0.0.1:1935", 0, "[::1]:1935", 0, ""},

		{"1935", 0, "127.0.0.1:1932", 4, "1935 127.0.0.1:1935"},
		{"1935", 0, "127.0.0.1:1932", 3, ""},
		{"1935", 0, "1935", 1, "1935 1935"},
		{"19350", 4, "19353", 4, "19353 19353"},
		{"19350", 4, "19354", 4, ""},
		{"127.0.0.1:19350", 4, "127.0.0.2:19350", 4, ""},

		{"unix:/x", 0, "unix:/x", 0, "unix:/x unix:/x"},
		{"unix:/x", 0, "unix:/x", 4, ""},
		{"unix:/x.3", 0, "unix:/x", 4, "unix:/x.3 unix:/x.3"},
		{"unix:/x.4", 0, "unix:/x", 4, ""},
		{"unix:/x.03", 0, "unix:/x", 4, ""},
		{"unix:/x", 4, "unix:/x", 2, "unix:/x.0 unix:/x.0"},
		{"unix:/x", 4, "unix:/y", 4, ""},
		{"unix:/x", 4, "unix:/x.1", 4, ""},
		{"unix:/x", 0, "1935", 0, ""},
	} {
		a := Range{mustParse(t, test.a), test.workersA}
		b := Range{mustParse(t, test.b), test.workersB}
		if got := overlapText(a.Overlap(b)); got != test.want {
			t.Errorf("%s with %s: %q, want %q", a, b, got, test.want)
		}
		ofB, ofA, found := b.Overlap(a)
		if got := overlapText(ofA, ofB, found); got != test.want {
			t.Errorf("%s with %s: %q, want %q", b, a, got, test.want)
		}
	}
	if _, _, found := (Range{}).Overlap(Range{}); found {
		t.Error("no address overlaps no address")
	}
}

func overlapText(a, b Addr, found bool) string {
	if !found {
		return ""
	}
	return a.String() + " " + b.String()
}

func TestRangeString(t *testing.T) {
	for want, r := range map[string]Range{
		"1935":                    {mustParse(t, "1935"), 0},
		"127.0.0.1:19350..19353":  {mustParse(t, "127.0.0.1:19350"), 4},
		"unix:/run/x.sock.0..127": {mustParse(t, "unix:/run/x.sock"), 128},
	} {
		if r.String() != want {
			t.Errorf("%q, want %q", r, want)
		}
	}
}
