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
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
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

// refused is an end that we decided on, with its reason for the metrics.
type refused struct {
	reason string
	error
}

func (r refused) Unwrap() error { return r.error }

// reason classifies how the session ended.
func (s *session) reason(err error) string {
	s.mu.Lock()
	ending := s.ending
	s.mu.Unlock()
	var r refused
	switch {
	case ending != "":
		return closeReasons[ending]
	case errors.As(err, new(panicked)):
		return metrics.ClosePanic
	case errors.As(err, &r):
		return r.reason
	case errors.Is(err, rtmp.ErrHandshake):
		return metrics.CloseHandshake
	case errors.Is(err, rtmp.ErrHandshakeTimeout), errors.Is(err, rtmp.ErrConnectTimeout), errors.Is(err, rtmp.ErrCommandTimeout):
		return metrics.CloseTimeout
	case errors.Is(err, rtmp.ErrWriteTimeout):
		return metrics.CloseStalled
	}
	switch rtmp.Kind(err) {
	case "eof", "io", "reset", "closed", "timeout":
		return metrics.CloseGone
	}
	return metrics.CloseProtocol
}

var closeReasons = map[live.EndReason]string{
	live.EndUnpublished: metrics.CloseUnpublished,
	live.EndNotFound:    metrics.CloseNotFound,
	live.EndShutdown:    metrics.CloseShutdown,
	live.EndStalled:     metrics.CloseStalled,
	live.EndGone:        metrics.CloseGone,
	live.EndKicked:      metrics.CloseKicked,
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

func (s *session) unpublishAll() {
	for id, p := range s.publications {
		s.unpublish(id, p)
	}
}

// leave gives back all else that the session holds.
func (s *session) leave() {
	if s.conn != nil {
		_ = s.conn.Close()
	} else {
		_ = s.nc.Close()
	}
	if p := s.player.Load(); p != nil {
		p.Leave()
	}
	s.w.mu.Lock()
	delete(s.w.open, s)
	s.w.mu.Unlock()
	s.setState("")
}

// finish counts the session's end, and tells it in one line.
func (s *session) finish(reason string, err error) {
	m := s.w.metrics
	m.ConnectionsClosed.WithLabelValues(metrics.ProtocolRTMP, reason).Inc()
	if reason == metrics.CloseProtocol || reason == metrics.CloseHandshake || reason == metrics.CloseTimeout {
		m.ProtocolErrors.WithLabelValues(metrics.ErrorKind(err)).Inc()
	}
	attrs := []any{logging.Remote, s.remote, logging.Reason, reason, logging.Duration, time.Since(s.begun).Round(time.Millisecond)}
	if s.stream != "" {
		attrs = append(attrs, logging.Stream, s.stream, logging.Role, s.role)
	}
	if s.conn != nil {
		st := s.conn.Stats()
		sent := st.BytesWritten
		m.sent(s.role).Add(float64(sent))
		if p := s.player.Load(); p != nil {
			sent += p.Sent() // counted by the fan-out
		}
		attrs = append(attrs, "client", s.conn.ConnectRequest().FlashVer, "received_bytes", st.BytesRead, "sent_bytes", sent)
	}
	if err != nil && !errors.Is(err, io.EOF) && reason != metrics.CloseShutdown && reason != metrics.CloseKicked {
		attrs = append(attrs, logging.Error, err)
	}
	level := slog.LevelInfo
	switch {
	case reason == metrics.ClosePanic:
		level = slog.LevelError
	case s.private:
		level = slog.LevelDebug
	}
	s.log.Log(context.Background(), level, "session ended", attrs...)
}

// end tells the peer that the session is over, and ends it; at a shutdown, a player is told and ended by the hub. From any goroutine.
func (s *session) end(r live.EndReason) {
	byHub := r == live.EndShutdown && s.player.Load() != nil
	s.mu.Lock()
	again := s.ending != ""
	if !again && !byHub {
		s.ending = r
	}
	s.mu.Unlock()
	if again {
		return
	}
	for _, p := range s.w.publicationsOf(s) {
		_ = s.conn.WriteStatus(p.streamID, rtmp.Status{Code: rtmp.CodeUnpublishSuccess, Description: farewells[r]})
	}
	if !byHub {
		s.interrupt()
	}
}

// ended is told by the fan-out that nothing is written to the player any more.
func (s *session) ended(r live.EndReason) {
	s.mu.Lock()
	if s.ending == "" {
		s.ending = r
	}
	s.mu.Unlock()
	s.interrupt()
}

// interrupt makes the session's goroutine stop waiting for the peer. What it waits for next fails too: ending is set.
func (s *session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.conn != nil:
		s.conn.Interrupt()
	case s.cancel != nil:
		s.cancel()
	}
}

// cut closes the connection without a word.
func (s *session) cut() { _ = s.nc.Close() }

// farewells are what peers are told.
var farewells = map[live.EndReason]string{
	live.EndUnpublished: "The stream has ended.",
	live.EndNotFound:    "Nobody publishes this stream.",
	live.EndShutdown:    "The server is shutting down.",
	live.EndKicked:      "Ended by an operator.",
}
