package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// initialChunkSize is what both ends write with until they say otherwise
// (RTMP 1.0 §5.4.1).
const initialChunkSize = 128

// A conn is what both ends of a connection have in common: reading with flow
// control and limits (here), and writing (conn_write.go).
type conn struct {
	// Static after construction.
	nc  net.Conn
	cfg *Config // complete
	rd  *chunk.Reader

	// Owned by the reading goroutine.
	bucket  bucket
	strays  int       // messages dropped because their stream is not active
	parts   aggregate // what is left of an aggregate message
	pending []Event   // to be returned by Next before anything is read
	err     error     // why reading ended

	// Owned by the reading goroutine as well, but during Read only.
	window       uint32 // bytes between two acknowledgements
	received     uint64 // bytes, the handshake included
	acknowledged uint64 // received, when the last acknowledgement was sent

	// Safe from any goroutine.
	closed       atomic.Bool
	diverted     atomic.Bool // divert is set
	roomy        atomic.Bool // Config.MaxInFlight is to apply from now on
	bytesRead    atomic.Uint64
	bytesWritten atomic.Uint64
	messagesRead atomic.Uint64
	messagesLost atomic.Uint64
	peerReceived atomic.Uint32
	clamped      atomic.Uint64
	refused      atomic.Uint64

	// wmu keeps messages whole and in order. It is held during a write: whoever
	// else wants to write must wait for it anyway, for WriteTimeout at most.
	wmu      sync.Mutex
	divert   func([]byte) error // see SetControlWriter
	outChunk int                // chunk size we write with
	scratch  []byte             // for framing
	writeErr error              // why writing ended
}

// Stats are counters of one connection. What a control writer takes, and what
// goes around the Conn to its NetConn, is not counted.
type Stats struct {
	BytesRead    uint64 // the handshake included
	BytesWritten uint64 // the handshake included
	MessagesRead uint64
	StrayMedia   uint64 // messages dropped because their stream was not active
	PeerReceived uint32 // the peer's last acknowledgement: bytes, modulo 2^32
	Clamped      uint64 // chunk sizes and windows of the peer that we bent to what is usable
	Refused      uint64 // message streams beyond Config.MaxStreams
}

// init prepares c after the handshake over c.nc.
func (c *conn) init(cfg *Config) {
	c.cfg = cfg
	c.rd = chunk.NewReader(c.source(), cfg.idleLimits())
	if cfg.ReuseBuffers {
		c.rd.ReuseBuffers()
	}
	c.bucket = newBucket(cfg.CommandRate, cfg.CommandBurst, time.Now())
	c.window = clampWindow(uint32(min(cfg.WindowAckSize, maxWindow)))
	c.received = handshakeSize
	c.bytesRead.Store(handshakeSize)
	c.bytesWritten.Store(handshakeSize)
	c.outChunk = initialChunkSize
}

// NetConn returns the connection underneath. Whoever writes to it does so
// after SetControlWriter only.
func (c *conn) NetConn() net.Conn { return c.nc }

// Stats returns the counters as they are now.
func (c *conn) Stats() Stats {
	return Stats{
		BytesRead:    c.bytesRead.Load(),
		BytesWritten: c.bytesWritten.Load(),
		MessagesRead: c.messagesRead.Load(),
		StrayMedia:   c.messagesLost.Load(),
		PeerReceived: c.peerReceived.Load(),
		Clamped:      c.clamped.Load(),
		Refused:      c.refused.Load(),
	}
}

// Buffered reports whether something was read that Next has not dealt with: then
// it has something to do before it reads again. Only the reading goroutine may
// call it.
func (c *conn) Buffered() bool {
	return c.rd.Buffered() > 0 || len(c.parts.rest) > 0 || len(c.pending) > 0
}

// Close closes the connection. It waits for nothing; calls that wait for the
// peer return an error, which is ErrClosed to errors.Is. Closing again does
// nothing.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.nc.Close()
}

// Linger ends the connection in such a way that what was written last, a
// refusal for example, reaches the peer: it sends FIN, then discards what the
// peer still sends until the peer closes, or for d at most, then closes.
// Closing at once instead would make the kernel send a reset, which overtakes
// data, whenever input is left unread. Only the reading goroutine may call it.
func (c *conn) Linger(d time.Duration) error {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		if c.nc.SetReadDeadline(time.Now().Add(d)) == nil {
			_, _ = io.Copy(io.Discard, accounted{c})
		}
	}
	return c.Close()
}

