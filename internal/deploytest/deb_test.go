package deploytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	debConfig = "/etc/rtmp-edge/rtmp-edge.yml"
	debUnit   = "rtmp-edge.service"
)

// packagePath returns the Debian package of the release.
func packagePath(t *testing.T, arch string) string {
	t.Helper()
	dir, version := release(t)
	return filepath.Join(dir, "rtmp-edge_"+version+"_"+arch+".deb")
}

// arch is this machine's, in Debian's words.
func arch(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, "", "dpkg", "--print-architecture"))
}

// Debian's own judge finds neither errors nor warnings, nor overrides that are not needed.
func TestDebLintian(t *testing.T) {
	t.Parallel()
	for _, arch := range architectures {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			out, err := try(t, "", "lintian", "--no-cfg", "--allow-root", "--fail-on", "error,warning", "--display-info", packagePath(t, arch))
			if err != nil || strings.Contains(out, "unused-override") || strings.Contains(out, "mismatched-override") {
				t.Errorf("lintian: %v\n%s", err, out)
			}
		})
	}
}

// `make deb` makes this machine's package as the release has it, in place of an older one.
func TestMakeDeb(t *testing.T) {
	t.Parallel()
	want := packagePath(t, arch(t))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rtmp-edge_0.0.1_"+arch(t)+".deb"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "", "env", "DIST="+dir, "make", "deb")
	if got := digests(t, dir); len(got) != 1 || got[filepath.Base(want)] != digest(t, want) {
		t.Errorf("make deb made %v, the release has %s: %s", got, filepath.Base(want), digest(t, want))
	}
}

// The package says what it is, and brings each file to where Debian has such files.
func TestDebContents(t *testing.T) {
	t.Parallel()
	version := strings.TrimSpace(run(t, "", "scripts/version", "--debian")) + "-1"
	for _, arch := range architectures {
		path := packagePath(t, arch)
		for field, want := range map[string]string{"Package": "rtmp-edge", "Version": version, "Architecture": arch} {
			if got := strings.TrimSpace(run(t, "", "dpkg-deb", "--field", path, field)); got != want {
				t.Errorf("%s: %s is %s, want %s", arch, field, got, want)
			}
		}
		if got := run(t, "", "dpkg-deb", "--info", path, "conffiles"); strings.TrimSpace(got) != debConfig {
			t.Errorf("%s: conffiles: %s", arch, got)
		}
		var got []string
		for line := range strings.Lines(run(t, "", "dpkg-deb", "--contents", path)) {
			fields := strings.Fields(line)
			got = append(got, fields[0]+" "+fields[1]+" "+fields[5])
		}
		for _, want := range []string{
			"-rwxr-xr-x root/root ./usr/bin/rtmp-edge",
			"-rw-r----- root/root ." + debConfig,
			"-rw-r--r-- root/root ./usr/lib/systemd/system/" + debUnit,
			"-rw-r--r-- root/root ./usr/lib/systemd/system/rtmp-edge.socket",
			"-rw-r--r-- root/root ./usr/lib/sysusers.d/rtmp-edge.conf",
			"-rw-r--r-- root/root ./usr/share/man/man1/rtmp-edge.1.gz",
			"-rw-r--r-- root/root ./usr/share/bash-completion/completions/rtmp-edge",
			"-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_rtmp-edge",
			"-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/rtmp-edge.fish",
			"-rw-r--r-- root/root ./usr/share/doc/rtmp-edge/copyright",
			"-rw-r--r-- root/root ./usr/share/doc/rtmp-edge/changelog.Debian.gz",
			"-rw-r--r-- root/root ./usr/share/doc/rtmp-edge/docs/install.md",
		} {
			if !slices.Contains(got, want) {
				t.Errorf("%s: the package lacks %s", arch, want)
			}
		}
	}
}
