package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// connectTime is what a connection may take from its first packet to the answer to publish or play.
const connectTime = 15 * time.Second

// An rtmpConn is a client, and the socket below it.
type rtmpConn struct {
	*rtmp.ClientConn
	socket *net.TCPConn
	tap    *tap
	secure bool
}

// connect connects to t and does the handshake, as connection i.
func (t target) connect(ctx context.Context, i int) (*rtmpConn, error) {
	socket, err := t.dial(ctx, i)
	if err != nil {
		return nil, err
	}
	c := &rtmpConn{socket: socket, secure: t.scheme == "rtmps"}
	var nc net.Conn = socket
	if c.secure {
		nc = tls.Client(socket, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a load, not a secret: the certificate is for others to check
	}
	c.tap = &tap{Conn: nc}
	cfg := rtmp.Config{HandshakeTimeout: connectTime, ConnectTimeout: connectTime, CommandRate: 1000, MaxInFlight: 2 * maxMessage}
	request := rtmp.ConnectRequest{App: t.app, TCURL: t.scheme + "://" + t.host + "/" + t.app}
	if c.ClientConn, err = rtmp.NewClient(ctx, c.tap, request, &cfg); err != nil {
		return nil, err
	}
	return c, nil
}

// A tap remembers the first bytes that came, in which the server says what it wants. It is read by one goroutine.
type tap struct {
	net.Conn
	head []byte
}

// Bounds of what is looked at: the handshake (RTMP 1.0 §5.2), and the answers to commands.
const (
	handshakeBytes = 1 + 2*1536
	tapBytes       = handshakeBytes + 4096
)

// Read implements net.Conn.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if len(t.head) < tapBytes {
		t.head = append(t.head, p[:min(n, tapBytes-len(t.head))]...)
	}
	return n, err
}

// window is after how many bytes the server wants an acknowledgement (RTMP 1.0 §5.4.4); if it has not said so, after as many as is usual.
func (t *tap) window() int64 {
	if len(t.head) < handshakeBytes {
		return rtmp.DefaultWindowAckSize
	}
	r := chunk.NewReader(bytes.NewReader(t.head[handshakeBytes:]), chunk.Limits{})
	window := int64(rtmp.DefaultWindowAckSize)
	for {
		m, err := r.ReadMessage()
		if err != nil {
			return window
		}
		if m.Type == chunk.TypeWindowAckSize && len(m.Payload) == 4 {
			window = max(int64(binary.BigEndian.Uint32(m.Payload)), 1)
		}
	}
}

// acknowledgement frames how many bytes have arrived (RTMP 1.0 §5.4.3).
func acknowledgement(received int64) []byte {
	m := rtmp.Message{Type: rtmp.TypeAcknowledgement, Payload: binary.BigEndian.AppendUint32(nil, uint32(received))}
	return rtmp.AppendMessage(nil, rtmp.CSIDControl, chunk.InitialChunkSize, &m)
}
