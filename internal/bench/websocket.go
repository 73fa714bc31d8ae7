package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// askWebSocket makes a request one for a WebSocket (RFC 6455 §4.1). The key only has to have 16 bytes: nothing stands between the server and us.
func askWebSocket(h http.Header) {
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", "cnRtcC1lZGdlIGJlbmNoIQ==")
}

var errNoMedia = errors.New("the server sends something else than binary messages")

// messages are the payloads of a WebSocket's binary messages, put together.
type messages struct {
	in   *bufio.Reader
	left uint64 // of the frame that is read
}

// Read implements io.Reader.
func (m *messages) Read(p []byte) (int, error) {
	for m.left == 0 {
		if err := m.next(); err != nil {
			return 0, err
		}
	}
	n, err := m.in.Read(p[:min(uint64(len(p)), m.left)])
	m.left -= uint64(n)
	return n, err
}

// next reads the header of a frame, from a server, which doesn't mask (RFC 6455 §5.2).
//
//	| FIN, opcode (1) | length (1): up to 125 | length of (2), if that is 126, of (8), if it is 127 | payload |
func (m *messages) next() error {
	const continued, binaryMessage, closing, short, long = 0, 2, 8, 126, 127
	var b [8]byte
	if _, err := io.ReadFull(m.in, b[:2]); err != nil {
		return err
	}
	var err error
	opcode := b[0] & 0x0f
	switch m.left = uint64(b[1]); b[1] {
	case short:
		_, err = io.ReadFull(m.in, b[6:])
		m.left = uint64(binary.BigEndian.Uint16(b[6:]))
	case long:
		_, err = io.ReadFull(m.in, b[:])
		m.left = binary.BigEndian.Uint64(b[:])
	}
	switch {
	case err != nil:
		return err
	case opcode == closing:
		return io.EOF
	case opcode != continued && opcode != binaryMessage:
		return fmt.Errorf("%w: opcode %d", errNoMedia, opcode)
	}
	return nil
}
