package master

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// A logBuffer is a log that the test can read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// shortDir is t.TempDir with a path short enough for unix sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "re-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// newMaster makes a master with unix sockets only, whose workers are a shell script.
func newMaster(t *testing.T, script string) (*Master, *config.Config, *logBuffer) {
	t.Helper()
	dir := shortDir(t)
	executable := filepath.Join(dir, "worker")
	if err := os.WriteFile(executable, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil { //nolint:gosec // it is to be executed
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Workers = 2
	cfg.RunDir = filepath.Join(dir, "run")
	cfg.ShutdownTimeout = 100 * time.Millisecond
	cfg.RTMP.Listen = []multiport.Addr{{Network: multiport.Unix, Path: filepath.Join(dir, "shared.sock")}}
	cfg.HTTP.Listen = nil
	var log logBuffer
	m, err := New(Options{Config: cfg, Logger: slog.New(slog.NewTextHandler(&log, nil)), Executable: executable})
	if err != nil {
		t.Fatal(err)
	}
	return m, cfg, &log
}

func left(t *testing.T, cfg *config.Config) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{filepath.Join(cfg.RunDir, "*"), cfg.RTMP.Listen[0].Path, cfg.RunDir} {
		m, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, m...)
	}
	return found
}

func TestWorkersThatCannotStartEndTheServer(t *testing.T) {
	m, cfg, log := newMaster(t, "exit 7")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := m.Run(ctx)
	if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("Run = %v", err)
	}
	if ctx.Err() != nil {
		t.Error("it took a minute")
	}
	if found := left(t, cfg); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
	if n := strings.Count(log.String(), "worker died"); n < startTries-1 {
		t.Errorf("%d deaths were logged:\n%s", n, log)
	}
}

// hang is a worker that neither listens to its control socket nor ends.
const hang = "echo $$ >> $0.pids; exec sleep 60"

func TestWorkersThatDoNotEndAreKilled(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout time.Duration
		kill    bool
	}{
		{"after the timeout", 100 * time.Millisecond, false},
		{"at once when told so", time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, cfg, _ := newMaster(t, hang)
			m.config().ShutdownTimeout = c.timeout
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- m.Run(ctx) }()
			awaitPIDs(t, m.opts.Executable+".pids", 2)
			cancel()
			if c.kill {
				m.Kill()
				m.Kill()
			}
			select {
			case err := <-done:
				if !errors.Is(err, ErrKilled) {
					t.Errorf("Run = %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("the master does not end")
			}
			if found := left(t, cfg); len(found) > 0 {
				t.Errorf("left behind: %v", found)
			}
		})
	}
}

func awaitPIDs(t *testing.T, file string, n int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		b, err := os.ReadFile(file)
		if err == nil && bytes.Count(b, []byte("\n")) >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %d workers: %q, %v", n, b, err)
		}
		time.Sleep(10 * time.Millisecond) // a file has no bell
	}
}

func TestNewLeavesNothingWhenAnAddressIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := shortDir(t)
	cfg := config.Default()
	cfg.RunDir = filepath.Join(dir, "run")
	cfg.RTMP.Listen = []multiport.Addr{{Network: multiport.Unix, Path: filepath.Join(dir, "shared.sock")}}
	cfg.HTTP.Listen = []multiport.Addr{{Network: multiport.TCP, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}}
	_, err = New(Options{Config: cfg, Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, multiport.ErrInUse) || !strings.Contains(err.Error(), "http.listen[0]") {
		t.Errorf("New = %v", err)
	}
	if found := left(t, cfg); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

func TestRunDir(t *testing.T) {
	base := t.TempDir()
	path := func(name string) string { return filepath.Join(base, name) }
	for name, mode := range map[string]os.FileMode{"private": 0o700, "open": 0o755} {
		if err := os.Mkdir(path(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, problem string }{
		{path("new"), ""},
		{path("private"), ""},
		{"", ""},
		{path("open"), "chmod 0700"},
		{path("file"), "no folder"},
		{path("no/parent"), "make its parent"},
	} {
		got, cleanup, err := runDir(c.path)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("runDir(%q): %v, want one with %q", c.path, err, c.problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("runDir(%q): %v", c.path, err)
			continue
		}
		if info, err := os.Stat(got); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("runDir(%q): mode %v, %v", c.path, info.Mode(), err)
		}
		if err := cleanup(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(got); (err == nil) != (c.path == path("private")) {
			t.Errorf("runDir(%q): after the cleanup: %v", c.path, err)
		}
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range []int64{0, 100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if got := backoff(n); got.Milliseconds() != want {
			t.Errorf("backoff(%d) = %v, want %d ms", n, got, want)
		}
	}
	if got := backoff(1 << 40); got != maxPause {
		t.Errorf("backoff of very many = %v", got)
	}
}

// The master is alive as long as it sees to its workers, whatever these do.
func TestAlive(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	for name, tt := range map[string]struct {
		exited chan struct{}
		ago    time.Duration
		want   error
	}{
		"a worker runs":                 {make(chan struct{}), time.Hour, nil},
		"a worker has just ended":       {ended, 0, nil},
		"one that ended is still there": {ended, replaceTime + time.Second, errStuck},
	} {
		t.Run(name, func(t *testing.T) {
			m := &Master{running: map[int]*process{0: {cmd: &exec.Cmd{Process: &os.Process{}}, exited: tt.exited, died: time.Now().Add(-tt.ago)}}}
			if err := m.Alive(); !errors.Is(err, tt.want) {
				t.Errorf("Alive = %v, want %v", err, tt.want)
			}
		})
	}
}
