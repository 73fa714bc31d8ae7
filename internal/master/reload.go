package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const (
	// resizeTime bounds how long publishers may have to wait while the zone is exchanged. A worker that has not followed by then is stuck.
	resizeTime = 2 * time.Second
	// settleTime is how long a reload waits for workers that are just starting, or have not heard of the last zone yet.
	settleTime  = 5 * time.Second
	settlePause = 50 * time.Millisecond
)

var (
	// errStarting says that a worker is just being started.
	errStarting = errors.New("master: a worker is starting")
	// errDeaf says that a worker has not answered since it was told of the last zone: it can't be told of another.
	errDeaf = errors.New("master: a worker does not answer")
)

// Reload asks for the configuration file to be read again, and for what has changed in it to be applied as far as that can be done without a
// restart. It returns at once. However often it is called during one reload, one more follows.
func (m *Master) Reload() {
	select {
	case m.reloads <- struct{}{}:
	default: // one that has not begun will read the file as it is now
	}
}

func (m *Master) reloadWhenAsked(ctx context.Context) {
	for {
		select {
		case <-m.reloads:
			ok := m.reload(ctx)
			m.tellReloaded(ok)
		case <-ctx.Done():
			return
		}
	}
}

// reload tells whether the file could be read, and applied as far as that is possible.
func (m *Master) reload(ctx context.Context) (ok bool) {
	m.log.Info("reloading", "file", m.opts.ConfigFile)
	next, err := m.load()
	if err != nil {
		for _, problem := range problems(err) {
			m.log.Error("reload refused, nothing changes", logging.Error, problem)
		}
		return false
	}
	resize := false
	var later []string // keys
	for _, key := range config.Diff(&m.file, next) {
		switch key {
		case "stream_zone.buckets", "stream_zone.streams":
			resize = true
		default:
			later = append(later, key)
		}
	}
	if len(later) > 0 {
		m.log.Warn("reload: not applied until a restart", "keys", strings.Join(later, ", "))
	}
	switch {
	case resize:
		return m.resize(ctx, next.StreamZone)
	case len(later) == 0:
		m.log.Info("reload: nothing changed")
	}
	return true
}

// load reads the configuration file, and judges it as a start does.
func (m *Master) load() (*config.Config, error) {
	next, err := config.Load(m.opts.ConfigFile)
	if err != nil {
		return nil, err
	}
	judged := *next
	if judged.RunDir == "" {
		judged.RunDir = m.cfg.RunDir
	}
	return next, m.judge(&judged)
}

// problems takes an error of the configuration apart, as each part is a line.
func problems(err error) []error {
	var all config.Errors
	if errors.As(err, &all) {
		return all.Unwrap()
	}
	return []error{err}
}

// resize gives the zone other sizes, with all the streams in it. Publishers that come or go meanwhile wait.
func (m *Master) resize(ctx context.Context, to config.StreamZone) (ok bool) {
	var done streamzone.Resized
	var err error
	was := m.file.StreamZone
	for begun := time.Now(); ; {
		done, err = m.exchangeZone(to)
		settling := errors.Is(err, streamzone.ErrSlotEmpty) || errors.Is(err, errStarting) || errors.Is(err, errDeaf)
		if !settling || time.Since(begun) > settleTime || ctx.Err() != nil {
			break
		}
		time.Sleep(settlePause) // nobody tells when a worker has joined
	}
	switch {
	case err != nil && ctx.Err() != nil:
		m.log.Info("the stream zone is not resized: the server stops", logging.Error, err)
		return false
	case err != nil:
		m.log.Error("the stream zone is not resized, the old one stays: "+advice(err), logging.Error, err,
			"asked_buckets", to.Buckets, "asked_streams", to.Streams, "buckets", was.Buckets, "streams", was.Streams,
			"live", m.keeper.Zone().State().Live)
		return false
	}
	m.file.StreamZone.Buckets, m.file.StreamZone.Streams = to.Buckets, to.Streams
	m.log.Info("stream zone resized", "buckets", to.Buckets, "streams", to.Streams, "was_buckets", was.Buckets, "was_streams", was.Streams,
		"live", done.Live, "publishers_waited", done.Frozen.Round(time.Microsecond))
	return true
}

// exchangeZone tries it once. No worker is started meanwhile.
func (m *Master) exchangeZone(to config.StreamZone) (streamzone.Resized, error) {
	if !m.exchange.TryLock() { // to wait for a start that hangs would keep all others from starting
		return streamzone.Resized{}, errStarting
	}
	defer m.exchange.Unlock()
	running := m.processes()
	for worker, p := range running {
		if p.asked.Load() {
			return streamzone.Resized{}, fmt.Errorf("%w: worker %d, process %d", errDeaf, worker, p.cmd.Process.Pid)
		}
	}
	z := &m.cfg.StreamZone
	sizes := streamzone.Config{Buckets: to.Buckets, Streams: to.Streams, NameMax: z.NameMax}
	done, err := m.keeper.Resize(sizes, resizeTime, func(f *os.File) error {
		var errs []error
		for _, p := range running {
			errs = append(errs, p.follow(f))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return done, err
	}
	runtime.GC()                                  // with which our mapping of the old zone goes; its memory, when the workers' have gone too
	z.Buckets, z.Streams = to.Buckets, to.Streams // for the workers that are started from now on
	if err := m.link.publish(m.keeper.File()); err != nil {
		m.log.Warn("rtmp-edge zone will not find the stream zone", logging.Error, err)
	}
	return done, nil
}

// advice says what to do about a resize that was refused.
func advice(err error) string {
	switch {
	case errors.Is(err, streamzone.ErrTooSmall):
		return "ask for more room than what lives takes, or reload again when fewer streams live"
	case errors.Is(err, streamzone.ErrNotFollowed), errors.Is(err, errDeaf):
		return "see why the worker hangs, end it if need be, and reload again"
	case errors.Is(err, streamzone.ErrSlotEmpty), errors.Is(err, errStarting):
		return "reload again when all workers are up"
	default:
		return "see the error, and reload again"
	}
}
