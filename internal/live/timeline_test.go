package live

import (
	"fmt"
	"strings"
	"testing"
)

// A step is one message of a publisher: what it is, its timestamp, when it arrives (in milliseconds), and the timestamp that players get.
type step struct {
	what rune // v, a: a frame of video, of audio; V, A, D: a header of these, data
	ts   uint32
	at   int64
	want uint32
	d    Discontinuity
}

func (s *step) kind() (k Kind, media bool) {
	switch s.what {
	case 'v':
		return Video, true
	case 'a':
		return Audio, true
	case 'V':
		return Video, false
	case 'A':
		return Audio, false
	}
	return Data, false
}

// timelines are what a publisher sends, and what players get: kind, timestamp, @arrival, =timestamp for players, !what is counted.
var timelines = []struct{ name, steps string }{
	{"well-formed, headers at 0", "V0@0=0 A0@0=0 v0@0=0 a7@2=7 D9@3=9 a30@30=30 v40@40=40"},
	{"five hours old", "V0@0=0 A0@0=0 v18000000@0=18000000 a17999980@0=17999980 D18000000@1=18000000 v18000040@40=18000040"},
	{"wrap at 2³²", "v0xffffffe0@0=0xffffffe0 a0xffffffe8@0=0xffffffe8 v0x08@40=0x08 a0xffffffff@41=0xffffffff a0x16@60=0x16"},
	{"wrap at 2³¹, as of those who write 31 bits", `
		v0x7fffffe0@0=0x7fffffe0 a0x7fffffe8@0=0x7fffffe8 v0x08@40=0x80000008 a0x7fffffff@41=0x7fffffff a0x16@60=0x80000016
	`},
	{"forward", "v0@0=0 a10@10=10 v3600000@40=110!forward a30@41=30 a3600010@50=120 v3600040@80=150"},
	{"forward, in an old process", "v5000@1000000000=5000 v20000@1000000040=5100!forward"},
	{"forward, by more than may be caught up with", "v0@0=0 v40@100000=40 v60000@100040=140!forward"},
	{"forward, before the other kind came", "v0@0=0 v700000@40=100!forward v700040@80=140 A700030@81=130 a700030@81=130"},
	{"backward", "v90000@0=90000 a90010@10=90010 a0@40=90110!backward v0@41=90110 v40@80=90150 a23@81=90133"},
	{"backward to 0xfffffff0", "v16@0=16 v0xfffff000@40=116!backward v0xfffff028@80=156"},
	{"a pause that timestamps show", "v0@0=0 v40@40=40 v20040@20040=20040"},
	{"a gap that may be", "v0@0=0 v9000@40=9000 a9010@50=9010"},
	{"a stalled network, frames dropped", "v0@0=0 a0@0=0 a20@25000=20 v40@25000=40 a43@25001=43 v20000@25001=20000 a66@25001=66"},
	{"faster than time", "v0@0=0 v9000@1=9000 v18000@2=18000 v27000@3=27000"},
	{"small steps back", "a1000@0=1000 v1000@0=1000 v960@40=1000!small v980@60=1000 v970@70=1000!small v1020@90=1020 a1023@91=1023"},
	{"steps back that add up", "v9000@0=9000 v8400@1=9000!small v7800@2=9100!backward v7840@3=9140"},
	{"back by about the bound: both kinds go together", `
		v50000@0=50000 a50000@0=50000 v49040@40=50000!small a48990@41=50000!small v49080@80=50000 a50013@1041=50013
	`},
	{"back by about the bound, the other way round", "v50000@0=50000 a50000@0=50000 a48990@40=50100!backward v49040@41=50150 a49013@80=50123"},
	{"there and back again", "v0@0=0 a0@0=0 v700000@40=100!forward a23@41=23 v110@80=110 a46@81=46"},
	{"late headers at 0", "v70000@0=70000 a70010@10=70010 V0@20=70000 A0@20=70010 v70040@40=70040 a70033@41=70033"},
	{"a header of a kind that comes late", "v70000@0=70000 A0@20=70000 a69990@30=70000 a70013@31=70013"},
	{"a header after a pause", "v0@0=0 V20000@20000=20000 v20000@20000=20000"},
	{"a header ahead of its frames", "v5000@0=5000 V5500@20=5500 v5040@40=5500 v5520@520=5520"},
	{"a header far ahead", "v5000@0=5000 V99000@20=5000 v5040@40=5040"},
	{"a header long before the first frame", "V5@0=5 A5@0=5 v18000000@1=18000000 a18000009@1=18000009"},
	{"a header ahead of the first frame", "V50000@0=50000 v0@1=50100!backward v40@41=50140"},
	{"data of no time", "v70000@0=70000 D0@1=70000 v70040@40=70040 D0@41=70040 D70050@42=70050 D70030@43=70050"},
	{"data follows those who jumped", "v50000@0=50000 a50000@0=50000 v0@40=50100!backward D5@45=50105 a50023@46=50023 D8@47=50108"},
	{"data follows", "v70000@0=70000 v0@40=70100!backward D10@50=70110"},
	{"kinds of different clocks", "v0@0=0 a18000000@0=100!forward v40@40=40 a18000023@41=123 v80@80=80"},
	{"a kind that slept through a jump", `
		v5000000@0=5000000 a5000000@0=5000000 v1000000@40=5000100!backward v1009000@9040=5009100 v1018000@18040=5018100
		a1018010@18050=5018110
	`},
	{"a kind that falls behind", "v0@0=0 a0@0=0 v20000@20000=20000 a20@20001=20 v40000@40000=40000 a40@40001=40100!backward"},
}

