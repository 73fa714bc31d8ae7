package worker

import (
	"errors"
	"io"
	"log/slog"
	"syscall"

	"github.com/rtmp-edge/rtmp-edge/internal/limit"
	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// refused is an end that we decided on, with its reason for the metrics.
type refused struct {
	reason string
	error
}

func (r refused) Unwrap() error { return r.error }

// reason classifies how the session ended.
func (s *session) reason(err error) string {
	var r refused
	switch ending := s.endedBy(); {
	case ending != "":
		return closeReasons[ending]
	case errors.As(err, new(panicked)):
		return metrics.ClosePanic
	case errors.As(err, &r):
		return r.reason
	case s.conn == nil && errors.Is(err, io.EOF): // one who only looked whether the port is open
		return metrics.CloseGone
	case errors.Is(err, rtmp.ErrHandshake):
		return metrics.CloseHandshake
	case errors.Is(err, rtmp.ErrHandshakeTimeout), errors.Is(err, rtmp.ErrConnectTimeout), errors.Is(err, rtmp.ErrCommandTimeout):
		return metrics.CloseTimeout
	case errors.Is(err, rtmp.ErrIdleTimeout):
		return metrics.CloseIdle
	case errors.Is(err, rtmp.ErrWriteTimeout):
		return metrics.CloseStalled
	case errors.Is(err, transport.ErrProxyHeader):
		return metrics.CloseHandshake
	case silent(err):
		return metrics.CloseLost
	}
	switch rtmp.Kind(err) {
	case "eof", "io", "reset", "closed", "timeout":
		return metrics.CloseGone
	}
	return metrics.CloseProtocol
}

// silent tells whether the kernel gave up on the peer (tcp(7), TCP_USER_TIMEOUT and keepalive): it reports what it heard of the way there last.
func silent(err error) bool {
	return errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

var closeReasons = map[live.EndReason]string{
	live.EndUnpublished: metrics.CloseUnpublished,
	live.EndNotFound:    metrics.CloseNotFound,
	live.EndShutdown:    metrics.CloseShutdown,
	live.EndStalled:     metrics.CloseStalled,
	live.EndGone:        metrics.CloseGone,
	live.EndKicked:      metrics.CloseKicked,
	live.EndTakenOver:   metrics.CloseTakenOver,
}

// unpublishAll frees the names of the session's streams, and returns the message streams that were publishing.
func (s *session) unpublishAll() (streamIDs []uint32) {
	for id, p := range s.publications {
		s.unpublish(id, p)
		streamIDs = append(streamIDs, id)
	}
	return streamIDs
}

// dismiss tells a publisher why its session ends, after its names are free: one that doesn't read must not keep them.
func (s *session) dismiss(streamIDs []uint32) {
	reason := s.endedBy()
	text, ok := farewells[reason]
	if !ok {
		return
	}
	s.suggestReconnect(reason)
	for _, id := range streamIDs {
		_ = s.conn.WriteStatus(id, rtmp.Status{Code: rtmp.CodeUnpublishSuccess, Description: text})
	}
}

// suggestReconnect tells a client that understands it to come back, to another server or to our successor, when this one stops (Enhanced RTMP v2
// "NetConnection.Connect.ReconnectRequest").
func (s *session) suggestReconnect(r live.EndReason) {
	if r == live.EndShutdown {
		_ = s.conn.WriteReconnectRequest("", farewells[r])
	}
}

// leave gives back all else that the session holds.
func (s *session) leave() {
	if s.conn != nil {
		_ = s.conn.Close()
	} else {
		_ = s.nc.Close()
	}
	s.w.left(s) // no redirect gives it another player from here on
	if p := s.player.Load(); p != nil {
		p.Leave()
	}
	s.admission()
}

// finish counts the session's end, and tells it in one line.
func (s *session) finish(reason string, err error) {
	if reason == metrics.CloseProtocol || reason == metrics.CloseHandshake || reason == metrics.CloseTimeout {
		s.w.metrics.ProtocolErrors.WithLabelValues(errorKind(err)).Inc()
	}
	var more []any
	if s.refusal != "" {
		more = append(more, "refused", s.refusal)
	}
	if s.conn != nil {
		s.countRest()
	}
	if err != nil && !errors.Is(err, io.EOF) && !s.endedByUs() {
		more = append(more, logging.Error, err)
	}
	level := slog.LevelInfo
	switch {
	case reason == metrics.ClosePanic:
		level = slog.LevelError
	case s.private, s.conn == nil && errors.Is(err, io.EOF): // a sibling; or one who only looked whether the port is open
		level = slog.LevelDebug
	case errors.Is(err, limit.ErrAddress), errors.Is(err, limit.ErrTotal): // behind a proxy; they share a line
		level = slog.LevelDebug
	}
	s.w.report(s, level, reason, more...)
}

// errorKind is the error as the metrics' label. That TLS failed says more than that the handshake did, which it is a part of.
func errorKind(err error) string {
	if errors.Is(err, transport.ErrTLS) {
		err = transport.ErrTLS
	}
	return metrics.ErrorKind(err)
}

// countRest counts what is not counted yet of what went over the connection.
func (s *session) countRest() {
	st := s.conn.Stats()
	s.w.metrics.sent(s.protocol, s.role).Add(float64(st.BytesWritten)) // what the fan-out wrote, it counted
	s.w.metrics.LimitsHit.WithLabelValues(metrics.LimitClamped).Add(float64(st.Clamped))
	s.w.metrics.LimitsHit.WithLabelValues(metrics.LimitStreams).Add(float64(st.Refused))
	s.w.metrics.FramesDropped.WithLabelValues(metrics.DropNotActive, metrics.FrameMixed).Add(float64(st.StrayMedia))
}

// endedByUs tells whether the error is only that we stopped waiting for the peer.
func (s *session) endedByUs() bool {
	r := s.endedBy()
	return r != "" && r != live.EndGone
}

// end ends the session: its publications at once, then it is told why. At a shutdown, a player is told and ended by the hub. From any goroutine.
func (s *session) end(r live.EndReason) {
	switch p := s.player.Load(); {
	case p == nil:
		s.ended(r)
	case r != live.EndShutdown:
		p.End(r)
	}
}

// ended notes why the session ends, if nobody did before, and makes its goroutine end it. The fan-out calls it when nothing is written to the
// player any more.
func (s *session) ended(r live.EndReason) {
	s.endWith(r)
	s.interrupt()
}

// interrupt makes the session's goroutine stop waiting for the peer. What it waits for next fails too: ending is set.
func (s *session) interrupt() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Interrupt()
	}
}

// cut closes the connection without a word.
func (s *session) cut() { _ = s.nc.Cut() }

// farewells are what peers are told.
var farewells = map[live.EndReason]string{
	live.EndUnpublished: "The stream has ended.",
	live.EndNotFound:    "Nobody publishes this stream.",
	live.EndShutdown:    "The server is shutting down.",
	live.EndKicked:      "Ended by an operator.",
	live.EndTakenOver:   "Another publisher has taken the stream over.",
}
