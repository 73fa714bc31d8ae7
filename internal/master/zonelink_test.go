package master

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

func newKeeper(t *testing.T) *streamzone.Keeper {
	t.Helper()
	k, err := streamzone.Create(streamzone.Config{Buckets: 3, Streams: 5, NameMax: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// newLink makes a link in the folder; the test's end removes it, if the test has not.
func newLink(t *testing.T, dir string, zone *os.File) *zoneLink {
	t.Helper()
	l, err := newZoneLink(dir, zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.remove(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// opens checks that the run folder leads to this zone.
func opens(t *testing.T, dir string, zone *os.File) {
	t.Helper()
	z, err := OpenZone(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer z.File.Close()
	want, err := zone.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := z.File.Stat(); err != nil || !os.SameFile(got, want) {
		t.Errorf("%s leads to another file (%v)", dir, err)
	}
	if z.MasterPID != os.Getpid() {
		t.Errorf("the master is %d, not %d", z.MasterPID, os.Getpid())
	}
	if n, err := z.File.WriteAt([]byte{0}, 0); err == nil {
		t.Errorf("%d bytes could be written", n)
	}
	attached, err := streamzone.Attach(z.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := attached.Close(); err != nil {
		t.Error(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestZoneLink(t *testing.T) {
	dir := t.TempDir()
	first, second := newKeeper(t), newKeeper(t)
	l := newLink(t, dir, first.File())
	opens(t, dir, first.File())
	if err := l.publish(second.File()); err != nil {
		t.Fatal(err)
	}
	opens(t, dir, second.File())
	if got := names(t, dir); !slices.Equal(got, []string{"zone"}) {
		t.Errorf("in the folder: %q", got)
	}

	for range 2 {
		if err := l.remove(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.publish(first.File()); err != nil { // a reload that came too late
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
	if _, err := OpenZone(dir); !errors.Is(err, ErrNoServer) {
		t.Errorf("after the end: %v", err)
	}
}

// Somebody who looks all the time finds a zone all the time, however often it is exchanged.
func TestZoneLinkIsNeverGone(t *testing.T) {
	dir := t.TempDir()
	keepers := []*streamzone.Keeper{newKeeper(t), newKeeper(t)}
	l := newLink(t, dir, keepers[0].File())
	done := make(chan error, 1)
	go func() {
		for n := range 500 {
			if err := l.publish(keepers[n%2].File()); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for looks := 0; ; looks++ {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			if looks == 0 {
				t.Error("it was over before one look")
			}
			return
		default:
		}
		z, err := OpenZone(dir)
		if err != nil {
			t.Fatalf("look %d: %v", looks, err)
		}
		z.File.Close()
	}
}

// What a master that was killed left behind is in nobody's way.
func TestZoneLinkAfterKill(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"zone", "zone.new"} {
		if err := os.Symlink("/proc/4194304/fd/5", filepath.Join(dir, name)); err != nil { // beyond the largest pid
			t.Fatal(err)
		}
	}
	if _, err := OpenZone(dir); !errors.Is(err, ErrNoServer) {
		t.Errorf("before: %v", err)
	}
	k := newKeeper(t)
	l := newLink(t, dir, k.File())
	opens(t, dir, k.File())
	if err := l.remove(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}

// What is no link of ours is neither replaced nor removed.
func TestZoneLinkInTheWay(t *testing.T) {
	k := newKeeper(t)
	for _, name := range []string{"zone", "zone.new"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newZoneLink(dir, k.File()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: newZoneLink = %v", name, err)
		}
		if b, err := os.ReadFile(path); string(b) != "mine" {
			t.Errorf("%s now holds %q, %v", name, b, err)
		}
	}
}

// A server that runs has its link, and removes it when it ends, also one that fails to start.
func TestMasterHasZoneLink(t *testing.T) {
	m, cfg, _ := newMaster(t, "exit 7")
	opens(t, cfg.RunDir, m.keeper.File())
	if err := m.Run(t.Context()); !errors.Is(err, ErrStart) {
		t.Errorf("Run = %v", err)
	}
	if found := left(t, cfg); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}
