package deploytest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
)

// A root is a small Debian of its own, with a systemd as process 1: in namespaces of its own, of processes, mounts, names, IPC and network. Ports, files and
// processes there are nobody else's. Its memory is its disk, and all of it goes when the test ends, however that is.
type root struct {
	t   *testing.T
	pid int            // of its process 1, here
	in  io.WriteCloser // what boot writes to
	fs  *os.Root       // its files, as process 1 has them
}

// roots numbers them.
var roots atomic.Int64

// newRoot makes a root in which nothing runs yet. Files can be put there and commands run; boot starts systemd.
func newRoot(t *testing.T) *root {
	t.Helper()
	base, err := baseFolder()
	if err != nil {
		t.Fatalf("the test root's system: %v", err)
	}
	group := fmt.Sprintf("rtmp-edge-test-%d-%d", os.Getpid(), roots.Add(1))
	r := &root{t: t}
	r.start(exec.Command("sh", "testdata/root.sh", base, t.TempDir(), group), func() { removeGroup(t, group) })
	if r.fs, err = os.OpenRoot(fmt.Sprintf("/proc/%d/root", r.pid)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.fs.Close() })
	return r
}

// start starts process 1 of new namespaces, which makes the root, and waits until it is made. It is killed when the test is over, and ended called then.
func (r *root) start(cmd *exec.Cmd, ended func()) {
	r.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL, Setsid: true,
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	wait, err := startKept(cmd)
	if err != nil {
		r.t.Fatalf("make a test root, for which one must be root: %v", err)
	}
	kill := func() {
		_ = cmd.Process.Kill() // and the kernel all that is in there
		wait()
	}
	if _, err := io.ReadFull(out, make([]byte, len("made\n"))); err != nil {
		kill()
		r.t.Fatalf("make a test root, for which one must be root: %v\n%s", err, errs.String())
	}
	r.t.Cleanup(func() {
		kill()
		ended()
	})
	r.pid, r.in = cmd.Process.Pid, in
}

// startKept starts a command that is killed when this process dies. For the kernel it is the thread that counts: one is kept until the command ends.
func startKept(cmd *exec.Cmd) (wait func(), err error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return func() { <-ended }, <-started
}

// removeGroup removes the control groups of a root that is gone.
func removeGroup(t *testing.T, name string) {
	const script = `mount --make-rprivate / && mount -t cgroup2 cgroup "$0" && find "$0/$1" -depth -type d -exec rmdir {} +`
	cmd := exec.Command("sh", "-c", script, t.TempDir(), name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("remove the test root's control group: %v\n%s", err, out)
	}
}
