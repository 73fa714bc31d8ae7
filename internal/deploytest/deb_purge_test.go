package deploytest

import (
	"fmt"
	"strings"
	"testing"
)

// debPurge removes the package, then its configuration. Nothing is left but the user, in the files that list users; nor of the socket, if that was
// enabled.
func debPurge(t *testing.T, r *root, before map[string]bool) {
	t.Helper()
	r.run("systemctl", "enable", "rtmp-edge.socket")
	r.run("dpkg", "--remove", "rtmp-edge")
	noServer(t, r)
	if !r.exists(debConfig) || r.exists("/usr/bin/rtmp-edge") {
		t.Error("the removal has not left the configuration, or not removed the program")
	}
	r.run("dpkg", "--purge", "rtmp-edge")
	for name := range debFiles(r) {
		if !before[name] {
			t.Errorf("the purge has left %s", name)
		}
	}
	if out := r.run("find", "/", "-xdev", "-user", "rtmp-edge"); out != "" {
		t.Errorf("these files are still the server's:\n%s", out)
	}
	if out, err := r.try("systemctl", "cat", debUnit); err == nil {
		t.Errorf("systemd still knows the unit:\n%s", out)
	}
	r.run("getent", "passwd", "rtmp-edge")
}

// noServer demands that no process of the server runs in there.
func noServer(t *testing.T, r *root) {
	t.Helper()
	if out, err := r.try("sh", "-c", "grep -s '^rtmp-edge' /proc/[0-9]*/comm"); err == nil {
		t.Errorf("these run:\n%s", out)
	}
}

// debFiles lists all files of the root, but for what changes by itself: the journal, the state of what runs, backups that dpkg makes and those of the
// lists of users.
func debFiles(r *root) map[string]bool {
	r.t.Helper()
	files := map[string]bool{}
	var keep []string
	for _, path := range []string{"/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/var/log", "/run/log", "/run/user", "/run/systemd", "/root"} {
		keep = append(keep, "-path", path, "-prune", "-o")
	}
	for line := range strings.Lines(r.run(append(append([]string{"find", "/"}, keep...), "-print")...)) {
		if name := strings.TrimSpace(line); !strings.HasSuffix(name, "-") && !strings.HasSuffix(name, "-old") {
			files[name] = true
		}
	}
	return files
}

// A machine's image is made while no systemd runs, perhaps without systemd-sysusers: nothing is started then, the user is made all the same, and the
// server starts when the machine boots. What policy-rc.d forbids is not started either.
func TestDebOffline(t *testing.T) {
	t.Parallel()
	r := newRoot(t)
	r.copyIn(packagePath(t, arch(t)), "/root/rtmp-edge.deb", 0o644)
	r.run("mv", "/usr/bin/systemd-sysusers", "/root")
	r.run("dpkg", "-i", "/root/rtmp-edge.deb")
	noServer(t, r)
	r.run("mv", "/root/systemd-sysusers", "/usr/bin")
	r.boot()
	debRuns(t, r)

	r.run("dpkg", "--purge", "rtmp-edge")
	r.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
	r.run("dpkg", "-i", "/root/rtmp-edge.deb")
	if state := fmt.Sprint(property(r, "ActiveState"), " ", property(r, "UnitFileState")); state != "inactive enabled" {
		t.Errorf("where policy-rc.d forbids it, the unit is %s", state)
	}
}
