package deploytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stopGrace is how long `docker stop` waits before it kills.
const stopGrace = 10 * time.Second

// A container runs the image as deploy/Dockerfile says to: nothing that it doesn't need. It is on the network of this machine, on ports of its own.
type container struct {
	t          *testing.T
	id         string
	rtmp, http string // addresses
}

// startContainer runs the image with these further settings; flags are Podman's.
func startContainer(t *testing.T, flags ...string) *container {
	t.Helper()
	image := nativeImage(t)
	c := &container{t: t, rtmp: loopback(freePort(t)), http: loopback(freePort(t))}
	args := []string{
		"run", "-d", "--network", "host", "--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges",
		"-e", "RTMPEDGE_WORKERS=2", "-e", "RTMPEDGE_RTMP_LISTEN=" + c.rtmp, "-e", "RTMPEDGE_HTTP_LISTEN=" + c.http,
	}
	c.id = strings.TrimSpace(run(t, "", "podman", slices.Concat(args, limits(t), flags, []string{image})...))
	t.Cleanup(func() {
		if t.Failed() {
			tidy(t, "podman", "logs", c.id)
		}
		tidy(t, "podman", "rm", "-f", "-t", "0", c.id)
	})
	await(t, "the server in the container", func() bool { return statusOf("http://"+c.http+"/readyz") == http.StatusOK })
	return c
}

// limits are flags for the usual limits of a process. Podman's own default raises them, which not every machine lets it.
func limits(t *testing.T) (flags []string) {
	t.Helper()
	for name, which := range map[string]int{"nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC} {
		var have unix.Rlimit
		if err := unix.Getrlimit(which, &have); err != nil {
			t.Fatal(err)
		}
		n := min(have.Max, 4096)
		flags = append(flags, "--ulimit", fmt.Sprintf("%s=%d:%d", name, n, n))
	}
	return flags
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// statusOf returns the status of an answer, or 0.
func statusOf(url string) int {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// exec runs a command of the program in the container.
func (c *container) exec(args ...string) string {
	c.t.Helper()
	return run(c.t, "", "podman", append([]string{"exec", c.id, "rtmp-edge"}, args...)...)
}

// A containerState is what Podman says of the container.
type containerState struct {
	Status        string
	Pid, ExitCode int
	Health        struct{ Status string }
}

func (c *container) state() (s containerState) {
	c.t.Helper()
	out := run(c.t, "", "podman", "inspect", "--format", "{{json .State}}", c.id)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// ended waits for the end, and returns the exit code.
func (c *container) ended() int {
	c.t.Helper()
	code, err := strconv.Atoi(strings.TrimSpace(run(c.t, "", "podman", "wait", c.id)))
	if err != nil {
		c.t.Fatal(err)
	}
	return code
}

// processes returns those of the container, as the machine sees them: the first, the master, and the workers.
func (c *container) processes() (first, master int, workers []int) {
	c.t.Helper()
	first = c.state().Pid
	below := children(first)
	if len(below) != 1 {
		c.t.Fatalf("below the first process there are %v, want the master alone", below)
	}
	master = below[0]
	await(c.t, "both workers", func() bool {
		workers = children(master)
		return len(workers) == 2
	})
	return first, master, workers
}

// sendSignal sends a signal from outside of the container.
func sendSignal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(fmt.Errorf("kill %d: %w", pid, err))
	}
}
