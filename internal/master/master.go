package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"sync/atomic"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// Options of a master.
type Options struct {
	Config     *config.Config
	Logger     *slog.Logger
	Version    string
	Executable string // started as worker; "": this program
	ConfigFile string // where Config comes from, for Reload; "": from no file
	// Ready is called once, when all workers accept.
	Ready func(cfg *config.Config, workers int)
}

// A Master is a running server. Its fields don't change after New, but for what says so.
type Master struct {
	opts    Options
	cfg     *config.Config // with the run folder and the number of workers filled in; its StreamZone is guarded by exchange
	log     *slog.Logger
	workers int

	keeper  *streamzone.Keeper
	sockets *sockets
	link    *zoneLink    // to the zone, for rtmp-edge zone
	cleanup func() error // removes the run folder, if it was made

	killNow  chan struct{} // closed by Kill
	killOnce sync.Once
	wasReady atomic.Bool
	record   record
	reloads  chan struct{} // one Reload may wait while one is done
	file     config.Config // what the server runs with, as it would be written; of the reloading goroutine

	// exchange is held while the zone is exchanged; read-held from the opening of a slot until the file of its zone is sent. Before mu.
	exchange sync.RWMutex
	mu       sync.Mutex
	up       map[int]bool     // workers that have been ready; guarded by mu
	running  map[int]*process // by worker; guarded by mu
}

// New checks what the server needs, makes the zone and binds every socket. Nothing is served before Run.
func New(o Options) (*Master, error) {
	cfg := *o.Config
	m := &Master{
		opts: o, cfg: &cfg, log: o.Logger, workers: cfg.Workers.Count(), killNow: make(chan struct{}),
		reloads: make(chan struct{}, 1), file: cfg, up: map[int]bool{}, running: map[int]*process{},
	}
	m.record.reloaded(true)
	cfg.Workers = config.Workers(m.workers)
	var err error
	if cfg.RunDir, m.cleanup, err = runDir(cfg.RunDir); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, errors.Join(err, m.cleanup())
	}
	z := cfg.StreamZone
	if m.keeper, err = streamzone.Create(streamzone.Config{Buckets: z.Buckets, Streams: z.Streams, NameMax: z.NameMax}); err != nil {
		return nil, errors.Join(fmt.Errorf("stream_zone: %w", err), m.cleanup())
	}
	if m.sockets, err = bind(&cfg, m.workers, m.log); err != nil {
		return nil, errors.Join(err, m.keeper.Close(), m.cleanup())
	}
	if m.link, err = newZoneLink(cfg.RunDir, m.keeper.File()); err != nil {
		return nil, errors.Join(err, m.sockets.close(), m.keeper.Close(), m.cleanup())
	}
	return m, nil
}

// Run starts the workers and keeps them running until ctx ends; then it ends them in order and takes back everything that New made.
func (m *Master) Run(ctx context.Context) error {
	m.log.Info("starting", "version", m.opts.Version, "workers", m.workers, "run_dir", m.cfg.RunDir, "pid", os.Getpid())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	errs := make([]error, m.workers)
	for i := range m.workers {
		wg.Go(func() {
			errs[i] = m.supervise(ctx, i)
			cancel(errs[i]) // one worker that can't start ends the server
		})
	}
	wg.Go(func() { m.reloadWhenAsked(ctx) })
	<-ctx.Done()
	m.log.Info("stopping", "within", m.cfg.ShutdownTimeout)
	wg.Wait()
	err := errors.Join(errors.Join(errs...), m.link.remove(), m.sockets.close(), m.keeper.Close(), m.cleanup())
	m.log.Info("stopped")
	return err
}

// Kill makes Run end at once: the workers are killed. For those who can't wait; only after Run's ctx has ended.
func (m *Master) Kill() { m.killOnce.Do(func() { close(m.killNow) }) }

// started and ended keep the list of the processes that run.
func (m *Master) started(worker int, p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running[worker] = p
}

func (m *Master) ended(worker int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, worker)
}

// processes returns those that run, by worker.
func (m *Master) processes() map[int]*process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.running)
}

func (m *Master) workerReady(worker, pid int) {
	m.log.Info("worker ready", logging.Worker, worker, "pid", pid)
	m.mu.Lock()
	m.up[worker] = true
	all := len(m.up) == m.workers
	m.mu.Unlock()
	if all && m.wasReady.CompareAndSwap(false, true) {
		m.log.Info("ready", "workers", m.workers)
		if m.opts.Ready != nil {
			m.opts.Ready(m.cfg, m.workers)
		}
	}
}
