package deploytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// On a Debian with systemd the server runs and streams after `dpkg -i`; it reloads; an upgrade keeps the configuration and runs the new one; a server
// that was disabled stays so; what is removed is gone.
func TestDebLife(t *testing.T) {
	t.Parallel()
	path := packagePath(t, arch(t))
	newer := nextPackage(t, path)
	r := newRoot(t)
	r.copyIn(path, "/root/rtmp-edge.deb", 0o644)
	r.copyIn(newer, "/root/newer.deb", 0o644)
	r.boot()
	before := debFiles(r)

	r.run("dpkg", "-i", "/root/rtmp-edge.deb")
	debRuns(t, r)
	debStreams(t, r, "first")
	debPages(t, r)
	debReload(t, r)
	debUpgrade(t, r)
	debDisabled(t, r)
	debPurge(t, r, before)
}

// nextPackage makes a package of a later version, with another configuration.
func nextPackage(t *testing.T, path string) string {
	t.Helper()
	dir := t.TempDir()
	tree, newer := filepath.Join(dir, "tree"), filepath.Join(dir, "newer.deb")
	run(t, "", "dpkg-deb", "--raw-extract", path, tree)
	run(t, tree, "sed", "-i", "s/^Version: .*/Version: 99.0.0-1/", "DEBIAN/control")
	run(t, tree, "sh", "-c", "echo '# Of a later version.' >>."+debConfig)
	run(t, tree, "sh", "-c", "find etc usr -type f -exec md5sum {} + >DEBIAN/md5sums")
	run(t, "", "dpkg-deb", "--root-owner-group", "--build", tree, newer)
	return newer
}

// property returns what systemd knows of the unit.
func property(r *root, name string) string {
	r.t.Helper()
	return strings.TrimSpace(r.run("systemctl", "show", "--value", "--property", name, debUnit))
}

// debRuns demands that dpkg does not come back before the server is ready, that this is its own user's, and that nobody else can read what is secret.
func debRuns(t *testing.T, r *root) {
	t.Helper()
	if state := property(r, "ActiveState"); state != "active" {
		t.Fatalf("the server is %s, when dpkg has come back", state)
	}
	if enabled := property(r, "UnitFileState"); enabled != "enabled" {
		t.Errorf("the unit is %s", enabled)
	}
	pid := property(r, "MainPID")
	if user := strings.TrimSpace(r.run("stat", "-c", "%U", "/proc/"+pid)); user != "rtmp-edge" {
		t.Errorf("the server runs as %s", user)
	}
	if got := strings.TrimSpace(r.run("stat", "-c", "%U:%G %a", debConfig)); got != "root:rtmp-edge 640" {
		t.Errorf("the configuration is %s", got)
	}
	if got := strings.TrimSpace(r.run("getent", "passwd", "rtmp-edge")); !strings.HasSuffix(got, ":/nonexistent:/usr/sbin/nologin") {
		t.Errorf("the user is %s", got)
	}
	if got := strings.TrimSpace(r.run("rtmp-edge", "version")); !strings.HasPrefix(got, "rtmp-edge "+versionEnv(t)["VERSION"]+"\n") {
		t.Errorf("rtmp-edge version: %s", got)
	}
	r.run("rtmp-edge", "healthcheck", "--all")
}

// debStreams publishes and plays.
func debStreams(t *testing.T, r *root, name string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		r.net(func() {
			publish(t, "rtmp://127.0.0.1/live/"+name)
			plays(t, "rtmp://127.0.0.1/live/"+name)
			plays(t, "http://127.0.0.1:8080/live/"+name+".flv")
		})
	})
}

// debPages reads the manual page, and has the shells read what completes for them.
func debPages(t *testing.T, r *root) {
	t.Helper()
	page := filepath.Join(t.TempDir(), "rtmp-edge.1")
	if err := os.WriteFile(page, []byte(r.run("zcat", "/usr/share/man/man1/rtmp-edge.1.gz")), 0o644); err != nil {
		t.Fatal(err)
	}
	text := run(t, "", "env", "MANWIDTH=80", "LC_ALL=C.UTF-8", "man", "--local-file", "--warnings", "--no-hyphenation", page)
	for _, want := range []string{"RTMP-EDGE(1)", "rtmp-edge - RTMP live-streaming edge server", "rtmp-edge reload"} {
		if !strings.Contains(text, want) {
			t.Errorf("the manual page lacks %q:\n%s", want, text)
		}
	}
	const completes = `. /usr/share/bash-completion/completions/rtmp-edge && complete -p rtmp-edge`
	if got := r.run("bash", "-c", completes); !strings.HasSuffix(strings.TrimSpace(got), " rtmp-edge") {
		t.Errorf("bash: %s", got)
	}
}

// debReload changes the configuration, and has the server take it.
func debReload(t *testing.T, r *root) {
	t.Helper()
	pid := property(r, "MainPID")
	r.run("sed", "-i", `s/^  gop_cache: true$/  gop_cache: false/; $a # Edited here.`, debConfig)
	r.run("systemctl", "reload", debUnit)
	await(t, "what has been applied, in the journal", func() bool { return strings.Contains(r.journal(debUnit), "keys=live.gop_cache\n") })
	if got := property(r, "MainPID"); got != pid {
		t.Errorf("a reload has made process %s of %s", got, pid)
	}
	if got := strings.TrimSpace(r.run("stat", "-c", "%U:%G %a", debConfig)); got != "root:rtmp-edge 640" {
		t.Errorf("the edited configuration is %s", got)
	}
}

// debUpgrade installs the later version. The configuration has been edited, so it stays, and the new one lies beside it.
func debUpgrade(t *testing.T, r *root) {
	t.Helper()
	pid := property(r, "MainPID")
	r.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--force-confold", "-i", "/root/newer.deb")
	if got := r.run("dpkg-query", "-W", "-f", "${Status} ${Version}", "rtmp-edge"); got != "install ok installed 99.0.0-1" {
		t.Errorf("after the upgrade: %s", got)
	}
	debRuns(t, r)
	if got := property(r, "MainPID"); got == pid {
		t.Error("the upgrade has left the old server running")
	}
	if got := r.run("tail", "-n", "1", debConfig); got != "# Edited here.\n" {
		t.Errorf("the configuration ends with %q", got)
	}
	if got := r.run("tail", "-n", "1", debConfig+".dpkg-dist"); got != "# Of a later version.\n" {
		t.Errorf("the new configuration ends with %q", got)
	}
	debStreams(t, r, "second")
}

// debDisabled demands that what the administrator has switched off stays off in an upgrade.
func debDisabled(t *testing.T, r *root) {
	t.Helper()
	r.run("systemctl", "disable", "--now", debUnit)
	r.run("dpkg", "--force-confdef", "--force-confold", "-i", "/root/newer.deb")
	if state, enabled := property(r, "ActiveState"), property(r, "UnitFileState"); state != "inactive" || enabled != "disabled" {
		t.Errorf("after the upgrade of a disabled server it is %s, and %s", state, enabled)
	}
	r.run("systemctl", "enable", "--now", debUnit)
}
