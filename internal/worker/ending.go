package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
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
	if err != nil && !errors.Is(err, io.EOF) && !s.endedByUs() {
		attrs = append(attrs, logging.Error, err)
	}
	level := slog.LevelInfo
	switch {
	case reason == metrics.ClosePanic:
		level = slog.LevelError
	case s.private, s.conn == nil && errors.Is(err, io.EOF): // a sibling; or one who only looked whether the port is open
		level = slog.LevelDebug
	}
	s.log.Log(context.Background(), level, "session ended", attrs...)
}

// endedByUs tells whether the error is only that we stopped waiting for the peer.
func (s *session) endedByUs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending != "" && s.ending != live.EndGone
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
