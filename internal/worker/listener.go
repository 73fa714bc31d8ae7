package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// A listener is a socket that this worker accepts on.
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
