package deploytest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// repo is the root of the tree.
const repo = "../.."

// Bounds of what a test waits for: generous, since nothing is judged by them.
const (
	commandTime = 5 * time.Minute
	awaitTime   = time.Minute
	awaitPause  = 50 * time.Millisecond
)

// scratch is a folder for what all tests share; it is removed in the end.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "rtmp-edge-deploytest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// buildBinary builds the server as releases are built: static, trimmed.
var buildBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "rtmp-edge")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/rtmp-edge")
	cmd.Dir, cmd.Env = repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// binary returns the path of the built server.
func binary(t *testing.T) string {
	t.Helper()
	path, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// command returns a command that runs in dir, the tree's root if that is "", and is killed, with all that it started, when the test is over.
func command(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	if cmd.Dir = dir; dir == "" {
		cmd.Dir = repo
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run runs a command and returns what it printed. If it fails, so does the test.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := try(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// try is run of a command that may fail.
func try(t *testing.T, dir, name string, args ...string) (out string, err error) {
	t.Helper()
	var b bytes.Buffer
	cmd := command(t, dir, name, args...)
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	return b.String(), err
}

// tools has a lock for each Go tool that is being built.
var tools sync.Map

// goTool returns the path of a Go tool, such as "example.com/cmd/tool@v1.2.3". It is built once, and kept in the user's cache.
func goTool(t *testing.T, pkg string) string {
	t.Helper()
	lock, _ := tools.LoadOrStore(pkg, new(sync.Mutex))
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "rtmp-edge", "tools", strings.NewReplacer("/", "_", "@", "_").Replace(pkg))
	if found, _ := filepath.Glob(filepath.Join(dir, "*")); len(found) == 1 {
		return found[0]
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-") //nolint:usetesting // it is renamed, so it must be on the same file system
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, os.TempDir(), "go", "install", pkg)
	cmd.Env = append(os.Environ(), "GOBIN="+fresh, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go install %s: %v\n%s", pkg, err, out)
	}
	if err := os.Rename(fresh, dir); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(found) != 1 {
		t.Fatalf("%s holds %q, not one program", dir, found)
	}
	return found[0]
}

// await waits for cond.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(awaitTime); !cond(); time.Sleep(awaitPause) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, awaitTime)
		}
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
}

// freePort returns a TCP port that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// publish publishes a test picture with sound until the test ends.
func publish(t *testing.T, url string) {
	t.Helper()
	cmd := command(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=44100",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "600", "-f", "flv", url)
	var b bytes.Buffer
	cmd.Stderr = &b
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("ffmpeg, publishing to %s:\n%s", url, b.String())
		}
	})
}

// plays demands that 25 frames can be decoded of what plays there.
func plays(t *testing.T, url string) {
	t.Helper()
	const frames = 25
	cmd := command(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-i", url, "-map", "0:v", "-frames:v", strconv.Itoa(frames), "-f", "framemd5", "-")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("play %s: %v\n%s", url, err, errs.String())
	}
	got := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "#") {
			got++
		}
	}
	if got < frames {
		t.Errorf("play %s: %d frames, want %d\n%s", url, got, frames, errs.String())
	}
}
