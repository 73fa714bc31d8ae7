package live

import (
	"errors"
	"os"
	"time"
)

// waitFor serves a player whose socket is full until it has caught up, then gives it back to the sender.
func (s *sender) waitFor(p *Player) {
	reason, caughtUp := p.unblock()
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

// unblock serves the player until nothing is left for it.
func (p *Player) unblock() (r EndReason, caughtUp bool) {
	var b batch
	p.progress, p.unackedAt = time.Now(), p.opts.Sink.Unacknowledged()
	for {
		if err := p.awaitRoom(p.stream.hub.bounds.Load().StallTimeout); err != nil {
			return reasonOf(err), false
		}
		p.progress = time.Now() // there is room, so the peer has taken something
		v := p.stream.look()
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

// awaitRoom waits until the socket has room. A full socket whose peer still takes bytes, however few, is not stalled: the kernel reports room only
// when a good part of its buffer is free.
func (p *Player) awaitRoom(stall time.Duration) error {
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
		v := p.stream.look()
		p.keepBegun(&v) // it may take bytes for long, and never be flushed
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
