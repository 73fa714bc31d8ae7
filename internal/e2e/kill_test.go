package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The owner of a stream is killed while players watch on two other workers. They stay connected, and go on as soon as it
// is published again, to another worker.
func TestKillOwner(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	first, sending := s.goLive(t, 0, "live/survive")
	players := []*player{play(t, s.rtmpURL(1, "live/survive")), play(t, s.rtmpURL(2, "live/survive"))}
	for _, p := range players {
		p.awaitRun(soon, first.source.run)
		p.awaitMore(soon, 100)
	}

	killWorker(t, pids[0])
	waitClosed(t, soon, "the end of the publisher", sending.done)
	// Worker 3 has no part in the stream, worker 2 has relayed it; then the one that was killed.
	for _, owner := range []int{3, 2, 0} {
		publisher, live := s.goLiveAgain(t, owner, "live/survive")
		for _, p := range players {
			p.awaitRun(soon, publisher.source.run)
			p.awaitMore(soon, 100)
		}
		if err := live.stop(); err != nil {
			t.Errorf("publisher on worker %d: %v", owner, err)
		}
		publisher.end()
	}
	for _, p := range players {
		p.check()
	}
}

// The same with ffmpeg at both ends.
func TestKillOwnerFFmpeg(t *testing.T) {
	const frames = 200
	s := start(t, options{})
	pids := s.pids(t)
	first := ffmpegPublish(t, s.rtmpURL(0, "live/survive"))
	players := []*ffmpegPlayer{
		ffmpegPlay(t, s.rtmpURL(1, "live/survive"), frames),
		ffmpegPlay(t, s.rtmpURL(2, "live/survive"), frames),
	}
	for _, p := range players {
		p.awaitFrames(2*soon, 50)
	}
	killWorker(t, pids[0])
	waitClosed(t, soon, "the end of the publisher", first.done)

	again := ffmpegPublish(t, s.rtmpURL(3, "live/survive"))
	for _, p := range players {
		p.wait(ffmpegTime(frames))
		p.check(frames)
	}
	again.mustRun()
}

// A worker with players is killed. It is respawned on its slot and serves new ones; meanwhile no connection is refused,
// and the others' players see nothing of it.
func TestKillPlayersWorker(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	publisher, sending := s.goLive(t, 0, "live/steady")
	bystanders := []*player{play(t, s.rtmpURL(0, "live/steady")), play(t, s.rtmpURL(2, "live/steady"))}
	victim := play(t, s.rtmpURL(1, "live/steady"))
	for _, p := range append(bystanders, victim) {
		p.awaitRun(soon, publisher.source.run)
	}

	dials := dialAllTheTime(t, s.rtmpAddr(shared), s.rtmpAddr(1))
	for range 3 {
		killWorker(t, pids[1])
		waitClosed(t, soon, "the end of the killed worker's player", victim.ended)
		victim = play(t, s.rtmpURL(1, "live/steady"))
		victim.awaitRun(2*soon, publisher.source.run)
		victim.awaitMore(soon, 50)
		next := s.pids(t)
		if next[1] == pids[1] || next[0] != pids[0] || next[2] != pids[2] || next[3] != pids[3] {
			t.Fatalf("pids were %v and are %v", pids, next)
		}
		pids = next
	}
	dials()
	for _, p := range bystanders {
		p.check()
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
}

// The master is killed: its workers end, all of them.
func TestKillMaster(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	_, sending := s.goLive(t, 0, "live/orphan")
	viewer := play(t, s.rtmpURL(1, "live/orphan"))
	viewer.awaitMore(soon, 50)
	s.signal(syscall.SIGKILL)
	waitClosed(t, soon, "the master's end", s.exited)
	var exit *exec.ExitError
	if !errors.As(s.exitErr, &exit) {
		t.Errorf("the master was to be killed, but ended with %v", s.exitErr)
	}
	s.ended = true
	waitClosed(t, soon, "the end of every worker", s.log.ended)
	waitClosed(t, soon, "the end of the publisher", sending.done)
	waitClosed(t, soon, "the end of the player", viewer.ended)
}

func killWorker(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill -9 %d: %v", pid, err)
	}
}

// dialAllTheTime connects to each address again and again until the returned function is called, which fails the test
// when a connection was refused.
func dialAllTheTime(t *testing.T, addrs ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var dialing sync.WaitGroup
	var dials atomic.Int64
	failures := make(chan error, len(addrs))
	for _, addr := range addrs {
		dialing.Go(func() {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for ; ctx.Err() == nil; <-tick.C {
				dialer := net.Dialer{Timeout: soon}
				conn, err := dialer.Dial("tcp", addr)
				if err != nil {
					failures <- fmt.Errorf("dial number %d: %w", dials.Load(), err)
					return
				}
				conn.Close()
				dials.Add(1)
			}
		})
	}
	t.Cleanup(dialing.Wait)
	t.Cleanup(cancel)
	return func() {
		t.Helper()
		cancel()
		dialing.Wait()
		close(failures)
		for err := range failures {
			t.Error(err)
		}
		t.Logf("%d dials", dials.Load())
		if dials.Load() < 100 {
			t.Error("too few dials to tell")
		}
	}
}
