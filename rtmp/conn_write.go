package rtmp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// maxScratch is how much framing memory a quiet connection keeps.
const maxScratch = 64 << 10

// An outgoing is a message and the chunk stream it goes out on.
type outgoing struct {
	csid uint32
	Message
}

// WriteMessage writes m, on the chunk stream that CSIDFor names, in one write.
// It waits until the peer's window took it, for Config.WriteTimeout at most.
// An error ends the connection, because the peer may have got a part of m.
func (c *conn) WriteMessage(m *Message) error {
	if len(m.Payload) > maxPayload {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, len(m.Payload))
	}
	return c.send(outgoing{CSIDFor(m.Type), *m})
}

// SetControlWriter diverts everything that c writes from now on, by itself
// (acknowledgements, answers to pings and commands) or by its writing methods,
// to w: for a player whose socket somebody else writes to. Once it returns, c
// does not touch the socket's sending side any more, and no write deadline is
// set. Another call sets another w, and nothing else: the deadline is by then
// that of whoever writes to the socket.
//
// Each call of w gets whole messages in a fresh slice, which w may keep. Calls
// do not overlap. w must not block and must not call c.
func (c *conn) SetControlWriter(w func([]byte) error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.divert = w
	c.scratch = nil
	if !c.diverted.Swap(true) {
		_ = c.nc.SetWriteDeadline(time.Time{})
	}
}

// send writes messages, all in one write. A SetChunkSize among them applies to
// those after it.
func (c *conn) send(messages ...outgoing) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.writeErr != nil {
		return c.writeErr
	}
	frames := c.scratch[:0]
	for i := range messages {
		m := &messages[i]
		frames = AppendMessage(frames, m.csid, c.outChunk, &m.Message)
		if size, ok := parseNumber(m.Payload); ok && m.Type == TypeSetChunkSize {
			c.outChunk = int(max(1, min(size, maxPayload)))
		}
	}
	if c.divert != nil {
		c.scratch = nil
		return c.divert(frames)
	}
	c.scratch = frames
	if cap(frames) > maxScratch {
		c.scratch = nil
	}
	return c.writeLocked(frames)
}

// writeLocked writes b to the socket. The caller holds wmu.
func (c *conn) writeLocked(b []byte) error {
	err := c.nc.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout))
	if err == nil {
		var n int
		n, err = c.nc.Write(b)
		c.bytesWritten.Add(uint64(n))
	}
	if err == nil {
		return nil
	}
	switch {
	case c.closed.Load() || errors.Is(err, net.ErrClosed):
		c.writeErr = ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.writeErr = fmt.Errorf("%w: %w", ErrWriteTimeout, err)
	default:
		c.writeErr = fmt.Errorf("rtmp: write: %w", err)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// A part of a message may be out: nothing can follow it. Other errors
		// leave input to be read that came before the peer went away.
		_ = c.Close()
	}
	return c.writeErr
}
