package main

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/systemd"
)

// What systemd hears while the server starts, loses a worker, reloads and ends; and nothing after that.
func TestServiceTellsSystemd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	sd, err := systemd.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	s := &service{systemd: sd}
	for _, step := range []struct {
		does func()
		want string // without the numbers; "" for nothing
	}{
		{func() { s.Ready(4) }, "READY=1 STATUS=4 workers"},
		{func() { s.Workers(4, 4) }, ""},
		{func() { s.Workers(3, 4) }, "STATUS=3 of 4 workers"},
		{func() { s.Workers(4, 4) }, "STATUS=4 workers"},
		{s.Reloading, "RELOADING=1 MONOTONIC_USEC= STATUS=reloading"},
		{func() { s.Reloaded(handover.Outcome{Applied: []string{"log.level", "live.gop_cache"}}) }, "READY=1 STATUS=4 workers; reloaded: log.level, live.gop_cache"},
		{func() { s.Workers(3, 4) }, "STATUS=3 of 4 workers; reloaded: log.level, live.gop_cache"},
		{func() { s.Stopping(time.Second) }, "STOPPING=1 EXTEND_TIMEOUT_USEC= STATUS=stopping: players and publishers are told"},
		{func() { s.Workers(0, 4) }, ""},
		{func() { s.Reloaded(handover.Outcome{}) }, ""},
		{func() { s.failed(errors.New("worker killed")) }, "STATUS=worker killed"},
	} {
		step.does()
		if got := heard(t, manager); got != step.want {
			t.Errorf("it heard %q, not %q", got, step.want)
		}
	}
}

// heard is the notification that was sent, in one line; "" if none was. It takes no time to arrive.
func heard(t *testing.T, manager *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	_ = manager.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := manager.Read(b)
	if err != nil {
		return ""
	}
	parts := strings.Split(string(b[:n]), "\n")
	for i, part := range parts {
		if name, value, _ := strings.Cut(part, "="); len(value) > 1 && strings.Trim(value, "0123456789") == "" {
			parts[i] = name + "="
		}
	}
	return strings.Join(parts, " ")
}

func TestReloadOutcome(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]handover.Outcome{
		"reloaded: nothing changed":                               {},
		"reloaded: log.level":                                     {Applied: []string{"log.level"}},
		"reloaded: nothing changed; waits for a restart: workers": {Restart: []string{"workers"}},
		"reloaded: apps; waits for a restart: workers, run_dir":   {Applied: []string{"apps"}, Restart: []string{"workers", "run_dir"}},
		"reload refused: x.yml:1: apps: unknown":                  {Problems: []string{"x.yml:1: apps: unknown"}},
		"reload refused: x.yml:1: apps: unknown, and 2 more":      {Problems: []string{"x.yml:1: apps: unknown", "2", "3"}},
		"reload failed: worker 2 hangs: end it":                   {Error: "worker 2 hangs: end it"},
	} {
		if got := outcome(&o); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
