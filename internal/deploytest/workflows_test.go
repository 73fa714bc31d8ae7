package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The workflows are ones that GitHub takes, with the types of all their expressions, and what shellcheck thinks of their scripts.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repo, ".github", "workflows", "*.yml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("workflows: %q, %v", files, err)
	}
	actionlint := goTool(t, "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
	shellcheck, err := exec.LookPath("shellcheck") // which actionlint would do without
	if err != nil {
		t.Fatal(err)
	}
	run(t, "", actionlint, "-shellcheck="+shellcheck, "-pyflakes=")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		workflow(t, filepath.Base(file), string(content))
	}
}

var (
	uses   = regexp.MustCompile(`(?m)^[\s-]*uses: (.*)$`)
	pinned = regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// workflow demands what actionlint has no opinion of: actions are pinned to commits, with the version beside; by default a workflow may only read.
func workflow(t *testing.T, name, content string) {
	t.Helper()
	found := uses.FindAllStringSubmatch(content, -1)
	for _, use := range found {
		if !strings.HasPrefix(use[1], "./") && !pinned.MatchString(use[1]) {
			t.Errorf("%s uses %s, which is no commit with its version", name, use[1])
		}
	}
	if len(found) == 0 {
		t.Errorf("%s uses no action", name)
	}
	if !strings.Contains(content, "\npermissions:\n  contents: read\n\n") {
		t.Errorf("%s does not begin with the permission to read", name)
	}
	if strings.Contains(content, "pull_request_target") {
		t.Errorf("%s runs what strangers send with this repository's rights", name)
	}
}

// The scripts that make releases and packages, and those that packages run, are without what shellcheck knows to go wrong.
func TestShellcheck(t *testing.T) {
	t.Parallel()
	run(t, "", "shellcheck", "--external-sources", ".ci/run", "scripts/version", "scripts/release", "scripts/build-deb", "scripts/internal/release.sh")
	run(t, "", "shellcheck", "--shell=sh", "deploy/debian/postinst", "deploy/debian/prerm", "deploy/debian/postrm")
}

// What the continuous integration runs is there, and so is what its release makes.
func TestWorkflowsRunWhatIsThere(t *testing.T) {
	t.Parallel()
	for file, wants := range map[string][]string{
		"ci.yml": {"- run: .ci/run\n", "go-version-file: go.mod\n"},
		"release.yml": {
			"uses: ./.github/workflows/ci.yml\n", "- run: make release\n", "dist/SHA256SUMS\n", "scripts/version",
			"file: deploy/Dockerfile\n", "linux/amd64,linux/arm64",
		},
	} {
		content, err := os.ReadFile(filepath.Join(repo, ".github", "workflows", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(content), want) {
				t.Errorf("%s lacks %q", file, want)
			}
		}
	}
	for _, path := range []string{".ci/run", "scripts/release", "scripts/version", "deploy/Dockerfile"} {
		if _, err := os.Stat(filepath.Join(repo, path)); err != nil {
			t.Error(err)
		}
	}
	dockerfile, err := os.ReadFile(filepath.Join(repo, "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{"VERSION", "REVISION", "TIME"} {
		if !strings.Contains(string(dockerfile), "\nARG "+arg+"\n") {
			t.Errorf("the workflow gives the image's build %s, which it does not take", arg)
		}
	}
}
