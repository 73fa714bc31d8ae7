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
}

type listener struct {
	net.Listener
	private bool
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
	s := &servers{w: w, srv: map[bool]*http.Server{}}
	for i, d := range w.start.Sockets {
		l, err := multiport.Listener(files[i])
		if err == nil {
			err = files[i].Close()
		}
		if err != nil {
			return nil, fmt.Errorf("worker: take over %s: %w", d.Addr, err)
		}
		private := d.Scope == config.Private
		if private && l.Addr().Network() == "unix" {
			l = ownUser{l, w.log}
		}
		if d.Serves == config.RTMP {
			s.rtmp = append(s.rtmp, listener{l, private})
		} else {
			s.http = append(s.http, listener{l, private})
		}
	}
	a, err := api.New(api.Options{
		Local: local{w}, Group: w.group, Gatherer: w.gather, Logger: w.log, Expected: func() int { return w.start.Workers },
	})
	if err != nil {
		return nil, err
	}
	s.srv[false], s.srv[true] = s.httpServer(a.Public()), s.httpServer(a.Private())
	return s, nil
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
		s.wg.Go(func() { s.w.accept(l) })
	}
	for _, l := range s.http {
		s.wg.Go(func() {
			if err := s.srv[l.private].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				s.w.log.Error("HTTP stopped", "address", l.Addr().String(), logging.Error, err)
			}
		})
	}
}

// closeRTMP stops accepting RTMP. What waits in a socket's queue stays there, for a successor.
func (s *servers) closeRTMP() {
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

// accept runs a session for each connection, until the listener is closed.
func (w *Worker) accept(l listener) {
	var pause time.Duration
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			w.run(nc, l.private)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if pause == 0 {
				pause = acceptMinPause
				w.log.Error("accept fails; trying again", "address", l.Addr().String(), logging.Error, err)
			}
			if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
				w.metrics.ConnectionsRejected.WithLabelValues(metrics.ProtocolRTMP, metrics.RejectDescriptors).Inc()
			}
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