// guard closes the connection when ctx ends. The function it returns must be
// called with the result of the guarded work: it stops the guard, and returns
// ctx's error if that was first.
func (c *conn) guard(ctx context.Context) func(error) error {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = c.Close()
	})
	return func(err error) error {
		if stop() {
			return err
		}
		<-done
		return fmt.Errorf("rtmp: %w", ctx.Err())
	}
}

// receive returns the next message that is not dealt with here: media, data,
// commands and user control. Types 15 and 17 come as 18 and 20. If it need not
// wait, then ok is false when all that arrived is dealt with.
func (c *conn) receive(wait bool) (m Message, ok bool, err error) {
	for {
		if c.roomy.Load() && c.roomy.Swap(false) {
			c.rd.SetMaxInFlight(c.cfg.MaxInFlight)
		}
		if !wait && !c.rd.Arrived() {
			return m, false, nil
		}
		m, err := c.rd.ReadMessage()
		if err != nil {
			return m, false, c.readError(err)
		}
		c.messagesRead.Add(1)
		counts := m.Type != TypeDataAMF3 // media, of whatever encoding, does not
		if !unwrapAMF3(&m) {
			m.Type = 0 // real AMF 3: as good as any unknown type
		}
		if counts && !isMedia(m.Type) && m.Type != TypeAcknowledgement && !c.bucket.take(time.Now()) {
			return m, false, ErrFlood
		}
		switch m.Type {
		case TypeAudio, TypeVideo, TypeData, TypeAggregate, TypeCommand:
			return m, true, nil
		case TypeUserControl:
			c.answerPing(m.Payload)
			return m, true, nil
		case TypeWindowAckSize:
			if size, ok := parseNumber(m.Payload); ok {
				c.window = clampWindow(size)
				c.countClamped(size, c.window)
			}
		case TypeAcknowledgement:
			if received, ok := parseNumber(m.Payload); ok {
				c.peerReceived.Store(received)
			}
		case TypeSetChunkSize: // the chunk reader has applied it
			if size, ok := parseNumber(m.Payload); ok {
				c.countClamped(size, min(size, chunk.MaxChunkSize))
			}
		default:
			// Abort was applied by the chunk reader.
			// SetPeerBandwidth asks for a WindowAckSize, which we send anyway.
			// Shared objects and unknown types have nobody to go to.
		}
	}
}

// countClamped counts a value of the peer if we use another in its place.
func (c *conn) countClamped(asked, used uint32) {
	if asked != used {
		c.clamped.Add(1)
	}
}

// takePending returns the oldest pending event.
func (c *conn) takePending() (ev Event, ok bool) {
	if len(c.pending) == 0 {
		return ev, false
	}
	ev = c.pending[0]
	c.pending = slices.Delete(c.pending, 0, 1)
	if len(c.pending) == 0 {
		c.pending = nil // there is hardly ever another
	}
	return ev, true
}

// isMedia reports whether messages of type t belong to a stream's media.
func isMedia(t MessageType) bool {
	return t == TypeAudio || t == TypeVideo || t == TypeData || t == TypeAggregate
}

// answerPing answers a PingRequest with its own timestamp (RTMP 1.0 §7.1.7).
// As with acknowledgements, a failure to write shows in reading, but only
// after what the peer sent before it went away.
func (c *conn) answerPing(payload []byte) {
	if event, timestamp, ok := parseUserControl(payload); ok && event == userPingRequest {
		_ = c.send(userControl(userPingResponse, timestamp))
	}
}

// stray counts a media message that is dropped. A few are tolerated, because
// a peer may not know yet that its stream has ended.
func (c *conn) stray() error {
	c.messagesLost.Add(1)
	c.strays++
	if c.strays > c.cfg.MaxStrayMessages {
		return ErrStrayMedia
	}
	return nil
}

// readError gives an error of the connection the name that callers look for.
func (c *conn) readError(err error) error {
	if !c.closed.Load() || err == nil || errors.Is(err, io.EOF) {
		return err
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if errors.Is(c.writeErr, ErrWriteTimeout) {
		return c.writeErr
	}
	return ErrClosed
}

// timedOut wraps err in reason if a deadline caused it.
func timedOut(err error, reason *Error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !errors.As(err, new(*Error)) {
		return fmt.Errorf("%w: %w", reason, err)
	}
	return err
}

// clampWindow makes a window that a peer asked for a usable one.
func clampWindow(size uint32) uint32 { return max(minWindow, min(size, maxWindow)) }
