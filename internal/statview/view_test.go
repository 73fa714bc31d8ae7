package statview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gdamore/tcell/v2"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

// A stage is a view on a screen of so many cells.
type stage struct {
	t      *testing.T
	view   *View
	screen tcell.SimulationScreen
}

func newStage(t *testing.T, width, height int) *stage {
	t.Helper()
	s := &stage{t, NewView(), tcell.NewSimulationScreen("UTF-8")}
	if err := s.screen.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.screen.Fini)
	s.screen.SetSize(width, height)
	return s
}

// lines draws, and returns what the terminal shows.
func (s *stage) lines() []string {
	s.t.Helper()
	s.view.draw(s.screen, noon)
	return shown(s.screen)
}

func shown(screen tcell.Screen) []string {
	width, height := screen.Size()
	lines := make([]string, height)
	for y := range height {
		var line strings.Builder
		for x := 0; x < width; {
			text, _, used := screen.Get(x, y)
			line.WriteString(text)
			x += used
		}
		lines[y] = strings.TrimRight(line.String(), " ")
	}
	return lines
}

// press presses keys: letters, and names of others. It reports whether one of them quits.
func (s *stage) press(keys ...any) bool {
	for _, k := range keys {
		e := tcell.NewEventKey(tcell.KeyRune, 0, tcell.ModNone)
		switch k := k.(type) {
		case rune:
			e = tcell.NewEventKey(tcell.KeyRune, k, tcell.ModNone)
		case tcell.Key:
			e = tcell.NewEventKey(k, 0, tcell.ModNone)
		}
		if s.view.handle(e, s.screen) {
			return true
		}
	}
	return false
}

func (s *stage) expect(what string, want ...string) {
	s.t.Helper()
	lines := s.lines()
	text := strings.Join(lines, "\n")
	for _, w := range want {
		if !strings.Contains(text, w) {
			s.t.Errorf("%s: no %q in\n%s", what, w, text)
		}
	}
}

// names are the last words of the rows that the screen shows.
func (s *stage) names() (names []string) {
	s.t.Helper()
	lines := s.lines()
	for _, line := range lines[above : len(lines)-below] {
		if fields := strings.Fields(line); len(fields) > 0 {
			names = append(names, fields[len(fields)-1])
		}
	}
	return names
}

func TestViewDraws(t *testing.T) {
	s := newStage(t, 120, 20)
	s.expect("before the first look", "looking …", "Streams (0)", "q quit")
	s.view.take(result{status: fixture()}, noon)
	s.expect("the streams", "rtmp-edge 1.2.3  up 2d2h  workers 2 of 3  in 5.0Mb/s  out 1.2Gb/s  publishers 2  players 9",
		"1 of 3 workers did not answer", "Streams (7)   Workers (3)", "WORKER    AGE VIDEO      SIZE  FPS AUDIO  GOP   IN   OUT PLAYERS HEALTH     STREAM",
		"     0 1h0m0s h264  1920x1080 30.0 aac   2.0s 2.5M 24.0M      10 ok         live/cam", "silent 12s live/stuck")
	s.press(tcell.KeyTab)
	s.expect("the workers", "RESTARTS", " draining", "no answer: timeout")
	s.press(tcell.KeyBacktab)
	s.expect("the streams again", "live/cam")
	s.press('?')
	s.expect("help", "sort by the next column")
	if s.press('q') {
		t.Error("the key that ends the help quits")
	}
	s.expect("after the help", "live/cam")
}

func TestViewQuits(t *testing.T) {
	for _, keys := range [][]any{{'q'}, {tcell.KeyCtrlC}, {'/', tcell.KeyCtrlC}, {'?', tcell.KeyCtrlC}} {
		if s := newStage(t, 80, 24); !s.press(keys...) {
			t.Errorf("%v", keys)
		}
	}
	if newStage(t, 80, 24).press('/', 'q') {
		t.Error("a letter of a filter quits")
	}
}

func TestViewScrolls(t *testing.T) {
	s := newStage(t, 100, above+5+below)
	status := fixture()
	status.Streams.Streams = nil
	for i := range 23 {
		status.Streams.Streams = append(status.Streams.Streams, live("live", fmt.Sprintf("%02d", i), 0, nil))
	}
	s.view.take(result{status: status}, noon)
	at := func(first, last string) {
		t.Helper()
		names := s.names()
		if len(names) != 5 || names[0] != "live/"+first || names[4] != "live/"+last {
			t.Errorf("%q, not %s to %s", names, first, last)
		}
	}
	at("00", "04")
	for _, step := range []struct {
		key         any
		first, last string
	}{
		{tcell.KeyDown, "01", "05"},
		{'j', "02", "06"},
		{tcell.KeyUp, "01", "05"},
		{'k', "00", "04"},
		{tcell.KeyUp, "00", "04"},
		{tcell.KeyPgDn, "04", "08"},
		{tcell.KeyPgUp, "00", "04"},
		{tcell.KeyEnd, "18", "22"},
		{tcell.KeyDown, "18", "22"},
		{tcell.KeyPgDn, "18", "22"},
		{tcell.KeyUp, "17", "21"},
		{tcell.KeyHome, "00", "04"},
		{tcell.KeyEnd, "18", "22"},
	} {
		s.press(step.key)
		at(step.first, step.last)
	}
	status.Streams.Streams = status.Streams.Streams[:7] // most of them have ended
	s.view.take(result{status: status}, noon)
	at("02", "06")
	s.press('r')
	at("06", "02")
}

