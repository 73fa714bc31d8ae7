package statview

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

const fixtureText = `rtmp-edge 1.2.3  up 2d2h  workers 2 of 3  in 5.0Mb/s  out 1.2Gb/s  publishers 2  players 9
1 of 3 workers did not answer: what they have is missing

WORKER  PID  UP     RESTARTS  CPU  MEMORY  SESSIONS  PUBLISHERS  PLAYERS  IN    OUT   STATE
0       100  2d2h   0         26%  88.0M   12        2           9        5.0M  1.2G  ready
1       -    -      -         -    -       -         -           -        -     -     no answer: timeout
2       102  1m30s  2         0%   0       0         0           0        0     0     draining

WORKER  AGE     VIDEO  SIZE       FPS   AUDIO  GOP   IN    OUT    PLAYERS  HEALTH      STREAM
2       1h0m0s  h264   1920x1080  30.0  aac    2.0s  2.5M  24.0M  0        jumps 3     "live/Süd kamera"
0       1h0m0s  h264   1920x1080  30.0  aac    2.0s  2.5M  24.0M  10       ok          live/cam
-       -       -      -          -     -      -     0     0      4        waits       live/later
0       0s      h264   -          -     aac    -     0     24.0M  10       no frame    live/new
-       -       -      -          -     -      -     0     0      0        ok          live/orphan
0       1h0m0s  h264   1920x1080  30.0  aac    2.0s  2.5M  24.0M  10       silent 12s  live/stuck
0       1h0m0s  -      -          -     aac    -     128k  24.0M  10       ok          radio/one
`

func TestText(t *testing.T) {
	if diff := cmp.Diff(fixtureText, string(Text(fixture()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := fixture()
	s.Streams.Next, s.Workers.Answered = "x", 3
	if text := string(Text(s)); !strings.Contains(text, "\nonly the first 7 streams by name were asked for (--streams)\n") {
		t.Error(text)
	}
	empty := string(Text(&ctl.Status{}))
	if empty != "rtmp-edge of unknown version  up -  workers 0 of 0  in 0b/s  out 0b/s  publishers 0  players 0\n" {
		t.Errorf("%q", empty)
	}
}

func TestTextHostile(t *testing.T) {
	text := string(Text(hostileStatus()))
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("not printable at %q", text[i:])
	}
	for name, shown := range hostile {
		if !strings.Contains(text, "  "+shown+"\n") {
			t.Errorf("%q is not shown as %s at the end of a line in\n%s", name, shown, text)
		}
	}
	if n := strings.Count(text, "\n"); n != len(hostile)+9 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{"": `""`, "live/a": "live/a", `live/"x"`: `"live/\"x\""`, "e\u0301a\u0301": "e\u0301a\u0301", ".\u0301": `".\u0301"`} {
		if got := Name(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	for n, want := range map[float64]string{
		-5: "0", 0: "0", 0.4: "0", 999: "999", 1000: "1.0k", 99_940: "99.9k", 99_950: "100k", 123_456_789: "123M", 5e18: "5000P",
	} {
		if got := rate(n); got != want {
			t.Errorf("rate(%v) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0", 1023: "1023", 1024: "1.0K", 88 << 20: "88.0M", 3 << 40: "3.0T"} {
		if got := size(n); got != want {
			t.Errorf("size(%v) = %s, want %s", n, got, want)
		}
	}
}

// The server's clock may be another than ours.
func TestHealthByItsClock(t *testing.T) {
	s := live("live", "cam", 0, nil)
	since := noon.Add(24 * time.Hour)
	s.Since = &since
	s.Media.Health.LastFrame = since.Add(time.Hour - time.Second)
	if got := health(&s); got != "ok" {
		t.Error(got)
	}
	s.Media.Health.LastFrame = since.Add(time.Hour - 3*time.Second)
	if got := health(&s); got != "silent 3s" {
		t.Error(got)
	}
}

// The order of each column is what its name makes one expect: the most first for figures.
func TestOrders(t *testing.T) {
	m := newModel()
	m.set(fixture())
	first := map[string]string{
		"WORKER": "live/cam", "AGE": `"live/Süd kamera"`, "VIDEO": "live/later", "SIZE": `"live/Süd kamera"`, "FPS": `"live/Süd kamera"`, "AUDIO": "live/later",
		"GOP": `"live/Süd kamera"`, "IN": `"live/Süd kamera"`, "OUT": `"live/Süd kamera"`, "PLAYERS": "live/cam", "HEALTH": "live/stuck", "STREAM": `"live/Süd kamera"`,
	}
	last := map[string]string{"WORKER": "live/orphan", "AGE": "live/orphan", "PLAYERS": "live/orphan", "IN": "live/orphan", "HEALTH": "radio/one", "STREAM": "radio/one"}
	name := func(i int) string { return m.streams.row(i)[len(streamColumns)-1] }
	for range streamColumns {
		m.streams.next()
		title := streamColumns[m.streams.sorted].title
		if got := name(0); got != first[title] {
			t.Errorf("by %s, the first is %s, want %s", title, got, first[title])
		}
		if want, ok := last[title]; ok && name(len(m.streams.shown)-1) != want {
			t.Errorf("by %s, the last is %s, want %s", title, name(len(m.streams.shown)-1), want)
		}
		m.streams.turn()
		if want, ok := last[title]; ok && title == "STREAM" && name(0) != want {
			t.Errorf("by %s, reverse, the first is %s", title, name(0))
		}
	}
	for range workerColumns {
		m.workers.next()
		if got := m.workers.row(0); len(got) != len(workerColumns) {
			t.Errorf("%q", got)
		}
	}
	if got := api.State(m.streams.columns[0].title); got != "WORKER" {
		t.Error(got)
	}
}
