package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// The pause before a worker that died is replaced: none the first time, then from minPause on doubled to maxPause; one that lived for
// steadyAfter is forgiven.
const (
	minPause    = 100 * time.Millisecond
	maxPause    = 5 * time.Second
	steadyAfter = 10 * time.Second
	// startTries is how many processes may die before the server was ever ready, until the master gives up.
	startTries = 3
	// A process that is reaped already may hold its slot's lock a moment longer: while somebody reads its memory map in /proc.
	busyTime  = 2 * time.Second
	busyPause = 5 * time.Millisecond
)

// grace is the part of the shutdown timeout that workers are not told of: then those are killed that are not done.
func grace(timeout time.Duration) time.Duration { return min(timeout/10, time.Second) }

// backoff is the pause before the nth replacement in a row.
func backoff(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(minPause<<min(n-1, 10), maxPause)
}

// supervise keeps one worker running until ctx ends, and then ends it. It returns an error when the worker never came up, or had to be killed.
func (m *Master) supervise(ctx context.Context, worker int) error {
	deaths := 0 // in a row
	for restarts := 0; ; restarts++ {
		born := time.Now()
		p, err := m.start(worker, restarts)
		reason := metrics.RestartStart
		if err == nil {
			err = m.watch(ctx, worker, p)
			m.ended(worker)
			reason = p.reason
		}
		if e := m.reclaim(worker); e != nil {
			m.log.Error("the dead worker's slot can't be taken back; trying again", logging.Worker, worker, logging.Error, e)
			err = errors.Join(err, e)
		}
		if ctx.Err() != nil {
			if errors.Is(err, ErrKilled) {
				return err
			}
			return nil // it ended, by our word or by the same signal
		}
		m.record.ended(worker, reason)
		if time.Since(born) > steadyAfter {
			deaths = 0
		}
		pause := backoff(deaths)
		deaths++
		if !m.wasReady.Load() && deaths >= startTries {
			return fmt.Errorf("%w: worker %d died %d times: %w", ErrStart, worker, deaths, err)
		}
		m.log.Error("worker died", logging.Worker, worker, "cause", err, "lived", time.Since(born).Round(time.Millisecond), "restart_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// start opens the worker's slot and starts its process there. The zone must not be exchanged in between: who joins the old one is lost.
func (m *Master) start(worker, restarts int) (*process, error) {
	m.exchange.RLock()
	defer m.exchange.RUnlock()
	slot := worker // one process of a worker at a time
	epoch, err := m.keeper.OpenSlot(slot)
	if err != nil {
		return nil, err
	}
	files := []*os.File{m.keeper.File()}
	ends, reload := m.record.of(worker)
	start := handover.Start{
		Worker: worker, Slot: slot, Epoch: epoch, Workers: m.workers, Restarts: restarts, Ends: ends, Reload: reload, Config: m.config(),
	}
	for _, s := range m.sockets.worker[worker] {
		start.Sockets = append(start.Sockets, s.Socket)
		files = append(files, s.file)
	}
	executable := m.opts.Executable
	if executable == "" {
		executable = self()
	}
	p, err := spawn(executable, start, files, m.reloadFor)
	if err == nil {
		m.started(worker, p)
		if _, now := m.record.of(worker); !now.At.Equal(reload.At) { // who reloaded meanwhile did not know of this process
			p.news.tell(p.control, now)
		}
	}
	return p, err
}

// self returns this program's file; when that was replaced meanwhile, what we run, under a name less telling to ps.
func self() string {
	const running = "/proc/self/exe"
	path, err := os.Executable()
	if err != nil {
		return running
	}
	file, err := os.Stat(path)
	if err != nil {
		return running
	}
	if ours, err := os.Stat(running); err != nil || !os.SameFile(file, ours) {
		return running
	}
	return path
}

// watch waits for the process' end, which it brings about when ctx ends or the master is to kill.
func (m *Master) watch(ctx context.Context, worker int, p *process) error {
	ready := p.ready
	for {
		select {
		case <-ready:
			ready = nil
			m.workerReady(worker, p.cmd.Process.Pid)
		case <-p.exited:
			return errors.New(p.state)
		case <-ctx.Done():
			return m.end(worker, p)
		}
	}
}

// end stops a process in order, or kills it when that takes too long.
func (m *Master) end(worker int, p *process) error {
	timeout := m.config().ShutdownTimeout
	go p.stop(timeout - grace(timeout)) // which waits, if one that hangs has left no room in the socket between us
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-p.exited:
		return nil
	case <-late.C:
	case <-m.killNow:
	}
	p.kill()
	<-p.exited
	m.log.Warn("worker killed", logging.Worker, worker)
	return fmt.Errorf("%w: worker %d", ErrKilled, worker)
}

// reclaim ends the existence of a dead process' streams and takes its nodes back.
func (m *Master) reclaim(slot int) error {
	err := m.keeper.CloseSlot(slot)
	for begun := time.Now(); errors.Is(err, streamzone.ErrSlotBusy) && time.Since(begun) < busyTime; {
		time.Sleep(busyPause) // nothing tells when the kernel is done
		err = m.keeper.CloseSlot(slot)
	}
	if err != nil {
		return err
	}
	n, err := m.keeper.Sweep(slot)
	if n > 0 {
		m.log.Info("streams of a dead worker reclaimed", "slot", slot, "streams", n)
	}
	return err
}