func TestTimeline(t *testing.T) {
	for _, c := range timelines {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checkSteps(t, &timeline{}, c.steps)
		})
	}
}

func checkSteps(t *testing.T, l *timeline, steps string) {
	t.Helper()
	for i, text := range strings.Fields(steps) {
		s := parseStep(t, text)
		k, media := s.kind()
		if got, d := l.place(k, media, s.ts, s.at); got != s.want || d != s.d {
			t.Fatalf("step %d, %s: players get %d (%q)", i, text, got, d)
		}
	}
}

func parseStep(t *testing.T, text string) (s step) {
	t.Helper()
	text, d, _ := strings.Cut(text, "!")
	s.d = Discontinuity(d)
	if _, err := fmt.Sscanf(text, "%c%v@%v=%v", &s.what, &s.ts, &s.at, &s.want); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// TestTimelineOfARelay: what it gets was made continuous by the owner of the stream. It comes in bursts, and with gaps where it was too slow.
func TestTimelineOfARelay(t *testing.T) {
	t.Parallel()
	checkSteps(t, &timeline{relayed: true}, `
		V7000@0=7000 A6990@0=6990 v7000@0=7000 a6990@0=6990 v90000@1=90000 a90010@2=90010 D7000@3=7000 V90000@4=90000 v90040@5=90040
	`)
}

// TestTimelineOfAnotherPublication: it goes on behind what players have, and audio that is behind video stays so as soon as it can.
func TestTimelineOfAnotherPublication(t *testing.T) {
	t.Parallel()
	for _, relayed := range []bool{false, true} {
		var first timeline
		first.place(Video, true, 50_000, 0)
		first.place(Audio, true, 50_020, 0)
		l := first.next(relayed)
		checkSteps(t, &l, `
			V0@0=50120 D0@0=50120 v7000@1=50120 a4000@2=50120 a4023@25=50120 v7040@41=50160 a7013@3000=50133 D7030@3001=50150
		`)
		if ts := l.metadata(7000); ts != 0 {
			t.Errorf("metadata gets %d", ts)
		}
	}
}

func TestTimelineOfDataOnly(t *testing.T) {
	t.Parallel()
	var l timeline
	if l.fed() {
		t.Error("fed by nothing")
	}
	l.place(Data, false, 9000, 0)
	if n := l.next(false); !l.fed() || n.newest != 9000+resumeGap {
		t.Errorf("the next publication starts at %d", n.newest)
	}
}

// TestTimelineOfTheSamePublication: what was levelled counts with the timestamp it came with.
func TestTimelineOfTheSamePublication(t *testing.T) {
	t.Parallel()
	var first timeline
	first.place(Video, true, 50_000, 0)
	l := first.next(true)
	l.place(Video, true, 1000, 0)
	l.place(Audio, true, 950, 0)
	l.place(Audio, true, 973, 0)
	l = l.again(true)
	for ts, had := range map[uint32]bool{950: true, 973: true, 990: false, 1000: false} {
		if l.had(Audio, ts) != had {
			t.Errorf("players had audio at %d: %v", ts, !had)
		}
	}
	if plain := (&timeline{}).again(true); plain.metadata(5) != 0 {
		t.Error("metadata that is sent again has a time")
	}
	if l.had(Data, 0) || !l.had(Video, 1000) || l.metadata(5) != 0 {
		t.Errorf("%+v", l)
	}
}

// Before the first frame, a message of time 0 says nothing; it does not step back.
func TestTimelineBeforeTheFirstFrame(t *testing.T) {
	for _, k := range []Kind{Audio, Video, Data} {
		var tl timeline
		first, _ := tl.place(k, false, 5000, 0)
		second, _ := tl.place(k, false, 0, 10)
		if first != 5000 || second != 5000 {
			t.Errorf("%v: players get %d and %d", k, first, second)
		}
	}
}

// Behind the wrap, the next publication goes on where this one was.
func TestTimelineNextBehindTheWrap(t *testing.T) {
	var tl timeline
	now := int64(0)
	for ts := uint32(0xffffff00); ts != 0x100; ts += 0x20 {
		tl.place(Video, true, ts, now)
		now += 0x20
	}
	next := tl.next(false)
	if got, _ := next.place(Video, true, 7_000_000, now); got != 0xe0+resumeGap {
		t.Errorf("the next publication begins at %#x, want %#x", got, 0xe0+resumeGap)
	}
}
