package deploytest

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// A namespace is a server that is the first process of a PID namespace, as in a container, with none of a container's other walls.
type namespace struct {
	t         *testing.T
	cmd       *exec.Cmd // unshare, whose child is the first process, and whose exit code is that one's
	log       *lockedBuffer
	rtmp, api string // addresses
	runDir    string
}

// lockedBuffer is what a process has written until now.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all of it.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newNamespace starts the server; args are those of `rtmp-edge run`.
func newNamespace(t *testing.T, args ...string) *namespace {
	t.Helper()
	n := unready(t, args...)
	n.start()
	return n
}

// unready is newNamespace, but for the start.
func unready(t *testing.T, args ...string) *namespace {
	t.Helper()
	n := &namespace{t: t, log: new(lockedBuffer), rtmp: loopback(freePort(t)), api: loopback(freePort(t)), runDir: filepath.Join(t.TempDir(), "run")}
	n.cmd = command(t, "", "unshare", append([]string{"--pid", "--fork", "--mount-proc", "--kill-child", binary(t), "run"}, args...)...)
	n.cmd.Env = append(os.Environ(), "RTMPEDGE_WORKERS=2", "RTMPEDGE_RTMP_LISTEN="+n.rtmp, "RTMPEDGE_HTTP_LISTEN="+n.api, "RTMPEDGE_RUN_DIR="+n.runDir)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	return n
}

func (n *namespace) start() {
	n.t.Helper()
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = n.cmd.Cancel()
		_ = n.cmd.Wait()
		if n.t.Failed() {
			n.t.Log(n.log.String())
		}
	})
	await(n.t, "the server in the namespace", func() bool { return statusOf("http://"+n.api+"/readyz") == http.StatusOK })
}

// processes returns the first process, the master below it, and its workers.
func (n *namespace) processes() (first, master int, workers []int) {
	n.t.Helper()
	await(n.t, "both workers", func() bool {
		below := children(n.cmd.Process.Pid)
		if len(below) != 1 {
			return false
		}
		first = below[0]
		if below = children(first); len(below) != 1 {
			return false
		}
		master = below[0]
		workers = children(master)
		return len(workers) == 2
	})
	return first, master, workers
}

// ends waits for the end, and checks the exit code. When the first process has ended, nothing lives below it.
func (n *namespace) ends(want int, below ...int) {
	n.t.Helper()
	_ = n.cmd.Wait() // the state says it
	if code := n.cmd.ProcessState.ExitCode(); code != want {
		n.t.Errorf("exit code %d, want %d", code, want)
	}
	for _, pid := range below {
		if syscall.Kill(pid, 0) == nil {
			n.t.Errorf("process %d lives on", pid)
		}
	}
}
