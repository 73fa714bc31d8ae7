package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
)

// WorkerCommand is the hidden command that the program is re-executed with.
const WorkerCommand = "worker"

// A process is one worker process.
type process struct {
	cmd     *exec.Cmd
	control *handover.Conn
	ready   chan struct{} // closed when it accepts
	exited  chan struct{} // closed when it is reaped
	state   string        // how it ended; with exited
	died    time.Time     // likewise, when
	asked   atomic.Bool   // it was sent a zone, and has not answered
	reason  string        // likewise, as a label of metrics
	news    news
	answering
}

// spawn starts a worker and hands it what it needs; reload has somebody told of the next reload that it asks for. It is a process group of its own: a terminal's Ctrl-C is for the master.
func spawn(executable string, start handover.Start, files []*os.File, reload func(tell func(handover.Outcome))) (*process, error) {
	control, child, err := handover.Pair()
	if err != nil {
		return nil, err
	}
	p := &process{
		cmd:     exec.Command(executable, WorkerCommand),
		control: control,
		ready:   make(chan struct{}),
		exited:  make(chan struct{}),
	}
	p.answers = make(chan handover.Answer, 1)
	p.cmd.Args[0] = "rtmp-edge" // what ps shows
	p.cmd.Stderr = os.Stderr
	p.cmd.ExtraFiles = []*os.File{child} // becomes handover.ControlFD
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = p.cmd.Start()
	if e := child.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("master: start worker %d: %w", start.Worker, err), control.Close())
	}
	go p.reap()
	if err := control.Send(handover.KindStart, start, files...); err != nil {
		p.kill()
		<-p.exited
		return nil, fmt.Errorf("%s: %w", p.state, err)
	}
	go p.listen(reload)
	return p, nil
}

func (p *process) reap() {
	_ = p.cmd.Wait() // the state says it
	p.state = p.cmd.ProcessState.String()
	p.reason = endReason(p.cmd.ProcessState)
	_ = p.control.Close() // ends listen
	p.died = time.Now()
	close(p.exited)
}

// listen receives what the worker says, to its end.
func (p *process) listen(reload func(tell func(handover.Outcome))) {
	for {
		m, err := p.control.Receive()
		if err != nil {
			return
		}
		for _, f := range m.Files {
			_ = f.Close() // none is expected
		}
		switch m.Kind {
		case handover.KindReady:
			select {
			case <-p.ready:
			default:
				close(p.ready)
			}
		case handover.KindHeard:
			p.asked.Store(false)
		case handover.KindNoted:
			p.news.noted(p.control)
		case handover.KindAnswer:
			var a handover.Answer
			if json.Unmarshal(m.Body, &a) == nil { // else it is as if it did not answer
				p.answer(a)
			}
		case handover.KindAsk:
			var a handover.Ask
			if json.Unmarshal(m.Body, &a) == nil {
				reload(func(o handover.Outcome) { _ = p.control.Send(handover.KindTold, handover.Told{Ask: a.Ask, Outcome: o}) })
			}
		}
	}
}

// follow passes a new zone on to the process. One that is dying need not be told.
func (p *process) follow(zone *os.File) error {
	p.asked.Store(true)
	err := p.control.Send(handover.KindZone, nil, zone)
	if dying(err) {
		return nil
	}
	if err != nil {
		p.asked.Store(false)
		return fmt.Errorf("process %d: %w", p.cmd.Process.Pid, err)
	}
	return nil
}

// dying tells whether a message could not be sent because the process is about to end, or has ended.
func dying(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// stop asks the process to end in order. One that can't be asked is dying already.
func (p *process) stop(within time.Duration) {
	_ = p.control.Send(handover.KindStop, handover.Stop{Within: within})
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it is gone
}
