package deploytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What a release is for.
var architectures = []string{"amd64", "arm64"}

// makeRelease has `make release` make one, once for all tests.
var makeRelease = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(scratch, "release")
	return dir, releaseOf(repo, dir)
})

// releaseOf makes the release of a tree.
func releaseOf(tree, dir string, env ...string) error {
	cmd := exec.Command("make", "release")
	cmd.Dir, cmd.Env = tree, append(append(os.Environ(), "DIST="+dir), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make release: %w\n%s", err, out)
	}
	return nil
}

// release returns the folder of a release, and its version.
func release(t *testing.T) (dir, version string) {
	t.Helper()
	dir, err := makeRelease()
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.TrimSpace(run(t, "", "scripts/version"))
}

// digests returns the SHA-256 of each file in a folder.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]string, len(entries))
	for _, e := range entries {
		sums[e.Name()] = digest(t, filepath.Join(dir, e.Name()))
	}
	return sums
}

// digest returns the SHA-256 of a file.
func digest(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// A release is complete, and its checksums are those of all its files.
func TestRelease(t *testing.T) {
	t.Parallel()
	dir, version := release(t)
	want := []string{"SHA256SUMS"}
	for _, arch := range architectures {
		name := "rtmp-edge_" + version
		want = append(want, name+"_linux_"+arch+".tar.gz", name+"_linux_"+arch+".cdx.json", name+"_"+arch+".deb")
	}
	slices.Sort(want)
	sums := digests(t, dir)
	var got, summed []string
	for name := range sums {
		got = append(got, name)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("a release has %q, want %q", got, want)
	}
	for line := range strings.Lines(run(t, dir, "sha256sum", "--check", "--strict", "SHA256SUMS")) {
		summed = append(summed, strings.TrimSuffix(line, ": OK\n"))
	}
	slices.Sort(summed)
	if want := slices.DeleteFunc(want, func(name string) bool { return name == "SHA256SUMS" }); !slices.Equal(summed, want) {
		t.Errorf("SHA256SUMS has %q, want %q", summed, want)
	}
}

// The same tree gives the same bytes: in another folder, with another umask, language and time zone, and with files of another age.
func TestReleaseAgain(t *testing.T) {
	t.Parallel()
	first, _ := release(t)
	tree, second := filepath.Join(t.TempDir(), "somewhere else"), t.TempDir()
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "", "sh", "-c", `umask 077; tar -c --exclude=./bin --exclude=./dist . | tar -x --touch --no-same-permissions -C "$0"`, tree)
	if err := releaseOf(tree, second, "TZ=Asia/Kathmandu", "LC_ALL=tr_TR.UTF-8", "GOFLAGS=-tags=other", "GOAMD64=v2", "GOARM64=v9.0"); err != nil {
		t.Fatal(err)
	}
	want, got := digests(t, first), digests(t, second)
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s is another one the second time", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the first release has %d files, the second %d", len(want), len(got))
	}
}

// unpacked returns the folder of an archive of the release, unpacked.
func unpacked(t *testing.T, arch string) (dir string) {
	t.Helper()
	release, version := release(t)
	name := "rtmp-edge_" + version + "_linux_" + arch
	into := t.TempDir()
	run(t, into, "tar", "-xzf", filepath.Join(release, name+".tar.gz"))
	return filepath.Join(into, name)
}

// Who unpacks an archive has what the README says there is, and nothing in it tells of the machine where it was made.
func TestReleaseArchive(t *testing.T) {
	t.Parallel()
	for _, arch := range architectures {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			dir, version := release(t)
			name := "rtmp-edge_" + version + "_linux_" + arch
			committed := strings.TrimSpace(run(t, "", "git", "log", "-1", "--format=%ct"))
			headers := entries(t, filepath.Join(dir, name+".tar.gz"))
			for _, h := range headers {
				if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || fmt.Sprint(h.ModTime.Unix()) != committed {
					t.Errorf("%s is of %d:%d (%s:%s), at %v", h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime)
				}
				mode := int64(0o644)
				if h.Typeflag == tar.TypeDir || h.Name == name+"/rtmp-edge" {
					mode = 0o755
				}
				if h.Mode != mode && !strings.HasSuffix(h.Name, ".sh") {
					t.Errorf("%s has mode %o", h.Name, h.Mode)
				}
			}
			for _, file := range []string{
				"rtmp-edge", "rtmp-edge.1", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "THIRD-PARTY-NOTICES", "docs/install.md",
				"completions/rtmp-edge.bash", "completions/rtmp-edge.zsh", "completions/rtmp-edge.fish",
				"deploy/rtmp-edge.yml", "deploy/systemd/rtmp-edge.service", "deploy/prometheus/rules/alerts.yml", "deploy/grafana/rtmp-edge.json",
			} {
				if !slices.ContainsFunc(headers, func(h *tar.Header) bool { return h.Name == name+"/"+file && h.Size > 0 }) {
					t.Errorf("%s.tar.gz lacks %s", name, file)
				}
			}
		})
	}
}

// entries lists what is in an archive.
func entries(t *testing.T, path string) []*tar.Header {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("%s has been compressed at %v, under the name %q", path, z.ModTime, z.Name)
	}
	var headers []*tar.Header
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
}
