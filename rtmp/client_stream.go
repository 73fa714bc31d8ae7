package rtmp

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// Bounds of what arrives on active streams during a Publish or Play and waits
// for Next. Bytes are limited by Config.MaxInFlight.
const maxBacklog = 1024

// playBuffer is how much a player says it buffers, in milliseconds.
const playBuffer = 3000

// Publish creates a message stream and publishes name on it ("name?query" is
// allowed). It waits for NetStream.Publish.Start. A refusal is a *StatusError,
// and leaves the connection usable; when ctx ends, the connection is closed
// and the error is ctx's.
func (c *ClientConn) Publish(ctx context.Context, name string) (streamID uint32, err error) {
	release := c.guard(ctx)
	streamID, err = c.publish(name)
	if err := release(err); err != nil {
		return 0, err
	}
	return streamID, nil
}

func (c *ClientConn) publish(name string) (uint32, error) {
	free, err := newCommand(CSIDCommand, 0, "releaseStream", c.nextTransaction(), amf0.Null{}, name)
	if err != nil {
		return 0, err
	}
	announce, err := newCommand(CSIDCommand, 0, "FCPublish", c.nextTransaction(), amf0.Null{}, name)
	if err != nil {
		return 0, err
	}
	id, err := c.createStream(&clientStream{name: name}, free, announce)
	if err != nil {
		return 0, err
	}
	transaction := c.nextTransaction()
	publish, err := newCommand(CSIDStatus, id, "publish", transaction, amf0.Null{}, name, "live")
	if err != nil {
		return 0, err
	}
	if err := c.send(publish); err != nil {
		return 0, err
	}
	if err := c.waitStart(id, CodePublishStart, transaction); err != nil {
		return 0, err
	}
	return id, nil
}

// Play creates a message stream and plays name on it ("name?query" is
// allowed), live or recorded (start −2000, in the unit of today's players). It
// waits for NetStream.Play.Start. A refusal is a *StatusError, and leaves the
// connection usable; when ctx ends, the connection is closed and the error is
// ctx's.
func (c *ClientConn) Play(ctx context.Context, name string) (streamID uint32, err error) {
	release := c.guard(ctx)
	streamID, err = c.play(name)
	if err := release(err); err != nil {
		return 0, err
	}
	return streamID, nil
}

func (c *ClientConn) play(name string) (uint32, error) {
	id, err := c.createStream(&clientStream{name: name, plays: true})
	if err != nil {
		return 0, err
	}
	c.roomy.Store(true)
	transaction := c.nextTransaction()
	play, err := newCommand(CSIDStatus, id, "play", transaction, amf0.Null{}, name, float64(-2000))
	if err != nil {
		return 0, err
	}
	if err := c.send(play, userControl(userSetBufferLength, id, playBuffer)); err != nil {
		return 0, err
	}
	if err := c.waitStart(id, CodePlayStart, transaction); err != nil {
		return 0, err
	}
	return id, nil
}

// Unpublish ends what a stream does: FCUnpublish if it publishes, and
// deleteStream. Neither is answered; media that is still on its way is
// dropped.
func (c *ClientConn) Unpublish(streamID uint32) error { return c.endStream(streamID, true) }

// endStream does Unpublish. A publish that was refused is not announced to have ended: the server would take it for another stream's of that name.
func (c *ClientConn) endStream(streamID uint32, started bool) error {
	c.mu.Lock()
	s := c.streams[streamID]
	if s == nil || s.closed {
		c.mu.Unlock()
		return fmt.Errorf("%w: %d", ErrNoStream, streamID)
	}
	s.closed = true
	name, plays := s.name, s.plays
	c.mu.Unlock()

	end, err := newCommand(CSIDCommand, 0, "deleteStream", 0, amf0.Null{}, float64(streamID))
	if err != nil {
		return err
	}
	if plays || !started {
		return c.send(end)
	}
	announce, err := newCommand(CSIDCommand, 0, "FCUnpublish", 0, amf0.Null{}, name)
	if err != nil {
		return err
	}
	return c.send(announce, end)
}

