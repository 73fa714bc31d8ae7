package deploytest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestInitEndsInOrder(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			first, master, workers := n.processes()
			sendSignal(t, first, s)
			n.ends(0, append(workers, master)...)
			if log := n.log.String(); strings.Count(log, "stopping in order") != 1 || strings.Contains(log, "stopping at once") || !strings.Contains(log, "msg=stopped") {
				t.Error("it did not end in order")
			}
		})
	}
}

// The second signal ends at once: with a publisher that doesn't go, as one that is stopped.
func TestInitSecondSignal(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	first, _, workers := n.processes()
	for _, pid := range workers {
		sendSignal(t, pid, syscall.SIGSTOP) // so that they can't end in order
	}
	sendSignal(t, first, syscall.SIGTERM)
	await(t, "the first signal", func() bool { return strings.Contains(n.log.String(), "stopping in order") })
	sendSignal(t, first, syscall.SIGTERM)
	n.ends(3, workers...)
	if !strings.Contains(n.log.String(), "stopping at once") {
		t.Error("the second signal did not come")
	}
}

// A master that is killed ends the namespace: its workers, which are orphans then, with it.
func TestInitMasterKilled(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	_, master, workers := n.processes()
	sendSignal(t, master, syscall.SIGKILL)
	n.ends(128+9, workers...)
}

// Processes that have lost their parent come to the first one, which reaps them: none stays as a zombie. They are made as a health check leaves them, that
// is killed when it takes too long.
func TestInitReapsOrphans(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	first, master, _ := n.processes()
	const orphans = 20
	for range orphans {
		run(t, "", "nsenter", "--target", fmt.Sprint(first), "--pid", "--mount", "sh", "-c", "(sleep 0.1 & true)")
	}
	await(t, "the end of all orphans", func() bool {
		left := children(first)
		return len(left) == 1 && left[0] == master
	})
	plays := statusOf("http://" + n.api + "/healthz")
	if plays != http.StatusOK {
		t.Errorf("the server answers %d", plays)
	}
}

// inside runs a command in the namespace, as `docker exec` does.
func (n *namespace) inside(args ...string) string {
	n.t.Helper()
	first, _, _ := n.processes()
	return run(n.t, "", "nsenter", append([]string{"--target", strconv.Itoa(first), "--pid", "--mount"}, args...)...)
}

// The commands find the server below the first process, whose pids are those of the namespace.
func TestInitCommands(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	if out := n.inside(binary(t), "zone", "--run-dir="+n.runDir); !strings.Contains(out, "check: good") || strings.Contains(out, "master 1 ") {
		t.Errorf("rtmp-edge zone: %s", out)
	}
	if out := n.inside(binary(t), "healthcheck", "--all", "--run-dir="+n.runDir); !strings.Contains(out, "2 of 2") {
		t.Errorf("rtmp-edge healthcheck: %s", out)
	}
}

// SIGHUP to the first process is the server's: it reads its configuration again, and nothing ends.
func TestInitPassesReloads(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rtmp-edge.yml")
	write(t, file, "log: {level: info}\n")
	n := newNamespace(t, "-c", file)
	first, master, workers := n.processes()
	write(t, file, "log: {level: debug}\n")
	sendSignal(t, first, syscall.SIGHUP)
	await(t, "the reload", func() bool { return strings.Contains(get("http://"+n.api+"/api/v1/log"), `"debug"`) })
	if f, m, w := n.processes(); f != first || m != master || !sameNumbers(w, workers) {
		t.Errorf("the processes were %d, %d, %v and are %d, %d, %v", first, master, workers, f, m, w)
	}
	sendSignal(t, first, syscall.SIGTERM)
	n.ends(0)
}

// A socket that is handed to the first process, as Podman does with socket activation, is the server's.
func TestInitSockets(t *testing.T) {
	t.Parallel()
	n := unready(t)
	listener, err := net.Listen("tcp", n.rtmp)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n.cmd.ExtraFiles = []*os.File{file}
	n.cmd.Env = append(n.cmd.Env, "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=rtmp")
	n.start()
	publish(t, "rtmp://"+n.rtmp+"/live/cam") // the port is taken: the server can't have bound it
	plays(t, "rtmp://"+n.rtmp+"/live/cam")
}

// A terminal's Ctrl-C is for all processes of the group in front: the server hears of it once, and ends in order.
func TestInitTerminal(t *testing.T) {
	t.Parallel()
	n := unready(t)
	command := strings.Join(n.cmd.Args, " ")
	typed, typing := io.Pipe()
	n.cmd.Path, n.cmd.Args = "/usr/bin/script", []string{"script", "--quiet", "--return", "--command", "exec " + command, "/dev/null"}
	n.cmd.Stdin = typed
	n.start()
	if _, err := typing.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	await(t, "the end", func() bool { return strings.Contains(n.log.String(), "msg=stopped") })
	if log := n.log.String(); strings.Count(log, "stopping in order") != 1 || strings.Contains(log, "stopping at once") {
		t.Error("it did not end in order")
	}
	if err := typing.Close(); err != nil {
		t.Error(err)
	}
	n.ends(0)
}
