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
	Executable string         // started as worker; "": this program
	ConfigFile string         // where Config comes from, for Reload; "": from no file
	LogLevel   *slog.LevelVar // of Logger, for Reload; nil: it stays
	// Ready is called once, when all workers accept.
	Ready func(cfg *config.Config, workers int)
	// Watcher is told what the server does; nil: nobody is.
	Watcher Watcher
	// Inherited are sockets that the server was started with; nil: none.
	Inherited Inherited
}

// A Master is a running server. Its fields don't change after New, but for what says so.
type Master struct {
	opts    Options
	cfg     atomic.Pointer[config.Config] // with the run folder and the number of workers filled in; exchanged by a reload, with exchange held
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
	requests requests      // for reloads
	file     config.Config // what the server runs with, as it would be written; of the reloading goroutine

	// exchange is held while the configuration or the zone is exchanged; read-held from the opening of a slot until its process has been told both,
	// and is on the list. Before mu.
	exchange sync.RWMutex
	changes  int        // how many there were; guarded by exchange
	telling  sync.Mutex // held by tellWorkers; before mu
	mu       sync.Mutex
	up       map[int]bool     // workers that have been ready; guarded by mu
	running  map[int]*process // by worker; guarded by mu
}

// New checks what the server needs, makes the zone and binds every socket. Nothing is served before Run.
func New(o Options) (*Master, error) {
	cfg := *o.Config
	if o.Watcher == nil {
		o.Watcher = nobody{}
	}
	m := &Master{
		opts: o, log: o.Logger, workers: cfg.Workers.Count(), killNow: make(chan struct{}),
		requests: newRequests(), file: cfg, up: map[int]bool{}, running: map[int]*process{},
	}
	m.cfg.Store(&cfg)
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
	if m.sockets, err = bindAll(cfg.Listens(), m.workers, o.Inherited, m.log); err != nil {
		return nil, errors.Join(err, m.keeper.Close(), m.cleanup())
	}
	if m.link, err = newZoneLink(cfg.RunDir, m.keeper.File()); err != nil {
		return nil, errors.Join(err, m.sockets.close(), m.keeper.Close(), m.cleanup())
	}
	return m, nil
}

// Run starts the workers and keeps them running until ctx ends; then it ends them in order and takes back everything that New made.
func (m *Master) Run(ctx context.Context) error {
	m.log.Info("starting", "version", m.opts.Version, "workers", m.workers, "run_dir", m.config().RunDir, "pid", os.Getpid())
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
	within := m.config().ShutdownTimeout
	m.log.Info("stopping", "within", within)
	m.opts.Watcher.Stopping(within)
	wg.Wait()
	err := errors.Join(errors.Join(errs...), m.link.remove(), m.sockets.close(), m.keeper.Close(), m.cleanup())
	m.log.Info("stopped")
	return err
}

// config is what the server runs with now.
func (m *Master) config() *config.Config { return m.cfg.Load() }

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
	delete(m.running, worker)
	m.mu.Unlock()
	m.tellWorkers()
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
			m.opts.Ready(m.config(), m.workers)
		}
		m.opts.Watcher.Ready(m.workers)
	}
	m.tellWorkers()
}