func TestViewFilters(t *testing.T) {
	s := newStage(t, 120, 20)
	s.view.take(result{status: fixture()}, noon)
	s.press('/', 'X', tcell.KeyBackspace2, 'C', 'A')
	s.expect("while typing", "filter: CA_", "Streams (1 of 7)", "live/cam")
	if names := s.names(); len(names) != 1 {
		t.Errorf("%q", names)
	}
	s.press(tcell.KeyEnter)
	s.view.take(result{status: fixture()}, noon)
	s.expect("kept for the next look", "Streams (1 of 7)")
	s.press(tcell.KeyEscape)
	s.expect("ended", "Streams (7)")
	s.press('/', 'z', tcell.KeyEscape)
	s.expect("ended while typing", "Streams (7)")
	s.press('/', 'z', 'z', tcell.KeyCtrlU, tcell.KeyF1, tcell.KeyEnter)
	s.expect("emptied", "Streams (7)")
	s.press(tcell.KeyTab, '/', 'd', 'r', 'a', 'i', 'n', tcell.KeyEnter)
	s.expect("workers", "Workers (1 of 3)", "Streams (7)", "draining")
}

func TestViewSorts(t *testing.T) {
	s := newStage(t, 120, 20)
	s.view.take(result{status: fixture()}, noon)
	for range len(streamColumns) - 1 { // to the one before where it began: HEALTH
		s.press('s')
	}
	if names := s.names(); names[0] != "live/stuck" {
		t.Errorf("%q", names)
	}
	s.press('r')
	if names := s.names(); names[len(names)-1] != "live/stuck" {
		t.Errorf("%q", names)
	}
	s.expect("its title is small when it is reversed", " health ")
}

// What was seen last stays when the server goes away, and it is told why; so it is before the first look.
func TestViewLoses(t *testing.T) {
	s := newStage(t, 160, 20)
	lost := result{err: errors.New("no server runs\nat all\x1b[2J")}
	s.view.take(lost, noon)
	s.expect("never seen", "no answer; trying again: no server runs; at all\ufffd[2J")
	s.view.take(result{status: fixture()}, noon)
	s.view.take(lost, noon.Add(-65*time.Second))
	s.view.take(lost, noon.Add(-5*time.Second))
	s.expect("lost", "no answer for 1m5s: this is of 12:00:00; trying again: no server runs", "live/cam")
	s.view.take(result{status: fixture()}, noon)
	if text := strings.Join(s.lines(), "\n"); strings.Contains(text, "no answer for") {
		t.Error(text)
	}
}

// No size of a terminal is too small, and names come first on a narrow one.
func TestViewSizes(t *testing.T) {
	for width := range 130 {
		s := newStage(t, width, 12)
		s.view.take(result{status: fixture()}, noon)
		if names := strings.Join(s.names(), " "); width >= 70 && !strings.Contains(names, "live/orphan") {
			t.Errorf("%d columns: %q", width, names)
		}
		if head := s.lines()[0]; width >= 70 && !strings.Contains(head, "publishers 2  players 9") {
			t.Errorf("%d columns: %q", width, head)
		}
	}
	for height := range 12 {
		s := newStage(t, 80, height)
		s.view.take(result{status: fixture()}, noon)
		s.lines()
		s.press(tcell.KeyPgDn, tcell.KeyEnd)
		s.lines()
	}
}

// Whatever a stream is called, the terminal gets nothing that it obeys, and each row stays in its line.
func TestViewHostile(t *testing.T) {
	s := newStage(t, 140, above+len(hostile)+below)
	s.view.take(result{status: hostileStatus()}, noon)
	for range 2 {
		lines := s.lines()
		for _, line := range lines {
			if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("not printable at %q", line[i:])
			}
		}
		if s.view.tab == 0 {
			text := strings.Join(lines, "\n") + "\n"
			for name, want := range hostile {
				if !strings.Contains(text, "ok     "+want+"\n") {
					t.Errorf("%q is not shown as %s in\n%s", name, want, text)
				}
			}
		}
		s.press(tcell.KeyTab)
	}
}

// Run shows what the looks find, draws when the terminal changes its size, and ends with a key; the server may go and come.
func TestRun(t *testing.T) {
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	screen.SetSize(120, 20)
	answers := make(chan result)
	look := func(ctx context.Context) (*ctl.Status, error) {
		select {
		case r := <-answers:
			return r.status, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		NewView().Run(t.Context(), screen, look, time.Millisecond)
	}()
	await := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; {
			text := strings.Join(shown(screen), "\n")
			if strings.Contains(text, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("no %q in\n%s", want, text)
			}
			time.Sleep(time.Millisecond)
		}
	}
	await("looking")
	answers <- result{status: fixture()}
	await("live/cam")
	answers <- result{err: errors.New("it is gone")}
	await("it is gone")
	next := fixture()
	next.Streams.Streams = []api.Stream{live("live", "again", 0, nil)}
	answers <- result{status: next}
	await("live/again")
	screen.SetSize(60, 10)
	await("live/again")
	screen.InjectKey(tcell.KeyTab, 0, tcell.ModNone)
	await("draining")
	screen.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("q does not end it")
	}
}

func TestPause(t *testing.T) {
	const ms = time.Millisecond
	for took, want := range map[time.Duration]time.Duration{0: 1000 * ms, 100 * ms: 900 * ms, 500 * ms: 500 * ms, 800 * ms: 800 * ms, 5000 * ms: 1000 * ms} {
		if got := pause(time.Second, took); got != want {
			t.Errorf("after %v: %v, want %v", took, got, want)
		}
	}
}

// A signal ends it, too.
func TestRunEnds(t *testing.T) {
	screen := tcell.NewSimulationScreen("UTF-8")
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		NewView().Run(ctx, screen, func(ctx context.Context) (*ctl.Status, error) { <-ctx.Done(); return nil, ctx.Err() }, time.Hour)
	}()
	cancel()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}
