package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/time/rate"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
)

// A prepared change is another configuration that waits for the master's word: everything that could fail is done. It belongs to the goroutine
// that obeys the master.
type prepared struct {
	change    int
	settings  *settings
	listeners []listener // that are added; they accept nothing yet
}

// prepare makes ready for another configuration, and answers whether that can be had. It takes the files.
func (w *Worker) prepare(control *handover.Conn, m *handover.Message) error {
	if m.Lost {
		return control.Send(handover.KindAnswer, handover.Answer{Change: handover.Unread, Error: handover.ErrLost.Error()})
	}
	var p handover.Prepare
	if err := json.Unmarshal(m.Body, &p); err != nil {
		closeAll(m.Files)
		return err
	}
	w.forget()
	answer := handover.Answer{Change: p.Change}
	if err := w.makeReady(&p, m.Files); err != nil {
		answer.Error = err.Error()
	}
	return control.Send(handover.KindAnswer, answer)
}

func (w *Worker) makeReady(p *handover.Prepare, files []*os.File) error {
	if len(files) != len(p.Sockets) {
		closeAll(files)
		return fmt.Errorf("worker: %d descriptors for %d sockets", len(files), len(p.Sockets))
	}
	s, err := w.newSettings(p.Config, w.settings.Load())
	if err != nil {
		closeAll(files)
		return err
	}
	w.prepared = &prepared{change: p.Change, settings: s}
	for i, f := range files {
		l, err := w.takeOver(f, &p.Sockets[i])
		if err != nil {
			closeAll(files[i:])
			w.forget()
			return err
		}
		w.prepared.listeners = append(w.prepared.listeners, l)
	}
	return nil
}

func (p *prepared) close() {
	for _, l := range p.listeners {
		_ = l.Close()
	}
}

// forget drops what is prepared.
func (w *Worker) forget() {
	if w.prepared != nil {
		w.prepared.close()
		if w.prepared.settings.secure.TLS != w.settings.Load().secure.TLS {
			w.tellExpiry()
		}
		w.prepared = nil
	}
}

// abort forgets what is prepared, and says so.
func (w *Worker) abort(control *handover.Conn, m *handover.Message) error {
	var c handover.Change
	if err := json.Unmarshal(m.Body, &c); err != nil {
		return err
	}
	w.forget()
	return control.Send(handover.KindAnswer, handover.Answer{Change: -c.Change})
}

// errNotPrepared says that the master wants what it has not had prepared.
var errNotPrepared = errors.New("worker: this change is not prepared")

// commit makes what is prepared hold, and says so.
func (w *Worker) commit(control *handover.Conn, m *handover.Message) error {
	var c handover.Change
	if err := json.Unmarshal(m.Body, &c); err != nil {
		return err
	}
	p := w.prepared
	if p == nil || p.change != c.Change {
		return fmt.Errorf("%w: %d", errNotPrepared, c.Change)
	}
	w.prepared = nil
	w.apply(p.settings)
	w.servers.add(p.listeners)
	return control.Send(handover.KindAnswer, handover.Answer{Change: c.Change})
}

// apply makes another configuration hold: for connections, publishes and plays that come, and where a bound is looked at each time. What has begun goes on.
func (w *Worker) apply(s *settings) {
	old := w.cfg()
	w.settings.Store(s)
	cfg := s.cfg
	l := &cfg.RTMP.Limits
	w.connections.Set(l.Connections, l.ConnectionsPerAddress)
	w.servers.visitors.places.Set(l.Connections, l.ConnectionsPerAddress)
	w.publishes.Set(l.PublishBurst, l.PublishInterval)
	w.accepts.SetLimit(rate.Limit(l.AcceptRate))
	w.accepts.SetBurst(l.AcceptBurst)
	w.hub.SetBounds(bounds(cfg))
	w.reading.bound(mostGap(cfg))
	w.streamMetrics.SetLimit(cfg.Metrics.Streams)
	w.servers.api.SetAccess(access(cfg))
	if cfg.Log.Level != old.Log.Level { // else one that was set by a control call stays
		w.level.Set(cfg.Log.SlogLevel())
	}
	w.log.Info("configuration applied", "keys", len(config.Diff(old, cfg)))
}
