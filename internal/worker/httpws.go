package worker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/transport"
)

// messages are the format of FLV over WebSocket: the file in pieces, of which each is a binary message.
type messages struct {
	*viewer
	ws *websocket.Conn
}

// upgrade answers a request for a WebSocket. If that is not possible, it says so to who asked.
func upgrade(v *viewer, rw http.ResponseWriter, r *http.Request, o *transport.Options) (format, error) {
	m := &messages{viewer: v}
	v.format = m
	var err error
	m.ws, err = websocket.Accept(&taking{rw, v, o}, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // of the origin: it was looked at
		CompressionMode:    websocket.CompressionDisabled,
	})
	return m, err
}

// carry implements format.
func (m *messages) carry(from *live.Pipe) error {
	for begun := false; ; begun = true {
		piece, err := from.Next()
		if errors.Is(err, io.EOF) {
			m.dismiss(m.endedBy())
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.ws.Write(context.Background(), websocket.MessageBinary, piece); err != nil {
			return err
		}
		if !begun {
			m.begin()
		}
	}
}

// hear implements format. Package websocket answers pings meanwhile, and that the peer closes.
func (m *messages) hear() error {
	for {
		_, message, err := m.ws.Reader(context.Background())
		if err == nil {
			_, err = io.Copy(io.Discard, message)
		}
		if err != nil {
			return err
		}
	}
}

// Codes with which a WebSocket is closed: those of RFC 6455 §7.4.1, and of our own, after the status of HTTP.
const (
	closeNotFound = 4404
	closeKicked   = 4403
)

var closeCodes = map[live.EndReason]websocket.StatusCode{
	live.EndUnpublished: websocket.StatusNormalClosure,
	live.EndShutdown:    websocket.StatusGoingAway,
	live.EndNotFound:    closeNotFound,
	live.EndKicked:      closeKicked,
}

// dismiss implements format. The peer may take as long to answer as to close its end of any connection.
func (m *messages) dismiss(r live.EndReason) {
	late := time.AfterFunc(lingerTime, m.cut)
	defer late.Stop()
	_ = m.ws.Close(closeCodes[r], farewells[r]) // the connection ends, whether it is told so or not
}

// taking is a response writer whose connection becomes a viewer's.
type taking struct {
	http.ResponseWriter
	v *viewer
	o *transport.Options
}

// Hijack implements http.Hijacker.
func (t *taking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := t.v.own(nc, t.o); err != nil {
		return nil, nil, err
	}
	conn := &frameConn{Conn: t.v.nc, v: t.v}
	return conn, bufio.NewReadWriter(rw.Reader, bufio.NewWriterSize(conn, maxFrameHead)), nil
}

// maxFrameHead is more than any header of a frame has, in bytes (RFC 6455 §5.2), and all that is buffered of one.
const maxFrameHead = 16

// A frameConn is the connection below a WebSocket. A frame that does not fit into the buffer comes as that, full, and the rest: both are written as one.
type frameConn struct {
	net.Conn
	v *viewer

	// Owned by who writes a frame: there is one at a time.
	head [maxFrameHead]byte
	held int // bytes in head
}

// Read implements net.Conn.
func (c *frameConn) Read(b []byte) (int, error) { return c.v.Read(b) }

// Write implements net.Conn.
func (c *frameConn) Write(b []byte) (int, error) {
	if c.held == 0 && len(b) == maxFrameHead && frameSize(b) > maxFrameHead {
		c.held = copy(c.head[:], b)
		return len(b), nil
	}
	n, err := c.v.out.writev(c.head[:c.held], b)
	n = max(0, n-c.held)
	c.held = 0
	return n, err
}

// frameSize is how many bytes a frame has that begins with b, in which all of its header is. As it comes from a server, there is no mask.
//
//	| FIN, opcode (1) | length (1): up to 125 | length of (2), if that is 126, of (8), if it is 127 | payload |
func frameSize(b []byte) int {
	const short, long = 126, 127
	switch n := int(b[1] & 0x7f); n {
	case short:
		return 4 + int(binary.BigEndian.Uint16(b[2:]))
	case long:
		return 10 + int(binary.BigEndian.Uint64(b[2:]))
	default:
		return 2 + n
	}
}
