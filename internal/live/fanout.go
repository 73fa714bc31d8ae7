package live

import (
	"errors"
	"os"
	"time"
)

// fanout is the loop that serves a stream's players, as long as there are any.
func (s *Stream) fanout() {
	var (
		active []*Player
		b      batch
	)
	for range s.wake {
		s.mu.Lock()
		active = append(active, s.ready...)
		s.ready = nil
		v := s.view()
		s.mu.Unlock()
		keep := active[:0]
		for _, p := range active {
			if s.serve(p, &v, &b) {
				keep = append(keep, p)
			}
		}
		clear(active[len(keep):])
		active = keep
		b.reset()
		if len(active) == 0 && s.deserted() {
			return
		}
	}
}

// deserted ends the loop if nobody can come back to it: the next player starts another.
func (s *Stream) deserted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) > 0 || s.blocked > 0 {
		return false // who blocks pokes when it is done
	}
	s.looping = false
	return true
}

// serve flushes one player, and tells whether it stays in the loop.
func (s *Stream) serve(p *Player, v *view, b *batch) bool {
	switch p.flush(v, b) {
	case flushedIdle:
		return true
	case flushedBlocked:
		s.mu.Lock()
		s.blocked++
		s.mu.Unlock()
		s.hub.wg.Go(func() { s.wait(p) })
	case flushedLast:
		s.hub.drop(p, p.endReason())
	case flushedBroken:
		s.hub.drop(p, EndGone)
	}
	return false
}

// wait serves a player whose socket is full until it has caught up, then gives it back to the loop.
func (s *Stream) wait(p *Player) {
	reason, caughtUp := s.unblock(p)
	if !caughtUp {
		s.hub.drop(p, reason)
	}
	s.mu.Lock()
	s.blocked--
	if caughtUp {
		s.ready = append(s.ready, p)
	}
	s.mu.Unlock()
	s.poke()
}

func (s *Stream) unblock(p *Player) (r EndReason, caughtUp bool) {
	var b batch
	p.progress, p.unackedAt = time.Now(), p.opts.Sink.Unacknowledged()
	for {
		if err := p.await(s.hub.opts.StallTimeout); err != nil {
			return reasonOf(err), false
		}
		p.progress = time.Now() // there is room, so the peer has taken something
		s.mu.Lock()
		v := s.view()
		s.mu.Unlock()
		switch p.flush(&v, &b) {
		case flushedIdle:
			return "", true
		case flushedLast:
			return p.endReason(), false
		case flushedBroken:
			return EndGone, false
		}
		b.reset() // keeps nothing alive while it waits
		p.unackedAt = p.opts.Sink.Unacknowledged()
	}
}

// await waits until the socket has room. A full socket whose peer still takes bytes, however few, is not stalled: the kernel reports room only
// when a good part of its buffer is free.
func (p *Player) await(stall time.Duration) error {
	for {
		err := p.opts.Sink.WaitWritable(p.progress.Add(stall))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		unacked := p.opts.Sink.Unacknowledged()
		if unacked >= p.unackedAt {
			return ErrStalled
		}
		p.unackedAt, p.progress = unacked, time.Now()
	}
}

func reasonOf(err error) EndReason {
	if errors.Is(err, ErrStalled) {
		return EndStalled
	}
	return EndGone
}

func (p *Player) endReason() EndReason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason
}

// poke makes the loop go over the players once more.
func (s *Stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
