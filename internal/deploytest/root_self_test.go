package deploytest

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A test root is a system of its own: its systemd is process 1, its network has nothing but itself, and what is written there is nowhere else.
func TestRoot(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	const unit = "etc/systemd/system/hello.service"
	r.write("/"+unit, "[Service]\nExecStart=/bin/echo hello\n[Install]\nWantedBy=multi-user.target\n", 0o644)
	r.run("systemctl", "enable", "hello")
	r.boot()
	await(t, "the unit's word", func() bool { return strings.Contains(r.journal("hello"), "hello") })
	if pid := strings.TrimSpace(r.run("pidof", "systemd")); pid != "1" {
		t.Errorf("systemd is process %s", pid)
	}
	if group := r.run("cat", "/proc/1/cgroup"); !strings.Contains(group, "0::/init.scope\n") {
		t.Errorf("control groups of systemd:\n%s", group)
	}
	r.net(func() {
		all, err := net.Interfaces()
		if err != nil || len(all) != 1 || all[0].Flags&(net.FlagLoopback|net.FlagUp) != net.FlagLoopback|net.FlagUp {
			t.Errorf("networks: %v %v", all, err)
		}
	})
	base, err := baseFolder()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(base, unit), "/" + unit} {
		if found, _ := filepath.Glob(path); found != nil {
			t.Errorf("it wrote to %s", path)
		}
	}
}
