package deploytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const install = "docs/install.md"

// TestInstallByHand does in a booted test root what the document says of systemd by hand, the first steps, how to secure it, to reload it, and to uninstall it.
func TestInstallByHand(t *testing.T) {
	t.Parallel()
	r, d := newRoot(t), readDocument(t, install)
	const archive = "/root/archive"
	r.copyIn(binary(t), archive+"/rtmp-edge", 0o755)
	r.copyTree(filepath.Join(repo, "deploy"), archive+"/deploy")
	r.boot()
	for _, line := range d.commandsIn(t, "systemd by hand", 0) {
		r.run("sh", "-c", "cd "+archive+" && "+line)
	}

	first := d.commandsIn(t, "First steps", 0)
	for _, line := range first {
		if strings.HasPrefix(line, "rtmp-edge ") && !strings.HasSuffix(line, " stat") {
			r.run("sh", "-c", line)
		}
	}
	publisher := first[slices.IndexFunc(first, func(line string) bool { return strings.HasPrefix(line, "ffmpeg ") })]
	site := &readmeSite{t: t, r: r, dir: worldly(t)}
	o := site.outside(publisher)
	defer site.tell(publisher, o)
	r.net(func() { plays(t, "rtmp://127.0.0.1/live/test") })
	o.stop()

	r.secured(d)
	var url string
	for _, line := range d.commandsIn(t, "Secure it", 1) {
		url = strings.TrimSpace(r.run("sh", "-c", line))
	}
	r.run("sh", "-c", d.commandsIn(t, "Reload, upgrade, uninstall", 0)[0])
	url = replaced(t, url, "live.example.com", "127.0.0.1")
	signed := site.outside(replaced(t, publisher, "rtmp://127.0.0.1/live/test", "'"+url+"'"))
	defer site.tell("the publisher with a signed URL", signed)
	r.net(func() { plays(t, "rtmp://127.0.0.1/live/cam") }) // it waits, if it comes first
	r.net(func() {
		if err := publishBriefly(t, "rtmp://127.0.0.1/live/unsigned"); err == nil {
			t.Error("it is secured, and yet anybody can publish")
		}
	})
	signed.stop()
	r.run("sh", "-c", d.commandsIn(t, "Reload, upgrade, uninstall", 1)[0]) // the drain
	r.run("systemctl", "disable", "--now", "rtmp-edge")
}

// commandsIn returns the commands of a section's n-th block in sh.
func (d document) commandsIn(t *testing.T, section string, n int) []string {
	t.Helper()
	blocks := d.section(section).in("sh")
	if len(blocks) <= n {
		t.Fatalf("%s: %q has %d blocks of commands", d.path, section, len(blocks))
	}
	return blocks[n].commands()
}

// secured makes the secrets and the configuration of the document's section about it.
func (r *root) secured(d document) {
	r.t.Helper()
	for _, line := range d.commandsIn(r.t, "Secure it", 0) {
		line = strings.Replace(line, "openssl rand -hex 32", `head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'`, 1) // there is no openssl in there
		r.run("sh", "-c", line)
	}
	r.write(systemdConfig, d.section("Secure it").in("yaml")[0].text, 0o640)
	r.run("chown", "root:rtmp-edge", systemdConfig)
	r.run("rtmp-edge", "check", "-c", systemdConfig)
}

// copyTree copies a folder in there.
func (r *root) copyTree(from, to string) {
	r.t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err == nil {
			r.copyIn(path, filepath.Join(to, name), info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
