package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/internal/master"
	"github.com/rtmp-edge/rtmp-edge/internal/statview"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A zoneScene is a run folder as a master has it, which is this process.
type zoneScene struct {
	t      *testing.T
	dir    string
	keeper *streamzone.Keeper
}

func newZoneScene(t *testing.T, cfg streamzone.Config) *zoneScene {
	t.Helper()
	k, err := streamzone.Create(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &zoneScene{t: t, dir: t.TempDir(), keeper: k}
	held, err := os.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	s.link(k.File())
	return s
}

func (s *zoneScene) link(f *os.File) {
	s.t.Helper()
	fresh := filepath.Join(s.dir, "fresh")
	if err := os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()), fresh); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(fresh, filepath.Join(s.dir, "zone")); err != nil {
		s.t.Fatal(err)
	}
}

// join opens a slot and is its worker.
func (s *zoneScene) join(slot int) *streamzone.Zone {
	s.t.Helper()
	epoch, err := s.keeper.OpenSlot(slot)
	if err != nil {
		s.t.Fatal(err)
	}
	z, err := streamzone.Join(s.keeper.File(), slot, epoch)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := z.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return z
}

func claim(t *testing.T, z *streamzone.Zone, name string) streamzone.Claim {
	t.Helper()
	c, err := z.Claim(name)
	if err != nil {
		t.Fatalf("claim %q: %v", name, err)
	}
	return c
}

// look is the report of the command with all checks.
func (s *zoneScene) look(streams int) *zoneReport {
	s.t.Helper()
	r, err := (&zoneCmd{Streams: streams, Check: true}).settled(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// harmless checks that both forms of a report are fit for a terminal, and that JSON is JSON.
func harmless(t *testing.T, r *zoneReport) (text string, decoded zoneReport) {
	t.Helper()
	text = string(r.text())
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	if i := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }); i >= 0 {
		t.Errorf("not printable at %q", text[i:])
	}
	b, err := r.json()
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(b, func(c byte) bool { return c >= 0x7f || c < ' ' && c != '\n' }); i >= 0 {
		t.Errorf("not printable ASCII at %q", b[i:])
	}
	if err := json.Unmarshal(b, &decoded); err != nil {
		t.Errorf("%v in %s", err, b)
	}
	return text, decoded
}

