package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A worker that has no descriptor left can't take a large configuration, or an address. It says so, and serves on; nothing changes anywhere.
func TestReloadWithoutDescriptors(t *testing.T) {
	t.Parallel()
	c := startChanging(t)
	pids := c.pids(t)
	scene := c.steady(t, 0, 1)
	var apps strings.Builder
	for i := range 100 {
		fmt.Fprintf(&apps, "\n  - {name: app%d, publish_secret: %s}", i, reloadSecret)
	}
	var before unix.Rlimit
	if err := unix.Prlimit(pids[1], unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pids[1], unix.RLIMIT_NOFILE, &unix.Rlimit{Max: before.Max}, nil); err != nil {
		t.Fatal(err)
	}
	large, added := []string{debugLog, "log: {level: info}\napps:" + apps.String()}, c.opened()
	for _, pieces := range [][]string{large, added, append(large, added...)} {
		c.change(pieces...)
		refused := c.askReload(t, 0, http.StatusServiceUnavailable)
		if !strings.Contains(refused.Detail, "worker 1") || !strings.Contains(refused.Detail, "no descriptor is free") {
			t.Errorf("refused with %+v", refused)
		}
		c.checkClosed()
	}
	if err := unix.Prlimit(pids[1], unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	scene.check()
	c.askReload(t, 1, http.StatusOK)
	c.checkRefused("app0/x", true, 0, 1, 2)
	c.checkAdded("added")
	scene.check()
	c.samePIDs(pids)
}
