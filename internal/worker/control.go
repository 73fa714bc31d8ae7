package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
)

// untilStop waits for the master's word, its end, or a SIGTERM to this process alone, and returns how long the end may take, and whether the
// master is gone. It goes on doing what the master asks while this process ends because of a signal.
func (w *Worker) untilStop(control *handover.Conn) (within time.Duration, orphan bool) {
	asked, gone := make(chan handover.Stop, 1), make(chan error, 1)
	go func() {
		if stop, err := w.obey(control); err != nil {
			gone <- err
		} else {
			asked <- stop
		}
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	select {
	case stop := <-asked:
		return stop.Within, false
	case err := <-gone:
		w.log.Error("the master is gone", logging.Error, err)
		orphan = true
	case <-signals:
	}
	return w.cfg().ShutdownTimeout, orphan
}

// obey does what the master asks, until that is to stop.
func (w *Worker) obey(control *handover.Conn) (stop handover.Stop, err error) {
	defer w.forget() // what nobody will say the word for: its listeners take connections from the kernel already
	for {
		m, err := control.Receive()
		if err != nil {
			return stop, fmt.Errorf("wait for the master's word: %w", err)
		}
		if err := w.change(control, &m); !errors.Is(err, handover.ErrUnexpected) {
			if err != nil {
				return stop, err
			}
			continue
		}
		switch m.Kind {
		case handover.KindZone:
			if err := w.follow(m.Files); err != nil {
				w.log.Error("can't follow to the new stream zone, the old one stays", logging.Error, err)
			}
			if err := control.Send(handover.KindHeard, nil); err != nil {
				return stop, err
			}
		case handover.KindReload:
			closeAll(m.Files)
			var r handover.Reload
			if err := json.Unmarshal(m.Body, &r); err != nil {
				return stop, err
			}
			w.noteReload(r.At, r.OK, r.Loaded)
			if err := control.Send(handover.KindNoted, nil); err != nil {
				return stop, err
			}
		case handover.KindStop:
			closeAll(m.Files)
			err = json.Unmarshal(m.Body, &stop)
			return stop, err
		default:
			closeAll(m.Files)
			return stop, fmt.Errorf("%w: %q", handover.ErrUnexpected, m.Kind)
		}
	}
}

// change obeys what is about another configuration; ErrUnexpected says that m is not.
func (w *Worker) change(control *handover.Conn, m *handover.Message) error {
	switch m.Kind {
	case handover.KindPrepare:
		return w.prepare(control, m)
	case handover.KindCommit:
		closeAll(m.Files)
		return w.commit(control, m)
	case handover.KindAbort:
		closeAll(m.Files)
		return w.abort(control, m)
	case handover.KindTold:
		closeAll(m.Files)
		return w.asks.told(m)
	default:
		return handover.ErrUnexpected
	}
}

// errNoZone says that a message should have had one descriptor.
var errNoZone = errors.New("worker: not one descriptor came for the zone")

// follow readies the worker for another zone. It takes the files.
func (w *Worker) follow(files []*os.File) error {
	defer closeAll(files) // the zone has a description of its own
	if len(files) != 1 {
		return fmt.Errorf("%w: %d", errNoZone, len(files))
	}
	return w.zone.Follow(files[0])
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
