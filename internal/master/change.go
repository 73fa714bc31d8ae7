package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
)

// answerTime is how long a worker may take to make ready for another configuration, or to make it hold. One that takes longer hangs.
const answerTime = 2 * time.Second

var (
	// errStarting says that a worker is just being started.
	errStarting = errors.New("master: a worker is starting")
	// errHangs says that a worker does not answer.
	errHangs = errors.New("master: a worker does not answer")
	// errDeaf says that a worker has not answered since it was told something last: it can't be told anything else.
	errDeaf = errors.New("master: a worker has not answered yet to what it was told before")
	// errRefused says that a worker can't run with a configuration.
	errRefused = errors.New("master: a worker refuses the configuration")
)

// A change is another configuration on its way to all workers, in two steps. First each prepares: it does everything that can fail, and answers. Only
// when all have done so are they told that it holds, which can't fail. A worker that ends in between is no matter: its successor is started with
// the one configuration or the other. One that hangs in the first step calls the change off; in the second it is told, and will find that when it goes on.
type change struct {
	m         *Master
	number    int
	processes map[int]*process // by worker
	asked     []*process       // to prepare
}

// newChange numbers a change. Called with exchange held.
func (m *Master) newChange() *change {
	m.changes++
	return &change{m: m, number: m.changes, processes: m.processes()}
}

// reach tells whether all workers can be told anything now.
func (c *change) reach() error {
	for worker, p := range c.processes {
		if !p.isReady() {
			return fmt.Errorf("%w: worker %d", errStarting, worker)
		}
		if p.asked.Load() || p.owes() {
			return fmt.Errorf("%w: worker %d, process %d", errDeaf, worker, p.cmd.Process.Pid)
		}
	}
	return nil
}

// prepare has all workers make ready, with the new sockets.
func (c *change) prepare(cfg *config.Config, fresh *sockets) error {
	for worker, p := range c.processes {
		msg := handover.Prepare{Change: c.number, Config: cfg}
		var files []*os.File
		for _, s := range fresh.worker[worker] {
			msg.Sockets = append(msg.Sockets, s.Socket)
			files = append(files, s.file)
		}
		if err := p.ask(handover.KindPrepare, c.number, msg, files...); err != nil {
			return fmt.Errorf("process %d: %w", p.cmd.Process.Pid, err)
		}
		c.asked = append(c.asked, p)
	}
	return c.await()
}

// await waits for the answers of all workers that live, and returns what is wrong with them.
func (c *change) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	var errs []error
	for worker, p := range c.processes {
		answer, err := p.answered(ctx)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%w: worker %d, process %d", err, worker, p.cmd.Process.Pid))
		case answer.Error != "":
			errs = append(errs, fmt.Errorf("%w: worker %d: %s", errRefused, worker, answer.Error))
		}
	}
	return errors.Join(errs...)
}

// abort has the workers forget what they have prepared; until they say that they have, as Answer of the negative number, they can't be told anything else.
// Who was not asked is told nothing: one that hangs would never take it from the socket.
func (c *change) abort() {
	for _, p := range c.asked {
		_ = p.ask(handover.KindAbort, -c.number, handover.Change{Change: c.number}) // who can't be told is dying
	}
}

// commit makes the change hold on all workers.
func (c *change) commit() {
	for _, p := range c.processes {
		_ = p.ask(handover.KindCommit, c.number, handover.Change{Change: c.number}) // likewise
	}
	if err := c.await(); err != nil {
		c.m.log.Warn("reload: a worker has not said yet that it runs with the new configuration", logging.Error, err)
	}
}

// isReady tells whether the process has begun to accept.
func (p *process) isReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// An answering is what a process owes the master.
type answering struct {
	answers chan handover.Answer // has a place for one

	mu   sync.Mutex
	owed int // number of what is to be answered; 0: nothing is; guarded by mu
}

// owes tells whether the process has not answered yet.
func (a *answering) owes() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.owed != 0
}

// owe notes what is to be answered from now on. An answer that nobody has waited for is forgotten.
func (a *answering) owe(number int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owed = number
	select {
	case <-a.answers:
	default:
	}
}

// answer takes the process' answer, if it is to what was asked last.
func (a *answering) answer(given handover.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	unread := given.Change == handover.Unread && a.owed > 0 // to prepare; else it is late
	if a.owed == 0 || a.owed != given.Change && !unread {
		return
	}
	a.owed = 0
	a.answers <- given // owe has made the place
}

// ask sends what is to be answered. One that can't be told is dying.
func (p *process) ask(kind handover.Kind, number int, body any, files ...*os.File) error {
	p.owe(number)
	err := p.control.Send(kind, body, files...)
	if dying(err) {
		return nil
	}
	if err != nil {
		p.owe(0)
	}
	return err
}

// answered waits for the answer to what was asked last. Of a process that has ended none is wanted.
func (p *process) answered(ctx context.Context) (handover.Answer, error) {
	select {
	case a := <-p.answers:
		return a, nil
	case <-p.exited:
		return handover.Answer{}, nil
	case <-ctx.Done():
	}
	select {
	case a := <-p.answers: // it came while another one's was waited for
		return a, nil
	default:
		return handover.Answer{}, errHangs
	}
}
