package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sleeper starts a process that does nothing. It is left to the test to reap it.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

func TestOpenZoneRefuses(t *testing.T) {
	zone := newKeeper(t).File()
	fd := func(pid int, f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", pid, f.Fd()) }
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	other := sleeper(t)
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	isNoServer := func(err error) bool { return errors.Is(err, ErrNoServer) }
	isMoving := func(err error) bool { return errors.Is(err, ErrZoneMoving) }
	isStrange := func(err error) bool { return err != nil && !isNoServer(err) && !isMoving(err) }
	for _, c := range []struct {
		name, target string
		held         bool // by us
		is           func(error) bool
	}{
		{"a server", fd(os.Getpid(), zone), true, func(err error) bool { return err == nil }},
		{"an ended process", fd(ended.Process.Pid, zone), true, isNoServer},
		{"another process with its pid", fd(other.Process.Pid, os.Stdin), true, isNoServer},
		{"another server with its pid", fd(os.Getpid(), zone), false, isNoServer},
		{"a descriptor that is closed", "/proc/" + fmt.Sprint(os.Getpid()) + "/fd/1000000", true, isMoving},
		{"a pipe", fd(os.Getpid(), pipe), true, isMoving},
		{"a file elsewhere", "/etc/passwd", true, isStrange},
		{"a pipe elsewhere", fifo, true, isStrange},
		{"a way around", fmt.Sprintf("/proc/%d/fd/../fd/%d", os.Getpid(), zone.Fd()), true, isStrange},
		{"a pid too large", "/proc/9999999999/fd/1", true, isNoServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Symlink(c.target, filepath.Join(dir, zoneLinkName)); err != nil {
				t.Fatal(err)
			}
			if c.held {
				f, err := os.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
			}
			z, err := OpenZone(dir)
			if !c.is(err) {
				t.Errorf("OpenZone = %v", err)
			}
			if err == nil {
				z.File.Close()
			}
		})
	}
	t.Run("no folder", func(t *testing.T) {
		if _, err := OpenZone(filepath.Join(t.TempDir(), "none")); !isNoServer(err) {
			t.Errorf("OpenZone = %v", err)
		}
	})
	t.Run("no link", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, zoneLinkName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenZone(dir); !isStrange(err) {
			t.Errorf("OpenZone = %v", err)
		}
	})
}

func TestFindRunDirs(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	zone := newKeeper(t).File()
	expect := func(want ...string) {
		t.Helper()
		got, err := FindRunDirs()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("found %q, %v, want %q", got, err, want)
		}
	}
	expect()
	var made []string
	for range 3 { // as a master does that has no run_dir
		dir, cleanup, err := runDir("")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cleanup(); err != nil {
				t.Error(err)
			}
		})
		made = append(made, dir)
	}
	slices.Sort(made)
	expect()
	newLink(t, made[1], zone)
	expect(made[1])
	// Neither a folder that somebody else links to, nor one that doesn't look like ours.
	if err := os.Symlink(made[1], filepath.Join(temp, "rtmp-edge-link")); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(temp, "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	newLink(t, elsewhere, zone)
	expect(made[1])
	// A problem is told when there is nothing better to tell.
	if err := os.Symlink("/etc/passwd", filepath.Join(made[0], zoneLinkName)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeLink(filepath.Join(made[0], zoneLinkName)); err != nil {
			t.Error(err)
		}
	})
	expect(made[1])
	newLink(t, made[2], zone)
	expect(made[1], made[2])
}

func TestFindRunDirsTellsProblems(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	dir := filepath.Join(temp, tempRunDir+"1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, zoneLinkName)); err != nil {
		t.Fatal(err)
	}
	if dirs, err := FindRunDirs(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("found %q, %v", dirs, err)
	}
	t.Setenv("TMPDIR", filepath.Join(temp, "none"))
	if dirs, err := FindRunDirs(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("found %q, %v", dirs, err)
	}
}

func TestProcessState(t *testing.T) {
	c := sleeper(t)
	pid := c.Process.Pid
	await := func(want string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; {
			got := ProcessState(pid, os.Getpid())
			if got == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("it is %s, not %s", got, want)
			}
			time.Sleep(5 * time.Millisecond) // a process has no bell
		}
	}
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := c.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	await(Running)
	if got := ProcessState(pid, AnyParent); got != Running {
		t.Errorf("with any parent it is %s", got)
	}
	if got := ProcessState(pid, os.Getppid()); got != Gone {
		t.Errorf("as another process' child it is %s", got)
	}
	signal(syscall.SIGSTOP)
	await(Stopped)
	signal(syscall.SIGCONT)
	await(Running)
	signal(syscall.SIGKILL)
	await(Gone) // nobody has reaped it yet
	_ = c.Wait()
	await(Gone)
}
