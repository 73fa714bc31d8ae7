package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// playFLV is play over HTTP-FLV, or WebSocket-FLV where the URL says so.
func playFLV(t testing.TB, url string, configure ...func(*player)) *player {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &player{t: t, name: "player of " + url, ended: make(chan struct{}), cancel: cancel}
	for _, f := range configure {
		f(p)
	}
	go func() {
		defer close(p.ended)
		p.err = p.runFLV(ctx, url)
	}()
	t.Cleanup(func() {
		p.close()
		if _, problem := p.seen(); problem != nil {
			t.Errorf("%s: %v", p.name, problem)
		}
	})
	return p
}

// runFLV plays until the file ends, which is io.EOF, ctx does, or something is wrong with what arrived.
func (p *player) runFLV(ctx context.Context, url string) error {
	ask := askHTTP
	if strings.HasPrefix(url, "ws:") {
		ask = askWS
	}
	body, err := ask(ctx, url, p.buffer)
	if err != nil {
		return err
	}
	defer body.Close()
	in := bufio.NewReader(body)
	var header [13]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return err
	}
	if want := "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"; string(header[:]) != want { // audio and video
		return fmt.Errorf("the file begins with %x", header)
	}
	for {
		if err := p.reading.wait(ctx); err != nil {
			return err
		}
		m, err := readTag(in)
		if err == nil {
			err = p.message(m)
		}
		if err != nil {
			return err
		}
	}
}

// readTag reads a tag of an FLV file. One that is broken off is an error, and so is a wrong size behind it.
func readTag(in io.Reader) (*rtmp.Message, error) {
	var header [11]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:]) & 0xffffff
	payload := make([]byte, size+4)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, fmt.Errorf("a tag of %d bytes is broken off: %w", size, io.ErrUnexpectedEOF)
	}
	if back := binary.BigEndian.Uint32(payload[size:]); back != size+11 {
		return nil, fmt.Errorf("behind a tag of %d bytes of payload stands %d", size, back)
	}
	return &rtmp.Message{
		Type: rtmp.MessageType(header[0]), Timestamp: binary.BigEndian.Uint32(header[3:])&0xffffff | uint32(header[7])<<24,
		Payload: payload[:size],
	}, nil
}

// dialWS opens a WebSocket. A refusal is an error with its status and text.
func dialWS(ctx context.Context, url string, buffer int, header http.Header) (*websocket.Conn, error) {
	c, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: clientWith(buffer), HTTPHeader: header})
	if err != nil && response != nil {
		return nil, refusalIn(response)
	}
	return c, err
}

// A wsBody is what the binary messages of a WebSocket hold together.
type wsBody struct {
	ctx     context.Context //nolint:containedctx // for io.Reader
	ws      *websocket.Conn
	message io.Reader
}

// askWS asks for a stream over WebSocket.
func askWS(ctx context.Context, url string, buffer int) (io.ReadCloser, error) {
	ws, err := dialWS(ctx, url, buffer, nil)
	if err != nil {
		return nil, err
	}
	return &wsBody{ctx: ctx, ws: ws}, nil
}

// Read implements io.Reader. Its error at the end is a websocket.CloseError.
func (b *wsBody) Read(p []byte) (int, error) {
	for {
		if b.message != nil {
			n, err := b.message.Read(p)
			if n > 0 || err != nil && !errors.Is(err, io.EOF) {
				return n, err
			}
		}
		kind, message, err := b.ws.Reader(b.ctx)
		if err == nil && kind != websocket.MessageBinary {
			err = errors.New("a message of text")
		}
		if err != nil {
			return 0, err
		}
		b.message = message
	}
}

// Close implements io.Closer.
func (b *wsBody) Close() error { return b.ws.CloseNow() }

// closed tells how a WebSocket was closed.
func closed(err error) string {
	var c websocket.CloseError
	if !errors.As(err, &c) {
		return fmt.Sprint("not closed in order: ", err)
	}
	return fmt.Sprintf("%d %s", c.Code, c.Reason)
}
