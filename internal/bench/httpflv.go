package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

var errNoFLV = errors.New("the server sends no FLV")

// An flvMedia plays by HTTP-FLV, an FLV file without an end as the body of a response, or by WebSocket-FLV, which has it in messages.
type flvMedia struct {
	socket *net.TCPConn
	count  *counted
	body   io.Reader
}

// counted counts what is read.
type counted struct {
	io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// openFLV asks for t, and waits until the server has answered.
func (t target) openFLV(ctx context.Context, number int) (media, error) {
	socket, err := t.dial(ctx, number)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	m, err := t.request(socket)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = socket.Close()
		return nil, err
	}
	return m, nil
}

func (t target) request(socket *net.TCPConn) (*flvMedia, error) {
	request, err := http.NewRequest(http.MethodGet, t.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "rtmp-edge bench")
	want := http.StatusOK
	if t.scheme == "ws" {
		want = http.StatusSwitchingProtocols
		askWebSocket(request.Header)
	}
	if err := request.Write(socket); err != nil {
		return nil, err
	}
	m := &flvMedia{socket: socket, count: &counted{Reader: socket}}
	in := bufio.NewReader(m.count)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		return nil, err
	}
	m.body = response.Body
	if t.scheme == "ws" {
		m.body = &messages{in: in}
	}
	if response.StatusCode != want {
		_ = response.Body.Close()
		return nil, fmt.Errorf("HTTP status %s", response.Status)
	}
	return m, nil
}

// Sizes of an FLV file's parts (FLV §E.2, §E.3, §E.4.1).
const (
	flvHeaderSize = 9
	flvTagSize    = 11
	flvBackSize   = 4
)

// begin reads the file header and the size of the tag before the first, which there is none of.
func (m *flvMedia) begin() error {
	var b [flvHeaderSize + flvBackSize]byte
	if err := m.read(b[:]); err != nil {
		return err
	}
	if !bytes.HasPrefix(b[:], []byte("FLV\x01")) {
		return errNoFLV
	}
	return nil
}

// next reads a tag.
//
//	| type (1) | size (3) | timestamp (3), its upper bits (1) | 0 (3) | data | size of all that (4) |
func (m *flvMedia) next() (rtmp.Message, error) {
	var b [flvTagSize]byte
	if err := m.read(b[:]); err != nil {
		return rtmp.Message{}, err
	}
	size := binary.BigEndian.Uint32(b[:]) & 0xffffff
	if size > 2*maxMessage {
		return rtmp.Message{}, fmt.Errorf("%w: a tag of %d bytes", errNoFLV, size)
	}
	out := rtmp.Message{
		Type:      rtmp.MessageType(b[0] & 0x1f), // the numbers are those of RTMP
		Timestamp: binary.BigEndian.Uint32(b[4:])>>8 | uint32(b[7])<<24,
	}
	data := make([]byte, size+flvBackSize)
	if err := m.read(data); err != nil {
		return rtmp.Message{}, err
	}
	if whole := binary.BigEndian.Uint32(data[size:]); whole != size+flvTagSize {
		return rtmp.Message{}, fmt.Errorf("%w: %d as the size of a tag of %d bytes", errNoFLV, whole, size+flvTagSize)
	}
	out.Payload = data[:size]
	return out, nil
}

// read fills b. Nothing for a while is an error.
func (m *flvMedia) read(b []byte) error {
	if err := m.socket.SetReadDeadline(time.Now().Add(silenceTime)); err != nil {
		return err
	}
	_, err := io.ReadFull(m.body, b)
	if isTimeout(err) {
		return fmt.Errorf("%w for %v", errSilent, silenceTime)
	}
	return err
}

func (m *flvMedia) sink(name string) (*sink, error) { return newSink(m.socket, name, m.count.n, 0) }

func (m *flvMedia) received() int64 { return m.count.n }

func (m *flvMedia) close() { _ = m.socket.Close() }
