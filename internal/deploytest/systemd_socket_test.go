package deploytest

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A connection to a socket that systemd listens on starts the server, which takes it, and that socket in its place for what it has configured.
func TestSystemdSocketStarts(t *testing.T) {
	t.Parallel()
	s := newService(t, "rtmp: {listen: [1935, 1937, \"unix:/run/rtmp-edge.sock\"]}\n")
	s.override("rtmp-edge.socket", "[Socket]\nListenStream=/run/rtmp-edge.sock\nListenStream=127.0.0.1:8080\nSocketUser=rtmp-edge\nSocketMode=0600\n")
	s.run("systemctl", "start", "rtmp-edge.socket")
	s.has("ActiveState", "inactive")
	if err := s.handshake("tcp", "127.0.0.1:1935"); err != nil {
		t.Error(err)
	}
	s.awaits("ActiveState", "active")
	for address, network := range map[string]string{
		"[::1]:1935": "tcp", "127.0.0.1:1937": "tcp", // the latter is the server's own
		fmt.Sprintf("/proc/%d/root/run/rtmp-edge.sock", s.pid): "unix",
	} {
		if err := s.handshake(network, address); err != nil {
			t.Error(err)
		}
	}
	contains(t, s.ask(http.MethodGet, "/healthz"), "ok")
	s.publishes()
	s.plays()
	s.environmentIsClean()
	s.run("systemctl", "restart", "rtmp-edge.service")
	if err := s.handshake("unix", fmt.Sprintf("/proc/%d/root/run/rtmp-edge.sock", s.pid)); err != nil { // the file is systemd's
		t.Error(err)
	}
	s.run("systemctl", "stop", "rtmp-edge.socket", "rtmp-edge.service")
	s.has("Result", "success")
}

// A socket that is not configured is a mistake that the server does not start with: clients would wait there for ever.
func TestSystemdSocketNotConfigured(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.override("rtmp-edge.socket", "[Socket]\nListenStream=1999\n")
	s.run("systemctl", "start", "rtmp-edge.socket")
	if out, err := s.try("systemctl", "start", "rtmp-edge.service"); err == nil {
		t.Errorf("it started: %s", out)
	}
	contains(t, s.journal("rtmp-edge"), "systemd listens on 1999 for us")
	s.has("ExecMainStatus", "78")
	s.has("NRestarts", "0")
}

// A restart refuses nobody, however long it takes: who comes meanwhile waits for the successor. (Who is let in by a server that ends at that moment may be
// sent away, as anybody who is in.)
func TestSystemdSocketRestarts(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.override("rtmp-edge.service", "[Service]\nExecStartPre=sh -c 'until [ -e /run/go ]; do sleep 0.05; done'\n")
	s.write("/run/go", "", 0o644)
	s.run("systemctl", "start", "rtmp-edge.socket", "rtmp-edge.service")
	v := s.visit(4)
	for range 3 {
		v.more(20)
		s.remove("/run/go")
		s.run("systemctl", "restart", "--no-block", "rtmp-edge.service")
		s.awaits("SubState", "start-pre") // the old one is gone, the next has not begun
		answers := make(chan error)
		const waiting = 20
		for range waiting {
			nc, err := s.knock("tcp", "127.0.0.1:1935")
			if err != nil {
				t.Fatal(err)
			}
			go func() { answers <- shake(nc) }()
		}
		s.has("SubState", "start-pre")
		s.write("/run/go", "", 0o644)
		for range waiting {
			if err := <-answers; err != nil {
				t.Errorf("a connection that waited: %v", err)
			}
		}
		s.awaits("ActiveState", "active")
	}
	v.more(20)
	v.end()
	s.has("NRestarts", "0")
}

// A worker that drains takes nobody in, and leaves the socket that it shares to the others.
func TestSystemdSocketDrain(t *testing.T) {
	t.Parallel()
	s := newService(t, "")
	s.run("systemctl", "start", "rtmp-edge.socket", "rtmp-edge.service")
	for _, drained := range []int{0, 1} {
		path := fmt.Sprintf("/api/v1/workers/%d/drain", drained)
		contains(t, s.ask(http.MethodPut, path), `"state":"draining"`)
		if err := s.handshake("tcp", "127.0.0.1:1935"); err != nil { // by either: it may have been on its way
			t.Error(err)
		}
		before := s.accepted()
		const visits = 100
		for range visits {
			if err := s.handshake("tcp", "127.0.0.1:1935"); err != nil {
				t.Fatal(err)
			}
		}
		after := s.accepted()
		if after[drained] != before[drained] || after[1-drained] != before[1-drained]+visits {
			t.Errorf("worker %d drains; accepted, by worker, were %v and are %v", drained, before, after)
		}
		contains(t, s.ask(http.MethodDelete, path), `"state":"ready"`)
	}
}

// accepted is how many connections of RTMP each worker has taken.
func (s service) accepted() [2]int {
	s.t.Helper()
	var n [2]int
	for _, found := range regexp.MustCompile(`(?m)^rtmpedge_connections_accepted_total\{(.*)\} (\d+)$`).FindAllStringSubmatch(s.ask(http.MethodGet, "/metrics"), -1) {
		for worker := range n {
			if strings.Contains(found[1], `protocol="rtmp"`) && strings.Contains(found[1], fmt.Sprintf("worker=%q", strconv.Itoa(worker))) {
				n[worker], _ = strconv.Atoi(found[2])
			}
		}
	}
	return n
}
