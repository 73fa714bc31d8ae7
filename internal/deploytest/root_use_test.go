package deploytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// boot starts systemd, and waits until all is up. Nothing may have failed.
func (r *root) boot() {
	r.t.Helper()
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("the test root's journal:\n%s", r.journal(""))
		}
	})
	var state string
	await(r.t, "the test root to boot", func() bool {
		state, _ = r.try("systemctl", "is-system-running")
		state = strings.TrimSpace(state)
		return state == "running" || state == "degraded"
	})
	if state != "running" {
		r.t.Fatalf("the test root is %s:\n%s", state, r.run("systemctl", "--failed"))
	}
}

// run runs a command in there, as root, and returns what it printed. If it fails, so does the test.
func (r *root) run(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try is run of a command that may fail.
func (r *root) try(args ...string) (out string, err error) {
	r.t.Helper()
	var b bytes.Buffer
	cmd := r.command(args...)
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	return b.String(), err
}

// command is one that runs in there.
func (r *root) command(args ...string) *exec.Cmd {
	r.t.Helper()
	return command(r.t, "", "nsenter", r.enter(args...)...)
}

// enter are the arguments of nsenter to run a command in there.
func (r *root) enter(args ...string) []string {
	enter := []string{"--target", strconv.Itoa(r.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"}
	enter = append(enter, "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8")
	return append(enter, args...)
}

// journal returns what a unit and its processes wrote, or "" for all. It can be asked for when the test is over.
func (r *root) journal(unit string) string {
	r.t.Helper()
	args := []string{"journalctl", "--no-pager", "--quiet"}
	if unit != "" {
		args = append(args, "--unit", unit)
	}
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", r.enter(args...)...).CombinedOutput()
	if err != nil {
		r.t.Errorf("journalctl: %v\n%s", err, out)
	}
	return string(out)
}

// copyIn copies a file in there, with its folders. Paths begin at the root of there.
func (r *root) copyIn(from, to string, mode fs.FileMode) {
	r.t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(to, string(content), mode)
}

// write writes a file in there, in place of the one there may be.
func (r *root) write(to, content string, mode fs.FileMode) {
	r.t.Helper()
	name := strings.TrimPrefix(to, "/")
	err := r.fs.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = r.fs.WriteFile(name+".new", []byte(content), mode)
	}
	if err == nil {
		err = errors.Join(r.fs.Chmod(name+".new", mode), r.fs.Rename(name+".new", name))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// remove removes a file in there.
func (r *root) remove(name string) {
	r.t.Helper()
	if err := r.fs.Remove(strings.TrimPrefix(name, "/")); err != nil {
		r.t.Fatal(err)
	}
}

// exists tells whether there is such a file in there.
func (r *root) exists(name string) bool {
	_, err := r.fs.Lstat(strings.TrimPrefix(name, "/"))
	return err == nil
}

// net calls f in the network of there: what f itself starts or dials finds the servers of there, on 127.0.0.1. What it has goroutines do is outside.
func (r *root) net(f func()) {
	r.t.Helper()
	if err := r.enterNet(f); err != nil {
		r.t.Fatal(err)
	}
}

// dial connects to a server in there. It is a net.Dialer's, or a http.Transport's, DialContext.
func (r *root) dial(ctx context.Context, network, address string) (nc net.Conn, err error) {
	if e := r.enterNet(func() { nc, err = new(net.Dialer).DialContext(ctx, network, address) }); e != nil {
		return nil, e
	}
	return nc, err
}

// enterNet is net for any goroutine.
func (r *root) enterNet(f func()) error {
	inside, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", r.pid))
	if err != nil {
		return err
	}
	defer inside.Close()
	runtime.LockOSThread()
	outside, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err == nil {
		defer outside.Close()
		err = unix.Setns(int(inside.Fd()), unix.CLONE_NEWNET)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread() // else the runtime ends the thread with this goroutine
		}
	}()
	f()
	return nil
}
