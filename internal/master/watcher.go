package master

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// Inherited are listening sockets that somebody else has bound.
type Inherited interface {
	// Take returns n descriptors of the socket of an address, which become the caller's; none, if none is inherited for it.
	Take(a multiport.Addr, n int) ([]*os.File, error)
	// Rest returns an error that names those that nobody has taken, if there are any.
	Rest() error
}

// A Watcher is told what the server does, by goroutines that wait for it.
type Watcher interface {
	// Ready is called once, when all workers accept; Workers from then on, whenever another number of them does.
	Ready(workers int)
	Workers(up, of int)
	// Reloading is called when a reload begins, and Reloaded when it has ended.
	Reloading()
	Reloaded(handover.Outcome)
	// Stopping is called when the server begins to end, which may take so long.
	Stopping(within time.Duration)
}

// nobody watches.
type nobody struct{}

// Ready implements Watcher.
func (nobody) Ready(int) {}

// Workers implements Watcher.
func (nobody) Workers(int, int) {}

// Reloading implements Watcher.
func (nobody) Reloading() {}

// Reloaded implements Watcher.
func (nobody) Reloaded(handover.Outcome) {}

// Stopping implements Watcher.
func (nobody) Stopping(time.Duration) {}

// tellWorkers tells how many workers accept, once all have done so.
func (m *Master) tellWorkers() {
	if !m.wasReady.Load() {
		return
	}
	m.telling.Lock() // so that what is told last is what was counted last
	defer m.telling.Unlock()
	up := 0
	for _, p := range m.processes() {
		if p.isReady() {
			up++
		}
	}
	m.opts.Watcher.Workers(up, m.workers)
}

// replaceTime is how long it may take at most until a process that has ended is off the list.
const replaceTime = 10 * time.Second

// errStuck says that nobody sees to a worker.
var errStuck = errors.New("master: a worker that has ended is not replaced")

// Alive returns an error if the master does not do its work. It says nothing about workers: they are the master's to judge.
func (m *Master) Alive() error {
	for worker, p := range m.processes() {
		select {
		case <-p.exited:
			if time.Since(p.died) > replaceTime {
				return fmt.Errorf("%w: worker %d, process %d", errStuck, worker, p.cmd.Process.Pid)
			}
		default:
		}
	}
	return nil
}