// createStream writes the given commands and createStream, and registers the
// new stream under the id that the server answers with.
func (c *ClientConn) createStream(s *clientStream, before ...outgoing) (uint32, error) {
	transaction := c.nextTransaction()
	create, err := newCommand(CSIDCommand, 0, "createStream", transaction, amf0.Null{})
	if err != nil {
		return 0, err
	}
	if err := c.send(append(before, create)...); err != nil {
		return 0, err
	}
	result, err := c.waitResult(transaction)
	if err != nil {
		return 0, err
	}
	n, ok := result.(float64)
	if !ok || n < 0 || n > math.MaxUint32 || n != math.Trunc(n) {
		return 0, fmt.Errorf("%w: stream id is %v", ErrReply, result)
	}
	id := uint32(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.streams[id]; old != nil && !old.closed {
		return 0, fmt.Errorf("%w: stream id %d is in use", ErrReply, id)
	}
	if len(c.streams) >= c.cfg.MaxStreams {
		for old, s := range c.streams {
			if s.closed {
				delete(c.streams, old)
			}
		}
	}
	c.streams[id] = s
	return id, nil
}

// waitResult waits for the _result or _error of a transaction, and returns the
// value after the command object.
func (c *ClientConn) waitResult(transaction float64) (any, error) {
	for {
		ev, cmd, err := c.step()
		if err != nil {
			return nil, noCleanEOF(err)
		}
		if cmd == nil {
			if err := c.keep(ev); err != nil {
				return nil, err
			}
			continue
		}
		result, answered, err := cmd.answer(transaction)
		if answered || err != nil {
			return result, err
		}
	}
}

// waitStart waits for the onStatus with the given code on a stream, or for a
// refusal. A refused stream is deleted.
func (c *ClientConn) waitStart(id uint32, code string, transaction float64) error {
	for {
		ev, cmd, err := c.step()
		if err != nil {
			return noCleanEOF(err)
		}
		switch {
		case cmd != nil:
			_, _, err = cmd.answer(transaction)
		case ev.Kind != EventStatus || (ev.StreamID != id && ev.StreamID != 0):
			err = c.keep(ev)
		case ev.Status.Code == code:
			return nil
		case ev.Status.refusal():
			err = &StatusError{*ev.Status}
		}
		if err != nil {
			_ = c.endStream(id, false)
			return err
		}
	}
}

// answer reads c as the answer to a transaction of ours; answered is false if
// it is something else.
func (c *command) answer(transaction float64) (result any, answered bool, err error) {
	if (c.name != "_result" && c.name != "_error") || c.transaction != transaction {
		return nil, false, nil
	}
	var object any
	if err := c.args(&object, &result); err != nil {
		return nil, true, err
	}
	status, ok := statusFrom(result)
	if !ok {
		status, ok = statusFrom(object) // where some servers put it
	}
	switch {
	case c.name == "_error" && !ok:
		return nil, true, &StatusError{Status{Level: LevelError, Code: CodeCallFailed}}
	case c.name == "_error", ok && status.refusal():
		return nil, true, &StatusError{status}
	default:
		return result, true, nil
	}
}

// keep stores an event that arrived during a Publish or Play for Next.
func (c *ClientConn) keep(ev Event) error {
	size := len(ev.Message.Payload)
	if len(c.pending) >= maxBacklog || c.backlog+size > c.cfg.MaxInFlight {
		return ErrBacklog
	}
	c.backlog += size
	if c.cfg.ReuseBuffers {
		ev.Message.Payload = slices.Clone(ev.Message.Payload)
	}
	c.pending = append(c.pending, ev)
	return nil
}

func (c *ClientConn) nextTransaction() float64 {
	c.transaction++
	return c.transaction
}
