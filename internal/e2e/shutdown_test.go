package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// SIGTERM and SIGINT end the server in order: players and publishers are told, then the connections end. (SIGHUP: TestReloadSays, TestBuiltInDefaults.)
func TestOrderlyShutdown(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, options{})
			first, _ := s.goLive(t, 0, "live/last")
			other, _ := s.goLive(t, 3, "live/other")
			var viewers []*player
			for _, place := range everywhere(s) {
				viewers = append(viewers, play(t, s.rtmpURL(place, "live/last")))
			}
			waiting := play(t, s.rtmpURL(2, "live/nobody"))
			s.awaitPlayers(t, "live/nobody", 1)
			for _, v := range viewers {
				v.awaitRun(soon, first.source.run)
			}

			s.signal(sig)
			began := time.Now()
			s.waitStopped(s.opt.shutdownTimeout + time.Second)
			t.Logf("down after %v", time.Since(began))
			for _, v := range viewers {
				if codes := v.awaitEnd(soon); !slices.Contains(codes, rtmp.CodePlayUnpublishNotify) {
					t.Errorf("%s was told %v, not %s", v.name, codes, rtmp.CodePlayUnpublishNotify)
				}
			}
			waiting.awaitEnd(soon)
			for _, p := range []*publisher{first, other} {
				if codes := p.told(soon); len(codes) == 0 {
					t.Error("a publisher was not told why its connection ended")
				}
			}
		})
	}
}

// An idle server ends at once.
func TestShutdownIdle(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.signal(syscall.SIGTERM)
	s.waitStopped(s.opt.shutdownTimeout)
}

// Nobody reads the log any more: the server goes on, and still ends in order.
func TestLogReaderGoes(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	s.log.hangUp(t)
	killWorker(t, pids[1]) // which is logged
	waitFor(t, soon, "a new worker 1", func() string {
		if next := s.pids(t); next[1] == pids[1] || next[0] != pids[0] {
			return fmt.Sprintf("pids are %v, were %v", next, pids)
		}
		return ""
	})
	s.signal(syscall.SIGTERM)
	s.waitStopped(s.opt.shutdownTimeout)
}

// stuckPlayer lets a player that never reads watch a stream which fills its socket.
func (s *server) stuckPlayer(t *testing.T) {
	t.Helper()
	publisher := publish(t, s.rtmpURL(0, "live/stuck"))
	publisher.source.bitrate(20_000_000)
	publisher.headers()
	publisher.send(messagesPerSecond)
	playStalled(t, s.rtmpURL(1, "live/stuck"))
	s.awaitPlayers(t, "live/stuck", 1)
	publisher.send(10 * messagesPerSecond)
}

// A player that does not read cannot hold the shutdown up beyond its timeout.
func TestShutdownWithStalledPlayer(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "stall_timeout: 60s", shutdownTimeout: 3 * time.Second})
	s.stuckPlayer(t)
	s.signal(syscall.SIGTERM)
	s.waitStopped(s.opt.shutdownTimeout + time.Second)
}

// A second signal does not wait for the shutdown that the first began: here, for a worker that is stopped.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	s := start(t, options{shutdownTimeout: time.Minute})
	stopWorker(t, s.pids(t)[1])
	s.signal(syscall.SIGTERM)
	s.log.wait(t, soon, "msg=stopping", 1)
	if s.hasExited() {
		t.Fatal("the master did not wait for its workers")
	}
	s.signal(syscall.SIGTERM)
	s.ended = true
	waitClosed(t, soon, "the master's end", s.exited)
	waitClosed(t, soon, "the end of the stopped worker", s.log.ended)
	if left := socketsIn(t, s.runDir); len(left) > 0 {
		t.Errorf("unix sockets left behind: %v", left)
	}
}

// A worker that is stopped, and so cannot end in order, does not hold the shutdown up beyond its timeout.
func TestShutdownWithStoppedWorker(t *testing.T) {
	t.Parallel()
	s := start(t, options{shutdownTimeout: 2 * time.Second})
	stopWorker(t, s.pids(t)[2])
	s.signal(syscall.SIGTERM)
	waitClosed(t, s.opt.shutdownTimeout+soon/3, "the master's end", s.exited)
	s.ended = true
	waitClosed(t, soon, "the end of the stopped worker", s.log.ended)
	if left := socketsIn(t, s.runDir); len(left) > 0 {
		t.Errorf("unix sockets left behind: %v", left)
	}
}

// A run that finds the sockets of a killed one starts all the same.
func TestStartAfterKill(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.signal(os.Kill)
	waitClosed(t, soon, "the master's end", s.exited)
	waitClosed(t, soon, "the end of every worker", s.log.ended)
	s.exec(s.cmd.Args[1:]...)
	s.log.wait(t, 2*soon, "msg=ready", 1)
	s.goLive(t, 0, "live/again")
}

// The same at once, while the killed master's workers still say goodbye: their addresses are free before they have ended.
func TestStartWhileOrphansEnd(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "stall_timeout: 60s"})
	s.stuckPlayer(t)
	s.signal(os.Kill)
	waitClosed(t, soon, "the master's end", s.exited)
	waitFor(t, s.opt.shutdownTimeout, "free addresses", func() string {
		for worker := range workers {
			for _, addr := range []string{s.rtmpAddr(worker), fmt.Sprintf("127.0.0.1:%d", s.httpPort(worker))} {
				if nc, err := net.Dial("tcp", addr); err == nil {
					nc.Close()
					return addr + " still answers"
				}
			}
		}
		return ""
	})
	select {
	case <-s.log.ended:
		t.Fatal("no worker is left that could hold an address")
	default:
	}
	orphans := s.log.ended
	s.exec(s.cmd.Args[1:]...)
	s.log.wait(t, 2*soon, "msg=ready", 1)
	s.goLive(t, 0, "live/again")
	waitClosed(t, s.opt.shutdownTimeout+soon, "the orphans' end", orphans)
}

// stopWorker leaves a worker alive but deaf. The signal takes effect a moment later, in one thread after the other.
func stopWorker(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("kill -STOP %d: %v", pid, err)
	}
	waitFor(t, soon, "the stop of every thread", func() string {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("no threads of process %d: %v", pid, err)
		}
		for _, file := range threads {
			stat, err := os.ReadFile(file)
			if err != nil {
				return err.Error()
			}
			// The state stands behind the name, which is in parentheses (proc_pid_stat(5)).
			if _, state, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(state, "T") {
				return file + ": " + state
			}
		}
		return ""
	})
}
