package worker

import (
	"context"
	"errors"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A move is a publication's way to another name. It is ordered by another goroutine, and made by the session's, between two messages.
type move struct {
	session  *session
	from, to string
	until    time.Time  // nobody waits for it then; zero: no limit
	done     chan error // capacity 1
}

var errSilent = errors.New("the publisher sends nothing")

// orderMove asks the session for a move.
func (s *session) orderMove(ctx context.Context, from, to string) (*move, error) {
	m := &move{session: s, from: from, to: to, done: make(chan error, 1)}
	m.until, _ = ctx.Deadline()
	if !s.moving.CompareAndSwap(nil, m) {
		return nil, errBusy
	}
	return m, nil
}

// wait returns when the move is made, or was not possible, or nothing came from the publisher until ctx ended: then it will not be made.
func (m *move) wait(ctx context.Context) error {
	select {
	case err := <-m.done:
		return err
	case <-ctx.Done():
	}
	if m.session.moving.CompareAndSwap(m, nil) {
		return errSilent
	}
	return <-m.done
}

// move makes a move that was ordered. By the session's goroutine.
func (s *session) move() {
	m := s.moving.Load()
	if m == nil || !s.moving.CompareAndSwap(m, nil) {
		return
	}
	if !m.until.IsZero() && time.Now().After(m.until) { // this process was stopped: its message may be here before the end of ctx is noticed
		m.done <- errSilent
		return
	}
	m.done <- s.moveTo(m)
}

// moveTo has the new name before it gives up the old one: if that is taken, nothing changes.
func (s *session) moveTo(m *move) error {
	p := s.w.publication(m.from)
	if p == nil || s.publications[p.streamID] != p {
		return errElsewhere
	}
	claim, feed, err := s.w.claim(m.to)
	s.w.metrics.ZoneClaims.WithLabelValues(claimResult(err)).Inc()
	if err != nil {
		if errors.Is(err, streamzone.ErrTaken) {
			err = errors.New("stream " + m.to + " is being published already")
		}
		return err
	}
	if err := feed.Inherit(p.feed); err != nil { // it can't be detached yet; if so, it has nothing
		s.log.Debug("redirect without headers", logging.Stream, m.to, logging.Error, err)
	}
	next := &publication{session: s, key: m.to, streamID: p.streamID, since: time.Now(), claim: claim, feed: feed, over: make(chan struct{})}
	s.publications[p.streamID] = next
	s.w.setPublisher(next)
	if s.player.Load() == nil {
		s.concern(m.to)
	}
	s.w.release(p)
	s.log.Info("publisher redirected", logging.Session, s.id, logging.Stream, m.to, "from", m.from)
	return nil
}
