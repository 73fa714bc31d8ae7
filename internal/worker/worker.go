package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/relay"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A Worker is this process. Its fields are static after newWorker, but for what says so.
type Worker struct {
	start   handover.Start
	log     *slog.Logger
	level   *slog.LevelVar // of log
	loads   loadMeter
	born    time.Time
	zone    *streamzone.Zone
	hub     *live.Hub
	puller  *relay.Puller
	metrics *meters

	streamMetrics *metrics.Streams
	reloaded      time.Time // of the newest word about that; of the goroutine that obeys the master

	gather  prometheus.Gatherer
	group   *broadcast.Group
	reading *reading
	servers *servers
	asks    *asks

	settings atomic.Pointer[settings] // a reload replaces them, with
	prepared *prepared                // which belongs to the goroutine that obeys the master; nil if nothing is

	connections *limit.Connections
	publishes   *limit.Publishes
	quiet       *limit.Quiet
	accepts     *rate.Limiter // of connections from outside
	refusals    *rate.Limiter // of lines in the log about requests that were refused

	sessions sync.WaitGroup
	accepted atomic.Uint64 // connections, but for those of siblings
	outgoing outgoing

	// publishing is held while a stream is claimed and fed, or given up; read-held while a sibling's relay joins one. Before Hub.mu.
	publishing sync.RWMutex

	mu         sync.Mutex
	ending     bool                    // guarded by mu, as is what follows
	open       map[member]struct{}     // every connection of RTMP, and who plays over HTTP
	entered    uint64                  // how many there were
	publishers map[string]*publication // by stream key
	gates      []barrier               // of the ports of RTMP, and of the shared ones of HTTP
	draining   bool                    // they are shut
}

// Run is the whole life of a worker process that was started by a master. It returns when the master asks it to end, or is gone.
func Run() error {
	signal.Ignore(syscall.SIGHUP) // `pkill -HUP rtmp-edge` means the master
	control, err := handover.Inherited()
	if err != nil {
		return err
	}
	defer control.Close()
	var start handover.Start
	files, err := control.Expect(handover.KindStart, &start)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(start.Config.Log.SlogLevel())
	tune(newLogger(start, level), start.Workers, files)
	w, err := newWorker(start, files, level)
	if err != nil {
		return err
	}
	defer w.close()
	w.asks = newAsks(control)
	servers, err := w.listen(files[1:])
	if err != nil {
		return err
	}
	w.servers = servers
	servers.serve()
	if err := control.Send(handover.KindReady, nil); err != nil {
		return err
	}
	within, orphan := w.untilStop(control)
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if orphan {
		servers.abandon()
	}
	w.shutdown(ctx, servers)
	return nil
}

func newLogger(start handover.Start, level *slog.LevelVar) *slog.Logger {
	return logging.New(os.Stderr, start.Config.Log, level).With(logging.Worker, start.Worker)
}

func newWorker(start handover.Start, files []*os.File, level *slog.LevelVar) (*Worker, error) {
	if len(files) != 1+len(start.Sockets) {
		return nil, fmt.Errorf("worker: %d descriptors for the zone and %d sockets", len(files), len(start.Sockets))
	}
	cfg := start.Config
	w := &Worker{
		start: start, log: newLogger(start, level), level: level, born: time.Now(),
		open: map[member]struct{}{}, publishers: map[string]*publication{},
	}
	zone, err := streamzone.Join(files[0], start.Slot, start.Epoch)
	if err != nil {
		return nil, err
	}
	_ = files[0].Close() // the zone has a description of its own
	w.zone = zone
	if err := w.measure(); err != nil {
		return nil, errors.Join(err, zone.Close())
	}
	if err := w.guard(cfg); err != nil {
		return nil, errors.Join(err, zone.Close())
	}
	w.puller = w.newPuller()
	w.group = broadcast.New(w.peers, broadcast.Options{})
	w.outgoing.published = w.published
	w.hub = w.newHub(cfg)
	w.reading = newReading(runtime.GOMAXPROCS(0), mostGap(cfg))
	return w, nil
}

func (w *Worker) newHub(cfg *config.Config) *live.Hub {
	return live.NewHub(live.Options{
		Bounds: bounds(cfg), Senders: runtime.GOMAXPROCS(0),
		Observer: newObserver(w.metrics), Demand: w.pull, Published: w.published, Gone: w.streamGone,
		Flush: func(key string) live.Flush { return live.Flush(w.policy(key).Flush) },
	})
}

// shutdown ends everything in order: no new connections, publishers and players are told, then the rest is cut off.
func (w *Worker) shutdown(ctx context.Context, s *servers) {
	s.closeRTMP()
	w.mu.Lock()
	w.ending = true
	for m := range w.open {
		go m.end(live.EndShutdown)
	}
	w.mu.Unlock()
	w.hub.Close(ctx)
	done := make(chan struct{})
	go func() {
		w.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		for _, m := range w.members() {
			m.cut()
		}
		<-done
	}
	w.hub.Wait()
	s.closeHTTP(ctx)
}

func (w *Worker) close() {
	w.group.Close()
	if err := w.zone.Close(); err != nil {
		w.log.Error("close the zone", logging.Error, err)
	}
}
