package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/relay"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// lingerTime is how long a peer may take to close its end after it was told that the session is over.
const lingerTime = time.Second

// A session is one RTMP connection, from its accept to its end.
type session struct {
	// static
	w       *Worker
	nc      net.Conn
	private bool // of a sibling worker, on a private socket
	remote  string
	begun   time.Time
	log     *slog.Logger

	// set once, under mu; the session's goroutine reads it without
	conn *rtmp.ServerConn
	// cancel ends the wait for connect
	cancel context.CancelFunc

	// owned by the session's goroutine
	publications map[uint32]*publication // by message stream id
	received     uint64                  // bytes that are counted already
	role         string                  // of the metrics; also the log's
	stream       string                  // key of the newest stream, for the log
	relayed      streamzone.ID           // with private: the publication that the sibling wants

	player atomic.Pointer[live.Player]

	mu     sync.Mutex
	state  string         // of the metrics
	gone   bool           // state is final
	ending live.EndReason // set once, by whoever ends the session from outside
}

// run starts a session for an accepted connection.
func (w *Worker) run(nc net.Conn, private bool) {
	s := &session{
		w: w, nc: nc, private: private, remote: remoteOf(nc), begun: time.Now(), role: metrics.RoleNone,
		publications: map[uint32]*publication{}, log: w.log,
	}
	w.mu.Lock()
	if w.ending {
		w.mu.Unlock()
		w.metrics.ConnectionsRejected.WithLabelValues(metrics.ProtocolRTMP, metrics.RejectShutdown).Inc()
		_ = nc.Close()
		return
	}
	w.open[s] = struct{}{}
	w.sessions.Add(1)
	w.mu.Unlock()
	w.metrics.ConnectionsAccepted.WithLabelValues(metrics.ProtocolRTMP).Inc()
	go s.run()
}

func remoteOf(nc net.Conn) string {
	if a := nc.RemoteAddr(); a != nil && a.Network() != "unix" {
		return a.String()
	}
	return "unix"
}

func (s *session) run() {
	defer s.w.sessions.Done()
	s.setState(metrics.StateHandshake)
	err := s.guarded(s.serve)
	reason := s.reason(err)
	s.unpublishAll()
	if s.conn != nil && !errors.Is(err, rtmp.ErrClosed) && reason != metrics.CloseGone && reason != metrics.CloseStalled {
		_ = s.conn.Linger(lingerTime) // lets the last words arrive
	}
	s.leave()
	s.finish(reason, err)
}

// guarded turns a panic into the end of this session alone.
func (s *session) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked{p, debug.Stack()}
		}
	}()
	return f()
}

type panicked struct {
	value any
	stack []byte
}

func (p panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// serve speaks with the peer until it leaves, fails, or is made to end.
func (s *session) serve() error {
	conn, err := s.accept()
	if err != nil {
		return err
	}
	s.w.metrics.HandshakeDuration.Observe(time.Since(s.begun).Seconds())
	s.setState(metrics.StateConnected)
	if s.private {
		id, ok := relay.Publication(conn.ConnectRequest())
		if !ok {
			err := errors.New("no relay: private sockets are for sibling workers")
			_ = conn.RejectConnect(rtmp.Status{Description: err.Error()})
			return refused{metrics.CloseRefused, err}
		}
		s.relayed, s.role = id, metrics.RoleRelay
	}
	if err := conn.AcceptConnect(); err != nil {
		return err
	}
	for {
		ev, err := conn.Next()
		s.count()
		if err != nil {
			return err
		}
		if err := s.handle(&ev); err != nil {
			return err
		}
	}
}

// accept waits for the peer's connect, unless the session is ended meanwhile.
func (s *session) accept() (*rtmp.ServerConn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	if s.ending != "" {
		cancel()
	}
	s.mu.Unlock()
	conn, err := rtmp.Accept(ctx, s.nc, s.w.rtmp)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	if s.ending != "" {
		conn.Interrupt()
	}
	return conn, nil
}

func (s *session) handle(ev *rtmp.Event) error {
	switch ev.Kind {
	case rtmp.EventMessage:
		if p := s.publications[ev.StreamID]; p != nil {
			return p.feed.Append(&ev.Message)
		}
	case rtmp.EventPublish:
		return s.publish(ev.Publish)
	case rtmp.EventPlay:
		return s.play(ev.Play)
	case rtmp.EventCloseStream:
		if p := s.publications[ev.StreamID]; p != nil {
			s.unpublish(ev.StreamID, p)
		} else if s.player.Load() != nil {
			return io.EOF // the fan-out owns the socket until its end
		}
	}
	return nil
}

// count adds what came in since the last call to the metrics.
func (s *session) count() {
	n := s.conn.Stats().BytesRead
	s.w.metrics.received(s.role).Add(float64(n - s.received))
	s.received = n
}

// setState moves the session from one state of the metrics to another; "" is the last.
func (s *session) setState(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == state || s.gone {
		return
	}
	s.gone = state == ""
	if s.state != "" {
		s.w.metrics.Connections.WithLabelValues(metrics.ProtocolRTMP, s.state).Dec()
	}
	if state != "" {
		s.w.metrics.Connections.WithLabelValues(metrics.ProtocolRTMP, state).Inc()
	}
	s.state = state
}
