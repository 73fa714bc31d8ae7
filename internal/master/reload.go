package master

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const (
	// settleTime is how long a reload waits for workers that are just starting, or have not heard of the last one yet.
	settleTime  = 5 * time.Second
	settlePause = 50 * time.Millisecond
)

// A requests is who wants a reload. However many come during one reload, one more follows for all of them.
type requests struct {
	wanted chan struct{} // one reload may wait while one is done
	asking chan func(handover.Outcome)
}

// maxAsking is how many may wait for the outcome of the next reload.
const maxAsking = 256

func newRequests() requests {
	return requests{make(chan struct{}, 1), make(chan func(handover.Outcome), maxAsking)}
}

// Reload asks for the configuration to be loaded again, and for what has changed in it to be applied: see docs/configuration.md. It returns at once.
func (m *Master) Reload() {
	select {
	case m.requests.wanted <- struct{}{}:
	default: // one that has not begun will read the file as it is now
	}
}

// reloadFor is Reload for somebody who wants the outcome.
func (m *Master) reloadFor(tell func(handover.Outcome)) {
	select {
	case m.requests.asking <- tell: // before it is wanted, so that this one is told
		m.Reload()
	default:
		tell(handover.Outcome{Error: "too many wait for a reload already"})
	}
}

func (m *Master) reloadWhenAsked(ctx context.Context) {
	for {
		select {
		case <-m.requests.wanted:
			var asking []func(handover.Outcome)
			for len(m.requests.asking) > 0 {
				asking = append(asking, <-m.requests.asking)
			}
			m.opts.Watcher.Reloading()
			o := m.reload(ctx)
			m.tellReloaded(o.OK())
			m.opts.Watcher.Reloaded(o)
			for _, tell := range asking {
				tell(o)
			}
		case <-ctx.Done():
			return
		}
	}
}

// reload loads the configuration, and makes all workers run with it, or none.
func (m *Master) reload(ctx context.Context) handover.Outcome {
	m.log.Info("reloading", "file", m.opts.ConfigFile)
	ch, err := m.load()
	if err != nil {
		o := handover.Outcome{}
		for _, problem := range problems(err) {
			m.log.Error("reload refused, nothing changes", logging.Error, problem)
			o.Problems = append(o.Problems, problem.Error())
		}
		return o
	}
	o := handover.Outcome{Applied: ch.Applied, Restart: ch.Restart}
	for _, l := range ch.Kept {
		o.Kept = append(o.Kept, l.Addr.String())
	}
	if len(ch.Applied) > 0 {
		if err := m.applySoon(ctx, ch); err != nil {
			m.log.Error("reload: nothing is applied: "+advice(err), logging.Error, err)
			return handover.Outcome{Error: err.Error() + ": " + advice(err)}
		}
		m.log.Info("reload: applied", "keys", strings.Join(ch.Applied, ", "))
	}
	if len(ch.Restart) > 0 {
		what := []any{"keys", strings.Join(ch.Restart, ", ")}
		if len(o.Kept) > 0 {
			what = append(what, "listened_on", strings.Join(o.Kept, ", "))
		}
		m.log.Warn("reload: not applied until a restart", what...)
	}
	if ch.Nothing() {
		m.log.Info("reload: nothing changed")
	}
	return o
}

// load reads the configuration, judges it as a start does, and tells what becomes of it.
func (m *Master) load() (*config.Change, error) {
	next, err := config.LoadAgain(m.opts.ConfigFile)
	if err != nil {
		return nil, err
	}
	if err := m.judge(m.resolved(next)); err != nil {
		return nil, err
	}
	ch, err := m.file.ChangeTo(next)
	if err != nil {
		return nil, err
	}
	return ch, nil
}

// resolved is a configuration with what the master found out at the start filled in.
func (m *Master) resolved(written *config.Config) *config.Config {
	cfg := *written
	if cfg.RunDir == "" {
		cfg.RunDir = m.config().RunDir
	}
	return &cfg
}

// maxProblems is how many are told of one configuration. Who has more has written something else.
const maxProblems = 100

// problems takes an error of the configuration apart, as each part is a line.
func problems(err error) []error {
	var all config.Errors
	if !errors.As(err, &all) || errors.Is(err, config.ErrCollides) {
		return []error{err}
	}
	each := all.Unwrap()
	if more := len(each) - maxProblems; more > 0 {
		each = append(each[:maxProblems:maxProblems], fmt.Errorf("… and %d more", more))
	}
	return each
}

// applySoon applies a change as soon as workers that are just starting have started.
func (m *Master) applySoon(ctx context.Context, ch *config.Change) error {
	for begun := time.Now(); ; {
		err := m.apply(ch)
		settling := errors.Is(err, streamzone.ErrSlotEmpty) || errors.Is(err, errStarting) || errors.Is(err, errDeaf)
		if !settling || time.Since(begun) > settleTime || ctx.Err() != nil {
			return err
		}
		time.Sleep(settlePause) // nobody tells when a worker has joined
	}
}

// apply makes everybody run with what ch says, or changes nothing. No worker is started meanwhile: it would have the old configuration, and join the old zone.
func (m *Master) apply(ch *config.Change) error {
	if !m.exchange.TryLock() { // to wait for a start that hangs would keep all others from starting
		return errStarting
	}
	defer m.exchange.Unlock()
	old := m.config()
	next := *ch.Config
	next.RunDir, next.Workers = old.RunDir, old.Workers
	c := m.newChange()
	if err := c.reach(); err != nil {
		return err
	}
	var fresh *sockets
	var err error
	m.link.unlocked(func() { fresh, err = bind(old.Added(&next), m.workers, nil, m.log) })
	if err != nil {
		return err
	}
	if n := 1 + len(m.sockets.worker[0]) + len(fresh.worker[0]); n > handover.MaxFiles { // no worker could be started any more
		return errors.Join(fmt.Errorf("%w: %d", errTooMany, n), fresh.close())
	}
	if err := c.prepare(&next, fresh); err != nil {
		c.abort()
		return errors.Join(err, fresh.discard())
	}
	if next.StreamZone != old.StreamZone {
		if err := m.resize(old.StreamZone, next.StreamZone, c.processes); err != nil {
			c.abort()
			return errors.Join(err, fresh.discard())
		}
	}
	m.cfg.Store(&next)
	m.file = *ch.Config
	m.sockets.join(fresh)
	c.commit()
	if next.RTMP.Limits.Connections > old.RTMP.Limits.Connections {
		m.checkDescriptors()
	}
	if m.opts.LogLevel != nil && slices.Contains(ch.Applied, "log.level") {
		m.opts.LogLevel.Set(next.Log.SlogLevel())
	}
	return nil
}

// errTooMany says that a worker would have more sockets than can be handed over.
var errTooMany = errors.New("master: too many addresses to listen on")

// advice says what to do about a change that can't be applied.
func advice(err error) string {
	switch {
	case errors.Is(err, streamzone.ErrTooSmall):
		return "ask for more room than what lives takes, or reload again when fewer streams live"
	case errors.Is(err, streamzone.ErrNotFollowed), errors.Is(err, errHangs), errors.Is(err, errDeaf):
		return "see why the worker hangs, end it if need be, and reload again"
	case errors.Is(err, errTooMany):
		return "remove some: those that are removed go with a restart"
	case errors.Is(err, streamzone.ErrSlotEmpty), errors.Is(err, errStarting):
		return "reload again when all workers are up"
	default:
		return "put that right, and reload again"
	}
}
