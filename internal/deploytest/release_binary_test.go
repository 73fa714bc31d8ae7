package deploytest

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// versionEnv returns the lines of `scripts/version --env`, by name.
func versionEnv(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(run(t, "", "scripts/version", "--env")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// The program is one for its machine, needs no library and no loader, and has the version in it.
func TestReleaseBinary(t *testing.T) {
	t.Parallel()
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, arch := range architectures {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(unpacked(t, arch), "rtmp-edge")
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := elf.NewFile(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != machines[arch] {
				t.Errorf("it is for %v", f.Machine)
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
					t.Errorf("it has a segment %v, as what is not static", p.Type)
				}
			}
			for _, s := range f.Sections {
				if s.Name == ".symtab" || strings.HasPrefix(s.Name, ".debug") {
					t.Errorf("it has a section %s, as what is not stripped", s.Name)
				}
			}
			buildSettings(t, path, arch)

			for _, name := range []string{"VERSION", "REVISION", "TIME"} {
				if value := versionEnv(t)[name]; !bytes.Contains(content, []byte(value)) {
					t.Errorf("its %s is not %s", name, value)
				}
			}
			if root := run(t, "", "go", "env", "GOMODCACHE"); bytes.Contains(content, []byte(strings.TrimSpace(root))) {
				t.Error("it has names of folders of this machine in it")
			}
		})
	}
}

// buildSettings demands what `go version -m` is to tell.
func buildSettings(t *testing.T, path, arch string) {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if mod, err := os.ReadFile(filepath.Join(repo, "go.mod")); err != nil || !strings.Contains(string(mod), "\ntoolchain "+info.GoVersion+"\n") {
		t.Errorf("it is built by %s, which is not the toolchain of go.mod (%v)", info.GoVersion, err)
	}
	got := map[string]string{}
	for _, s := range info.Settings {
		got[s.Key] = s.Value
	}
	for key, want := range map[string]string{"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": arch, "-trimpath": "true", "-tags": ""} {
		if got[key] != want {
			t.Errorf("it is built with %s=%s, want %s", key, got[key], want)
		}
	}
}

// The program for this machine runs where it was unpacked, and finds the configuration that came with it good.
func TestReleaseRuns(t *testing.T) {
	t.Parallel()
	dir, env := unpacked(t, runtime.GOARCH), versionEnv(t)
	got := run(t, dir, "./rtmp-edge", "version")
	for _, line := range []string{
		"rtmp-edge " + env["VERSION"], "revision: " + env["REVISION"], "time: " + env["TIME"], "platform: linux/" + runtime.GOARCH,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("rtmp-edge version lacks %q:\n%s", line, got)
		}
	}
	if got := run(t, dir, "./rtmp-edge", "check", "-c", "deploy/rtmp-edge.yml"); !strings.Contains(got, "good") {
		t.Errorf("rtmp-edge check: %s", got)
	}
}

// The version counts as versions do, in git's, Go's and Debian's order.
func TestReleaseVersion(t *testing.T) {
	t.Parallel()
	tree := t.TempDir()
	git := func(args ...string) string {
		settings := []string{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"}
		return strings.TrimSpace(run(t, tree, "git", append(settings, args...)...))
	}
	var debian []string
	check := func(want string) {
		t.Helper()
		want = strings.ReplaceAll(want, "HASH", git("rev-parse", "--short=7", "HEAD"))
		if got := strings.TrimSpace(run(t, tree, "scripts/version")); got != want {
			t.Errorf("the version is %s, want %s", got, want)
		}
		debian = append(debian, strings.TrimSpace(run(t, tree, "scripts/version", "--debian"))+"-1")
	}
	commit := func() { git("commit", "--quiet", "--allow-empty", "-m", "change") }

	run(t, "", "cp", "--parents", "scripts/version", "internal/version/version.go", tree)
	git("init", "--quiet")
	git("add", ".")
	commit()
	check("0.1.0-dev+1.gHASH")
	commit()
	check("0.1.0-dev+2.gHASH")
	git("tag", "v0.1.0-rc.1")
	check("0.1.0-rc.1")
	commit()
	check("0.1.0-rc.1+1.gHASH")
	git("tag", "-m", "release", "v0.1.0")
	check("0.1.0")
	if err := os.WriteFile(filepath.Join(tree, "new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	check("0.1.0+dirty")
	debian = debian[:len(debian)-1] // of what is no commit there is no order
	if err := os.Remove(filepath.Join(tree, "new")); err != nil {
		t.Fatal(err)
	}
	commit()
	commit()
	check("0.1.0+2.gHASH")
	git("tag", "v0.1.1")
	check("0.1.1")
	if got := run(t, tree, "env", "VERSION=9", "scripts/version"); got != "0.1.1\n" {
		t.Errorf("a VERSION that may be anybody's makes it %s", got)
	}
	if got := run(t, tree, "env", "VERSION=v9.0.0", "REVISION=abc", "TIME=2026-01-02T03:04:05Z", "scripts/version", "--env"); got !=
		"VERSION=9.0.0\nREVISION=abc\nTIME=2026-01-02T03:04:05Z\nSOURCE_DATE_EPOCH=1767323045\n" {
		t.Errorf("what is told from outside is\n%s", got)
	}
	for i := range debian[1:] {
		run(t, "", "dpkg", "--compare-versions", debian[i], "lt", debian[i+1])
	}
}
