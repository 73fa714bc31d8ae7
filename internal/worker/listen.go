package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/multiport"
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

type listener struct {
	net.Listener
	private bool
	secure  bool // TLS
	http    bool
	gate    barrier // what stands before it; nil if nothing does
}

// A barrier can stop taking connections for a while.
type barrier interface{ set(open bool) error }

// protocol is what is spoken there, as a metric's label.
func (l *listener) protocol() string {
	if l.secure {
		return metrics.ProtocolRTMPS
	}
	return metrics.ProtocolRTMP
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

// takeOver makes a listener of a socket that was handed over.
func (w *Worker) takeOver(f *os.File, d *handover.Socket) (listener, error) {
	l, err := listenOn(f, d)
	if err != nil {
		return listener{}, fmt.Errorf("worker: take over %s: %w", d.Addr, err)
	}
	out := listener{Listener: l, private: d.Scope == config.Private, secure: d.Serves == config.RTMPS, http: d.Serves == config.HTTP}
	if out.private && l.Addr().Network() == "unix" {
		out.Listener = ownUser{l, w.log}
	}
	if err := out.bar(d); err != nil {
		return listener{}, errors.Join(err, l.Close())
	}
	return out, nil
}

func listenOn(f *os.File, d *handover.Socket) (net.Listener, error) {
	if !d.Inherited {
		return inherit(f)
	}
	l, err := multiport.Listener(f) // to have it listen again would change how long its queue is
	if err != nil {
		return nil, err
	}
	return l, f.Close()
}

// bar puts before the listener what keeps connections out while the worker drains, if they are to be kept out there.
func (l *listener) bar(d *handover.Socket) error {
	_, tcp := l.Listener.(*net.TCPListener)
	switch {
	case d.Inherited, d.Scope == config.Shared && !tcp: // one socket for all workers
		g, err := newSharedGate(l.Listener)
		if err != nil {
			return err
		}
		l.Listener, l.gate = g, g
	case tcp && (d.Scope == config.Shared || d.Scope == config.PerWorker && d.Serves != config.HTTP):
		g, err := newGate(l.Listener)
		if err != nil {
			return err
		}
		l.Listener, l.gate = g, g
	}
	return nil
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

// The pause after an accept that failed for want of descriptors or memory.
const (
	acceptMinPause = 5 * time.Millisecond
	acceptMaxPause = time.Second
)

// accept runs a session for each connection, until the listener is closed, and stop just before it.
func (w *Worker) accept(l *listener, stop <-chan struct{}) {
	var pause time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			w.admit(nc, l)
			if !l.private {
				w.pace(stop)
			}
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
				w.metrics.ConnectionsRejected.WithLabelValues(l.protocol(), metrics.RejectDescriptors).Inc()
			}
			if _, ok := w.quiet.Allow(metrics.RejectDescriptors); ok {
				w.log.Error("accept fails; trying again", "address", l.Addr().String(), logging.Error, err)
			}
			pause = max(pause, acceptMinPause)
			time.Sleep(pause) // nothing tells when descriptors are free again
			pause = min(2*pause, acceptMaxPause)
		}
	}
}

// ownUser accepts connections of processes of our own user, or root's, only (SO_PEERCRED, unix(7)).
type ownUser struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (l ownUser) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUser(nc)
		if err == nil && (uid == 0 || uid == os.Geteuid()) {
			return nc, nil
		}
		l.log.Warn("connection of another user to a private socket refused", "address", l.Addr().String(), "uid", uid, logging.Error, err)
		_ = nc.Close()
	}
}

func peerUser(nc net.Conn) (uid int, err error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T is no socket", nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	uid = -1
	var credErr error
	err = raw.Control(func(fd uintptr) {
		var c *unix.Ucred
		if c, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); credErr == nil {
			uid = int(c.Uid)
		}
	})
	return uid, errors.Join(err, credErr)
}
