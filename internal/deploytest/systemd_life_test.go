package deploytest

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The service is active when every worker accepts, not before. It is shut in, and works: publishing, playing, and the commands that find the server by its
// run folder, of root and of its own user.
func TestSystemdStart(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.run("systemctl", "start", "rtmp-edge")
	contains(t, s.run("rtmp-edge", "healthcheck", "--all"), "2 of 2 workers")
	s.has("ActiveState", "active")
	s.has("StatusText", "2 workers")
	s.publishes()
	s.plays()
	for _, who := range []string{"root", "rtmp-edge"} {
		out := s.run("setpriv", "--reuid="+who, "--regid="+who, "--clear-groups", "rtmp-edge", "zone")
		contains(t, out, "live/stream")
	}
	if n := len(s.workers()); n != 2 {
		t.Errorf("%d workers", n)
	}
	s.environmentIsClean()
}

// environmentIsClean demands that workers don't have what systemd wrote for the master.
func (s service) environmentIsClean() {
	s.t.Helper()
	for _, pid := range s.workers() {
		environment := s.run("cat", fmt.Sprintf("/proc/%d/environ", pid))
		if !strings.Contains(environment, "RTMPEDGE_RUN_DIR=") { // else it isn't theirs
			s.t.Errorf("worker %d: %q", pid, environment)
		}
		for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_"} {
			if strings.Contains(environment, name) {
				s.t.Errorf("worker %d has %s in its environment", pid, name)
			}
		}
	}
}

// A worker that hangs before it accepts keeps the service from being active. To stop one in time is a matter of luck: the test starts the service until it
// had some.
func TestSystemdStartWaits(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	var stopped int
	await(t, "a worker that is stopped before it accepts", func() bool {
		s.run("systemctl", "start", "--no-block", "rtmp-edge")
		stopped = s.stopEarly()
		if stopped != 0 && s.property("ActiveState") == "activating" {
			return true
		}
		if stopped != 0 {
			_ = syscall.Kill(stopped, syscall.SIGCONT)
		}
		s.run("systemctl", "stop", "rtmp-edge")
		return false
	})
	await(t, "the other worker", func() bool { return strings.Contains(s.sinceStart(), `msg="worker ready"`) })
	for range 5 {
		s.has("ActiveState", "activating")
	}
	if err := syscall.Kill(stopped, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.awaits("ActiveState", "active")
}

// sinceStart is the journal of the process that runs now.
func (s service) sinceStart() string {
	return s.run("journalctl", "--no-pager", "--quiet", "--unit", "rtmp-edge", "_PID="+strconv.Itoa(s.main()))
}

// stopEarly stops the first child of the service's process that it sees, as this machine numbers them, and returns its pid; 0 if the service is up before.
func (s service) stopEarly() int {
	for s.property("ActiveState") == "activating" {
		for _, worker := range childrenOf(s.pid, "rtmp-edge") {
			if syscall.Kill(worker, syscall.SIGSTOP) == nil {
				return worker
			}
		}
	}
	return 0
}

// childrenOf returns the workers below a root's process 1, by their names: children of a child of that name.
func childrenOf(pid int, name string) []int {
	var workers []int
	for _, master := range children(pid) {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", master))
		if err == nil && strings.TrimSpace(string(comm)) == name {
			workers = append(workers, children(master)...)
		}
	}
	return workers
}

// children returns the children of a process.
func children(pid int) []int {
	var all []int
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name())) // it may be gone
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}

// A configuration that is wrong keeps the service from starting; systemctl says so, and the journal and the status why. It is not tried again.
func TestSystemdBadConfiguration(t *testing.T) {
	t.Parallel()
	s := newService(t, "\nrtmp:\n  lisen: [1935]\n")
	if out, err := s.try("systemctl", "start", "rtmp-edge"); err == nil {
		t.Fatalf("it started: %s", out)
	}
	const reason = systemdConfig + ":4: "
	contains(t, s.journal("rtmp-edge"), reason)
	contains(t, s.property("StatusText"), reason)
	s.has("ActiveState", "failed")
	s.has("ExecMainStatus", "78")
	s.has("NRestarts", "0")
}

// Whom the service stops is told, and it ends in its time, and well.
func TestSystemdStop(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.run("systemctl", "start", "rtmp-edge")
	s.publishes()
	s.plays()
	gone := make(chan error, 1)
	s.net(func() {
		player := command(t, "", "ffmpeg", "-nostdin", "-loglevel", "error", "-i", systemdPlay, "-f", "null", "-")
		if err := player.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { gone <- player.Wait() }()
	})
	await(t, "the player", func() bool {
		return strings.Contains(s.ask(http.MethodGet, "/api/v1/sessions?state=playing"), `"total":1,`)
	})
	workers := s.workers()
	s.run("systemctl", "stop", "rtmp-edge")
	if err := <-gone; err != nil {
		t.Errorf("the player: %v", err)
	}
	s.has("ActiveState", "inactive")
	s.has("Result", "success")
	s.has("ExecMainStatus", "0")
	contains(t, s.journal("rtmp-edge"), "reason=shutdown")
	if slices.ContainsFunc(workers, s.lives) {
		t.Error("a worker is left")
	}
	if s.exists("/run/rtmp-edge") {
		t.Error("the run folder is left")
	}
}

// The server may take as long to stop as it is configured to, and not only as long as the unit says: it asks systemd for the time.
func TestSystemdStopTakesItsTime(t *testing.T) {
	t.Parallel()
	s := newService(t, "shutdown_timeout: 4s\n")
	s.override("rtmp-edge.service", "[Service]\nTimeoutStopSec=1s\n")
	s.run("systemctl", "start", "rtmp-edge")
	s.kill("STOP", s.workers()[0])
	s.run("systemctl", "stop", "rtmp-edge")
	s.has("Result", "exit-code") // not timeout
	s.has("ExecMainStatus", "3") // the master has killed the worker that hung
}
