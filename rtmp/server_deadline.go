package rtmp

import (
	"errors"
	"os"
	"time"
)

// A readDeadline is what limits the reading of a ServerConn. Guarded by its mu.
type readDeadline struct {
	// interrupted keeps the deadline that Interrupt set.
	interrupted bool
	// commandBy is when the peer must have got a publish or play accepted;
	// zero after that.
	commandBy time.Time
	// idleSet is when the idle timeout was last written to the connection.
	idleSet time.Time
}

// idleSlack is the part of the idle timeout by which it may be late. Setting a
// deadline costs more than many a message: so it is set late by this part, and
// left alone until as much time has passed.
const idleSlack = 8

// interruptedWrite is how long a write may still take that was under way when
// its connection was interrupted.
const interruptedWrite = 500 * time.Millisecond

// Interrupt makes Next return an error, now or when it is called next, and
// leaves the connection open: for whoever wants the reading goroutine to end
// the session. A peer that reads nothing holds it up for half a second at most,
// and loses the connection for it.
func (c *ServerConn) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline.interrupted = true
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // it only fails if Next does
	if !c.diverted.Load() {                   // else the deadline for writing is somebody else's
		_ = c.nc.SetWriteDeadline(time.Now().Add(interruptedWrite))
	}
}

// A readLimit is what limits reading.
type readLimit uint8

const (
	limitCommand readLimit = iota // Config.CommandTimeout: no stream is busy
	limitIdle                     // Config.IdleTimeout: a stream publishes
	limitNone
)

// limit returns what limits reading now. The caller holds mu.
func (c *ServerConn) limit() readLimit {
	switch {
	case c.publishing > 0 && c.cfg.IdleTimeout > 0:
		return limitIdle
	case c.busy > 0:
		return limitNone
	default:
		return limitCommand
	}
}

// limitReading sets the read deadline: to the whole idle timeout from now on,
// or to what is left of the command timeout, because being refused does not
// start it anew. The caller holds mu.
func (c *ServerConn) limitReading(now time.Time) error {
	d := &c.deadline
	switch c.limit() {
	case limitIdle:
		d.idleSet = now
		return c.setReadDeadline(now.Add(c.cfg.IdleTimeout).Add(c.cfg.IdleTimeout / idleSlack))
	case limitCommand:
		if d.commandBy.IsZero() {
			d.commandBy = now.Add(c.cfg.CommandTimeout)
		}
		return c.setReadDeadline(d.commandBy)
	default:
		return c.setReadDeadline(time.Time{})
	}
}

// postponeIdle starts the idle timeout anew for a publisher whose media came.
// An error shows in the next read. The caller holds mu.
func (c *ServerConn) postponeIdle(now time.Time) {
	if now.Sub(c.deadline.idleSet) >= c.cfg.IdleTimeout/idleSlack {
		_ = c.limitReading(now)
	}
}

// setReadDeadline limits reading; the zero time means no limit. The caller
// holds mu.
func (c *ServerConn) setReadDeadline(t time.Time) error {
	if c.deadline.interrupted {
		return nil
	}
	return c.nc.SetReadDeadline(t)
}

// deadlineError names an expired deadline, if it was ours.
func (c *ServerConn) deadlineError(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch limit := c.limit(); {
	case c.deadline.interrupted || limit == limitNone:
		return err
	case limit == limitIdle:
		return timedOut(err, ErrIdleTimeout)
	default:
		return timedOut(err, ErrCommandTimeout)
	}
}
