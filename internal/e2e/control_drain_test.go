package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// listeners counts the sockets that listen on a port of IPv4 (proc_net_tcp(5): state 0A).
func listeners(t testing.TB, port int) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) && fields[3] == "0A" {
			n++
		}
	}
	return n
}

// awaitListeners waits until so many workers listen on both shared ports.
func (s *server) awaitListeners(t testing.TB, want int) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%d listening sockets", want), func() string {
		if rtmp, http := listeners(t, s.base), listeners(t, s.base+1); rtmp != want || http != want {
			return fmt.Sprintf("%d for RTMP, %d for HTTP", rtmp, http)
		}
		return ""
	})
}

// drainAnswer is PUT and DELETE /api/v1/workers/{id}/drain.
type drainAnswer struct {
	coverage
	State   string
	Workers []struct {
		Worker  int
		Outcome string
	}
}

// A worker that is drained gets no new connections; its sessions go on, and nobody is refused on the shared ports, neither then nor when it
// takes connections again.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	api := newAPIClient(t, s)
	publisher, sending := s.goLive(t, 0, "live/drained")
	players := []*player{play(t, s.rtmpURL(1, "live/drained")), playFLV(t, s.flvURL(1, "live/drained"))}
	for _, p := range players {
		p.awaitRun(soon, publisher.source.run)
	}
	dials := dialAllTheTime(t, s.rtmpAddr(shared), s.rtmpAddr(shared), s.rtmpAddr(shared), strings.TrimPrefix(s.httpURL(shared, ""), "http://"))
	s.awaitAccepted(t, 1, 20)
	for range 2 {
		s.drain(t, api, 1, "done")
		s.drain(t, api, 1, "nothing")
		s.awaitListeners(t, workers-1)
		before := s.accepted(t, 1)
		for _, other := range []int{0, 2, 3} {
			s.awaitAccepted(t, other, 100)
		}
		if late := s.accepted(t, 1) - before; late > 0 {
			t.Errorf("%v connections came to a worker that is drained", late)
		}
		if nc, err := net.Dial("tcp", s.rtmpAddr(1)); err == nil {
			nc.Close()
			t.Error("its own port of RTMP takes connections")
		}
		s.expectReady(t, 1, http.StatusServiceUnavailable, "draining\n")
		for _, p := range players {
			p.awaitMore(soon, messagesPerSecond)
		}
		var answer drainAnswer
		api.call(1, http.MethodDelete, "/api/v1/workers/1/drain", http.StatusOK, &answer) // its own port of HTTP does
		if answer.State != "ready" {
			t.Errorf("%+v", answer)
		}
		s.awaitListeners(t, workers)
		s.expectReady(t, 1, http.StatusOK, "ok\n")
		s.awaitAccepted(t, 1, 20)
	}
	dials()
	for _, p := range players {
		p.awaitMore(soon, 10)
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
}

// A worker that dies while it is drained is followed by one that takes connections.
func TestDrainOfTheDead(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	api := newAPIClient(t, s)
	pids := s.pids(t)
	dials := dialAllTheTime(t, s.rtmpAddr(shared), s.rtmpAddr(shared), s.rtmpAddr(shared))
	for range 2 {
		s.drain(t, api, 2, "done")
		s.awaitListeners(t, workers-1)
		killWorker(t, pids[2])
		waitFor(t, 2*soon, "its successor", func() string {
			var answer struct {
				Worker struct {
					PID   int
					State string
				}
			}
			if err := s.get(0, "/api/v1/workers/2", &answer); err != nil {
				return err.Error()
			}
			if answer.Worker.PID == pids[2] || answer.Worker.State != "ready" {
				return fmt.Sprintf("%+v", answer)
			}
			pids[2] = answer.Worker.PID
			return ""
		})
		s.awaitListeners(t, workers)
		s.awaitAccepted(t, 2, 20)
		nc, err := net.Dial("tcp", s.rtmpAddr(2))
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
	}
	dials()
}

// The last worker that is ready stays so, unless whoever drains it insists. Then its own ports of HTTP still take calls.
func TestDrainTheLast(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	api := newAPIClient(t, s)
	s.drain(t, api, 0, "done")
	s.awaitListeners(t, 1)
	var refused struct{ Detail string }
	api.call(shared, http.MethodPut, "/api/v1/workers/1/drain", http.StatusConflict, &refused)
	if !strings.Contains(refused.Detail, "no worker but 1 is ready") {
		t.Error(refused.Detail)
	}
	var answer drainAnswer
	api.call(shared, http.MethodPut, "/api/v1/workers/1/drain?force=true", http.StatusOK, &answer)
	s.awaitListeners(t, 0)
	if nc, err := net.Dial("tcp", s.rtmpAddr(shared)); err == nil {
		nc.Close()
		t.Error("nobody is ready, and somebody takes connections")
	}
	for worker := range 2 {
		api.call(1, http.MethodDelete, fmt.Sprintf("/api/v1/workers/%d/drain", worker), http.StatusOK, &answer)
	}
	s.awaitListeners(t, 2)
	publisher, _ := s.goLive(t, shared, "live/last")
	play(t, s.rtmpURL(shared, "live/last")).awaitRun(soon, publisher.source.run)
}

// drain drains a worker.
func (s *server) drain(t testing.TB, api *apiClient, worker int, outcome string) {
	t.Helper()
	var answer drainAnswer
	api.call(shared, http.MethodPut, fmt.Sprintf("/api/v1/workers/%d/drain", worker), http.StatusOK, &answer)
	if len(answer.Workers) != 1 || answer.Workers[0].Worker != worker || answer.Workers[0].Outcome != outcome || answer.State != "draining" {
		t.Errorf("%+v, want %s", answer, outcome)
	}
}

// expectReady asks a worker on its own port.
func (s *server) expectReady(t testing.TB, worker, status int, text string) {
	t.Helper()
	got, body, err := s.call(worker, http.MethodGet, "/readyz")
	if err != nil || got != status || string(body) != text {
		t.Errorf("/readyz of worker %d: %d %q %v", worker, got, body, err)
	}
}