func TestZoneReport(t *testing.T) {
	s := newZoneScene(t, streamzone.Config{Buckets: 7, Streams: 20, NameMax: 100})
	first, second := s.join(0), s.join(5)
	ids := map[string]string{}
	for z, names := range map[*streamzone.Zone][]string{first: {"live/b", "live/c"}, second: {"live/a"}} {
		for _, name := range names {
			ids[name] = claim(t, z, name).ID().String()
		}
	}
	if _, err := second.Claim("live/b"); !errors.Is(err, streamzone.ErrTaken) {
		t.Fatal(err)
	}
	if !first.Release(claim(t, first, "live/gone")) {
		t.Fatal("release failed")
	}
	if _, err := s.keeper.OpenSlot(9); err != nil { // its worker has not joined
		t.Fatal(err)
	}

	text, got := harmless(t, s.look(100))
	for _, slot := range []int{0, 1} {
		since := got.Slots[slot].Since
		if since == nil || time.Since(*since).Abs() > time.Minute {
			t.Errorf("slot %d since %v", slot, since)
		}
		got.Slots[slot].Since = nil
	}
	for i := range got.Streams {
		if born := got.Streams[i].Born; time.Since(born).Abs() > time.Minute {
			t.Errorf("born %v", born)
		}
		got.Streams[i].Born = time.Time{}
	}
	info, err := s.keeper.File().Stat()
	if err != nil {
		t.Fatal(err)
	}
	pid := os.Getpid()
	want := zoneReport{
		RunDir: s.dir, Master: zoneProcess{pid, master.Running},
		Zone: &zoneCounts{Bytes: info.Size(), Buckets: 7, Capacity: 20, NameMax: 100, Live: 3, Free: 17},
		Slots: []zoneSlot{ // our parent is not we, so these workers' pids are not a worker's
			{Slot: 0, Epoch: 1, Open: true, PID: pid, Process: master.Gone, Streams: 2, Claims: 3, Releases: 1},
			{Slot: 5, Epoch: 1, Open: true, PID: pid, Process: master.Gone, Streams: 1, Claims: 1, Taken: 1},
			{Slot: 9, Epoch: 1, Open: true},
		},
		Streams: []zoneStream{
			{Name: "live/a", Slot: 5, ID: ids["live/a"]},
			{Name: "live/b", Slot: 0, ID: ids["live/b"]},
			{Name: "live/c", Slot: 0, ID: ids["live/c"]},
		},
		Check: &zoneCheck{Good: true, Findings: []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		fmt.Sprintf("server run_dir %s, master %d running", statview.Name(s.dir), pid),
		fmt.Sprintf("zone 7 buckets, capacity 20 streams, names to 100 bytes, %.1f MiB of memory", float64(info.Size())/(1<<20)),
		"streams 3 live, 0 dead, 0 busy, 17 free",
		"SLOT EPOCH STATE PID PROCESS SINCE STREAMS CLAIMS TAKEN REFUSED RELEASES RECLAIMED",
		"9 1 open - - - 0 0 0 0 0 0",
		"SLOT ID AGE STREAM",
		"5 " + ids["live/a"] + " 0s live/a",
		"check: good",
	} {
		if !slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool {
			return strings.Join(strings.Fields(l), " ") == line
		}) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

// Names are a publisher's; no terminal obeys them, and programs get them byte by byte.
func TestZoneNames(t *testing.T) {
	names := []string{
		"live/plain", "live/Kamera Süd", `live/"quoted"`, `live/back\slash`, "live/\x1b[2J\x07", "live/\u009b31m", "live/\u202edrow", "live/a\tb\nc",
		"live/\xff\xfe", "\x00", "<&>", "live/\U0001f3a5", strings.Repeat("x", 1000), "live/del\x7f",
	}
	s := newZoneScene(t, streamzone.Config{Buckets: 7, Streams: 50, NameMax: 1000})
	z := s.join(0)
	for _, name := range names {
		claim(t, z, name)
	}
	text, got := harmless(t, s.look(-1))
	var decoded []string
	for _, stream := range got.Streams {
		if stream.NameBase64 != nil {
			stream.Name = string(stream.NameBase64)
		}
		decoded = append(decoded, stream.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, decoded); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, shown := range []string{" live/plain\n", ` "live/Kamera Süd"` + "\n", `"live/\x1b[2J\a"`, `"live/\u009b31m"`, `"live/\xff\xfe"`} {
		if !strings.Contains(text, shown) {
			t.Errorf("no %s in\n%s", shown, text)
		}
	}
}

func TestZoneStreamsBound(t *testing.T) {
	const all = 250
	s := newZoneScene(t, streamzone.Config{Buckets: 31, Streams: all, NameMax: 20})
	z := s.join(0)
	for i := range all {
		claim(t, z, fmt.Sprintf("live/%03d", i*7%all))
	}
	for _, c := range []struct{ most, listed int }{{0, 0}, {1, 1}, {100, 100}, {249, 249}, {250, 250}, {251, 250}, {-1, 250}} {
		text, got := harmless(t, s.look(c.most))
		if len(got.Streams) != c.listed || got.StreamsMore != all-c.listed {
			t.Errorf("--streams=%d: %d listed, %d more", c.most, len(got.Streams), got.StreamsMore)
		}
		for i, stream := range got.Streams {
			if want := fmt.Sprintf("live/%03d", i); stream.Name != want {
				t.Fatalf("--streams=%d: number %d is %s", c.most, i, stream.Name)
			}
		}
		if told := strings.Contains(text, fmt.Sprintf("%d streams not listed: --streams=-1", all-c.listed)); told != (c.listed < all) {
			t.Errorf("--streams=%d: %s", c.most, text)
		}
	}
}

// The page for operators has every field there always is, and no other.
func TestZoneDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/zone-command.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no example")
	}
	var r zoneReport
	var want, got map[string]any
	if err := json.Unmarshal([]byte(example), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(example), &r); err != nil {
		t.Fatal(err)
	}
	b, err := r.json()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/zone-command.md (-documented +printed):\n%s", diff)
	}
	for _, sometimes := range []string{"name_base64", "streams_error", "idle_check"} {
		if !strings.Contains(string(page), "`"+sometimes+"`") {
			t.Errorf("%s is not documented", sometimes)
		}
	}
}

func TestZoneAge(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 999 * time.Millisecond: "0s", 61500 * time.Millisecond: "1m1s",
		2*day - 1: "47h59m59s", 2 * day: "2d0h", 100*day + 5*time.Hour + 59*time.Minute: "100d5h",
	} {
		if got := statview.Age(d); got != want {
			t.Errorf("Age(%v) = %s, want %s", d, got, want)
		}
	}
}

type brokenPipe struct{ err error }

func (b brokenPipe) Write([]byte) (int, error) { return 0, b.err }

func TestZonePrintTellsWriteErrors(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		if err := newZoneReport("/run/x", os.Getpid()).print(brokenPipe{syscall.ENOSPC}, asJSON); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("JSON %v: %v", asJSON, err)
		}
	}
}
