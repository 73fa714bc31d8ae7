package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// Whichever word of the memory is damaged: the command comes back, and what it tells can be read.
func TestZoneDamage(t *testing.T) {
	s := newZoneScene(t, streamzone.Config{Buckets: 2, Streams: 6, NameMax: 100})
	z := s.join(0)
	for _, name := range []string{"live/one", "live/two", "live/" + strings.Repeat("three", 10)} {
		claim(t, z, name)
	}
	f := s.keeper.File()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var header, body, partial int
	for at := int64(0); at < info.Size(); at += 8 {
		var was [8]byte
		if _, err := f.ReadAt(was[:], at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("\x1b\xff\xff\xff\xff\xff\xff\xff"), at); err != nil {
			t.Fatal(err)
		}
		r := s.look(-1)
		switch {
		case r.Zone == nil:
			header++
		case !r.Check.Good:
			body++
		}
		if r.StreamsError != "" {
			partial++
			if unchecked, err := (&zoneCmd{Streams: 0}).settled(s.dir); err != nil || unchecked.good() {
				t.Errorf("word %d: good without a check, but the list is not whole; %v", at/8, err)
			}
		}
		if !r.Check.Good || r.StreamsError != "" {
			if r.good() {
				t.Errorf("word %d: findings, and good", at/8)
			}
			if text, _ := harmless(t, r); !strings.Contains(text, "check: DAMAGED\n  ") {
				t.Errorf("word %d: %s", at/8, text)
			}
		}
		if _, err := f.WriteAt(was[:], at); err != nil {
			t.Fatal(err)
		}
	}
	if header < 16 || body == 0 || partial == 0 {
		t.Errorf("damage of the header was found in %d words, of the body in %d, on listing in %d", header, body, partial)
	}
	if r := s.look(-1); !r.good() {
		t.Errorf("afterwards: %s", r.text())
	}
}

// --idle tells what nobody took back, and it is no damage.
func TestZoneIdle(t *testing.T) {
	s := newZoneScene(t, streamzone.Config{Buckets: 2, Streams: 6, NameMax: 100})
	z := s.join(3)
	claim(t, z, "live/dead")
	look := func(check bool) *zoneReport {
		t.Helper()
		r, err := (&zoneCmd{Streams: 100, Check: check, Idle: true}).settled(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		harmless(t, r)
		return r
	}
	if r := look(true); !r.good() || r.IdleCheck == nil {
		t.Errorf("at rest: %s", r.text())
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.keeper.CloseSlot(3); err != nil {
		t.Fatal(err)
	}
	r := look(false)
	if r.good() || !r.Check.Good || len(r.IdleCheck.Findings) != 1 || !strings.Contains(r.IdleCheck.Findings[0], "has not been swept") || r.Zone.Dead != 1 {
		t.Errorf("before the sweep: %s", r.text())
	}
	if n, err := s.keeper.Sweep(3); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	r = look(true)
	if !r.good() || r.Zone.Dead != 0 || r.Slots[0].Open || r.Slots[0].Reclaimed != 1 {
		t.Errorf("after the sweep: %s", r.text())
	}
}

func TestLastingFindings(t *testing.T) {
	found := func(lines ...string) error {
		return fmt.Errorf("%w: %d findings:\n%s", streamzone.ErrCorrupt, len(lines), strings.Join(lines, "\n"))
	}
	for _, c := range []struct {
		name  string
		looks []error // the last one again and again
		want  []string
		after int // looks
		err   error
	}{
		{"nothing", []error{nil}, nil, 1, nil},
		{"in progress", []error{found("a", "b"), found("c")}, nil, 2, nil},
		{"one lasts", []error{found("a", "b"), found("c", "b"), found("b", "a")}, []string{"b"}, idleLooks, nil},
		{"both last", []error{found("a", "b")}, []string{"a", "b"}, idleLooks, nil},
		{"one line", []error{streamzone.ErrCorrupt}, []string{streamzone.ErrCorrupt.Error()}, idleLooks, nil},
		{"moved", []error{found("a"), streamzone.ErrMoved}, nil, 2, streamzone.ErrMoved},
	} {
		t.Run(c.name, func(t *testing.T) {
			looks := 0
			got, err := lastingFindings(func() error {
				looks++
				return c.looks[min(looks, len(c.looks))-1]
			})
			if !errors.Is(err, c.err) || !slices.Equal(got, c.want) || looks != c.after {
				t.Errorf("%q, %v after %d looks", got, err, looks)
			}
		})
	}
}

// A zone that is resized takes another place. A command that still looks at the old one goes there, or gives up.
func TestZoneMoves(t *testing.T) {
	s := newZoneScene(t, streamzone.Config{Buckets: 2, Streams: 6, NameMax: 100})
	old, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", s.keeper.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	closed := fmt.Sprintf("/proc/%d/fd/1000000", os.Getpid()) // what a link leads to that is behind
	if _, err := s.keeper.Resize(streamzone.Config{Buckets: 3, Streams: 9, NameMax: 100}, time.Second, func(*os.File) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for name, behind := range map[string]func(){
		"moved": func() { s.link(old) },
		"closed": func() {
			_ = os.Remove(filepath.Join(s.dir, "zone"))
			_ = os.Symlink(closed, filepath.Join(s.dir, "zone"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			behind()
			c := &zoneCmd{Streams: 100, Check: true}
			if _, err := c.look(s.dir); !errors.Is(err, streamzone.ErrMoved) && !errors.Is(err, master.ErrZoneMoving) {
				t.Fatalf("one look: %v", err)
			}
			begun := time.Now()
			_, err := c.settled(s.dir)
			if took := time.Since(begun); err == nil || took < zoneMoveTime {
				t.Errorf("gave up after %v: %v", took, err)
			}
			type result struct {
				r   *zoneReport
				err error
			}
			done := make(chan result, 1)
			go func() {
				r, err := c.settled(s.dir)
				done <- result{r, err}
			}()
			s.link(s.keeper.File())
			if got := <-done; got.err != nil || got.r.Zone.Buckets != 3 || got.r.Zone.Capacity != 9 {
				t.Errorf("found %+v, %v", got.r, got.err)
			}
		})
	}
}
