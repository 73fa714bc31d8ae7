package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
	"github.com/rtmp-edge/rtmp-edge/internal/names"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
	"github.com/rtmp-edge/rtmp-edge/relay"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// lingerTime is how long a peer may take to close its end after it was told that the session is over.
const lingerTime = time.Second

// maxClient is how much is kept of what a peer calls itself, in bytes.
const maxClient = 200

// A session is one RTMP connection, from its accept to its end.
type session struct {
	connection

	// static
	nc  *transport.Conn
	log *slog.Logger

	conn *rtmp.ServerConn // set once, under mu; the session's goroutine reads it without

	// owned by the session's goroutine
	ctx          context.Context         // ends when somebody else ends the session
	admission    func()                  // gives back the place among the connections
	publications map[uint32]*publication // by message stream id
	counted      uint64                  // received bytes that are counted already
	refusal      string                  // of the newest publish or play that was refused, for the log
	relayed      streamzone.ID           // with private: the publication that the sibling wants

	messages atomic.Uint64 // of its streams
	moving   atomic.Pointer[move]
	page     atomic.Pointer[page]

	stop context.CancelFunc // ends ctx; guarded by mu
	then *redirection       // likewise; nil unless it is being redirected
}

// run starts a session for a connection that was admitted.
func (w *Worker) run(nc *transport.Conn, l *listener, admission func()) {
	ctx, stop := context.WithCancel(context.Background())
	s := &session{
		connection: connection{w: w, private: l.private, protocol: l.protocol(), remote: remoteOf(nc), begun: time.Now(), role: metrics.RoleNone},
		nc:         nc, publications: map[uint32]*publication{}, log: w.log, ctx: ctx, stop: stop, admission: admission,
	}
	if !w.enter(s) {
		stop()
		admission()
		w.reject(nc, s.protocol, metrics.RejectShutdown)
		return
	}
	go s.run()
}

func remoteOf(nc net.Conn) string {
	if a := nc.RemoteAddr(); a != nil && a.Network() != "unix" {
		return a.String()
	}
	return "unix"
}

func (s *session) run() {
	s.setState(metrics.StateHandshake)
	s.proceed(s.serve)
}

// proceed runs a part of the session's life, and what follows it: a player's rest, or the session's end.
func (s *session) proceed(f func() error) {
	err := guarded(f)
	if errors.Is(err, errRest) {
		go s.rest()
		return
	}
	defer s.w.sessions.Done()
	defer s.cancel()
	reason := s.reason(err)
	told := s.unpublishAll()
	if s.conn != nil && !errors.Is(err, rtmp.ErrClosed) && reason != metrics.CloseGone && reason != metrics.CloseStalled {
		s.dismiss(told)
		_ = s.conn.Linger(lingerTime) // lets the last words arrive
	}
	s.leave()
	s.finish(reason, err)
}

// errRest is how a part of a player's life ends that goes on when the peer says something.
var errRest = errors.New("nothing to do")

// rest waits for a player to say something, which it hardly ever does, in a goroutine of its own: the one before has grown a stack that is
// larger than all else that a player takes, and would keep it.
func (s *session) rest() {
	s.conn.Wait()
	go s.proceed(s.converse)
}

// guarded turns a panic into an error: the end of this session alone.
func guarded(f func() error) (err error) {
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
		s.relayed = id
		s.become(metrics.RoleRelay)
	}
	if err := conn.AcceptConnect(); err != nil {
		return err
	}
	s.notePage(conn.ConnectRequest())
	conn.ConnectRequest().Properties = nil // all that is needed of them is taken
	return s.converse()
}

// converse deals with what the peer says; a player's session rests when that is all for now.
func (s *session) converse() error {
	for {
		ev, ok, err := s.next()
		s.count()
		switch {
		case err != nil:
			return err
		case !ok:
			return errRest
		}
		if err := s.handle(&ev); err != nil {
			return err
		}
	}
}

// next returns the next event. For that of a player it does not wait.
func (s *session) next() (ev rtmp.Event, ok bool, err error) {
	switch {
	case s.player.Load() != nil:
		return s.conn.Poll()
	case len(s.publications) > 0 && !s.conn.Buffered():
		if ev, ok, err = s.gather(); ok || err != nil {
			return ev, ok, err
		}
	}
	ev, err = s.conn.Next()
	return ev, true, err
}

// accept waits for the peer's connect, unless the session is ended meanwhile.
func (s *session) accept() (*rtmp.ServerConn, error) {
	if err := s.identify(); err != nil {
		return nil, err
	}
	conn, err := rtmp.Accept(s.ctx, s.nc, s.w.settings.Load().rtmp)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.client = conn, names.Printable(conn.ConnectRequest().FlashVer, maxClient)
	if s.ending != "" {
		conn.Interrupt()
		return conn, nil
	}
	s.stop() // what waited for the old context has left more in it than a session needs from here on
	s.ctx, s.stop = context.WithCancel(context.Background())
	return conn, nil
}

// cancel ends the session's context.
func (s *session) cancel() {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	stop()
}

// identify learns the peer's address from the proxy that it came through, if it did.
func (s *session) identify() error {
	if !s.nc.Proxied() {
		return nil
	}
	stop := context.AfterFunc(s.ctx, s.cut)
	peer, err := s.nc.Peer()
	if !stop() {
		return context.Cause(s.ctx)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.remote = remoteOf(s.nc)
	s.mu.Unlock()
	s.admission() // the proxy's
	s.admission, err = s.w.connections.Admit(peer.Addr())
	if err != nil {
		s.admission = func() {}
		s.w.countReject(s.protocol, rejectReason(err))
		return refused{metrics.CloseRefused, err}
	}
	return nil
}

func (s *session) handle(ev *rtmp.Event) error {
	switch ev.Kind {
	case rtmp.EventMessage:
		s.move()
		if p := s.publications[ev.StreamID]; p != nil {
			s.messages.Add(1)
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
	if n == s.counted {
		return
	}
	s.w.metrics.received(s.protocol, s.role).Add(float64(n - s.counted))
	s.counted = n
}

// traffic implements member.
func (s *session) traffic() (in, out, messages uint64) {
	if s.conn != nil {
		st := s.conn.Stats()
		in, out = st.BytesRead, st.BytesWritten
	}
	return in, out, s.messages.Load()
}
