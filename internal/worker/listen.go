package worker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
)

// servers are the listeners of this worker.
type servers struct {
	w    *Worker
	rtmp []listener
	http []listener
	srv  map[bool]*http.Server // by private
	wg   sync.WaitGroup

	api      *api.API
	visitors *visitors

	mu    sync.Mutex // guards rtmp, http and ended
	ended bool       // no listener is added any more

	stop     chan struct{} // closed with the RTMP listeners
	stopOnce sync.Once
}

// Bounds of an HTTP request's head and of a quiet connection.
const (
	httpHeaderTimeout = 5 * time.Second
	httpIdleTimeout   = time.Minute
	httpMaxHeader     = 64 << 10
	httpCloseTime     = time.Second
)

// listen takes over the handed sockets.
func (w *Worker) listen(files []*os.File) (*servers, error) {
	s := &servers{w: w, srv: map[bool]*http.Server{}, stop: make(chan struct{})}
	for i := range w.start.Sockets {
		l, err := w.takeOver(files[i], &w.start.Sockets[i])
		if err != nil {
			return nil, err
		}
		if err := w.enlist(&l); err != nil {
			return nil, err
		}
		s.keep(l)
	}
	a, err := api.New(api.Options{
		Local: local{w}, Group: w.group, Gatherer: w.gather, Logger: w.log, Expected: func() int { return w.start.Workers },
		Access: access(w.cfg()), Observer: w.metrics.Control(),
	})
	if err != nil {
		return nil, err
	}
	w.startHTTPPlay()
	s.srv[false], s.srv[true] = s.httpServer(promptly(w.httpPlay(a.Public()))), s.httpServer(w.httpPlay(a.Private()))
	s.api, s.visitors = a, newVisitors(w, &w.cfg().RTMP.Limits)
	s.srv[false].ConnState = s.visitors.note
	for _, srv := range s.srv {
		srv.RegisterOnShutdown(a.Close) // event streams have no end of their own
	}
	return s, nil
}

func (s *servers) keep(l listener) {
	if l.http {
		s.http = append(s.http, l)
	} else {
		s.rtmp = append(s.rtmp, l)
	}
}

// enlist has the gate of a listener, if it has one, shut and opened with the others.
func (w *Worker) enlist(l *listener) error {
	if l.gate == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gates = append(w.gates, l.gate)
	return l.gate.set(!w.draining)
}

func (s *servers) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: httpHeaderTimeout, IdleTimeout: httpIdleTimeout, MaxHeaderBytes: httpMaxHeader,
		ErrorLog: slog.NewLogLogger(s.w.log.Handler(), slog.LevelDebug),
	}
}

// serve starts to accept.
func (s *servers) serve() {
	for _, l := range s.rtmp {
		s.start(l)
	}
	for _, l := range s.http {
		s.start(l)
	}
}

func (s *servers) start(l listener) {
	if !l.http {
		s.wg.Go(func() { s.w.accept(&l, s.stop) })
		return
	}
	s.wg.Go(func() {
		if err := s.srv[l.private].Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.w.log.Error("HTTP stopped", "address", l.Addr().String(), logging.Error, err)
		}
	})
}

// add accepts on more listeners, unless this worker ends.
func (s *servers) add(more []listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range more {
		if s.ended {
			_ = l.Close()
			continue
		}
		if err := s.w.enlist(&l); err != nil {
			s.w.log.Error("a new address can't be kept from taking connections while this worker drains", "address", l.Addr().String(), logging.Error, err)
		}
		s.keep(l)
		s.start(l)
	}
}

// closeRTMP stops accepting RTMP. What waits in a socket's queue stays there, for a successor.
func (s *servers) closeRTMP() {
	s.stopOnce.Do(func() { close(s.stop) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, l := range s.rtmp {
		_ = l.Close()
	}
}

// abandon gives up every address at once, for a master that takes the place of the one that is gone.
func (s *servers) abandon() {
	s.closeRTMP()
	for _, srv := range s.srv {
		_ = srv.Close()
	}
}

// closeHTTP lets requests under way finish, for a moment.
func (s *servers) closeHTTP(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, httpCloseTime)
	defer cancel()
	for _, srv := range s.srv {
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	}
	s.wg.Wait()
}
