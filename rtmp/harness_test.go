package rtmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// tcpPair returns both ends of a TCP connection over loopback.
func tcpPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	return client, server
}

// A session is a ServerConn whose events are recorded. It accepts every
// connect, publish and play, except for the names "refused" and "slow".
type session struct {
	conn   *ServerConn // set once accepted is closed
	events chan Event
	err    error // why it ended; set once ended is closed

	accepted, ended chan struct{}
}

func serve(t testing.TB, nc net.Conn, cfg *Config) *session {
	t.Helper()
	s := &session{
		events:   make(chan Event, 4096),
		accepted: make(chan struct{}),
		ended:    make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		s.err = s.run(nc, cfg)
	}()
	t.Cleanup(func() {
		_ = nc.Close()
		<-s.ended
	})
	return s
}

func (s *session) run(nc net.Conn, cfg *Config) error {
	c, err := Accept(context.Background(), nc, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	s.conn = c
	if c.ConnectRequest().App == "refused" {
		if err := c.RejectConnect(Status{Code: CodeConnectInvalidApp, Description: "No such app."}); err != nil {
			return err
		}
		return c.Linger(patience)
	}
	if err := c.AcceptConnect(); err != nil {
		return err
	}
	close(s.accepted)
	for {
		ev, err := c.Next()
		if err != nil {
			return err
		}
		s.events <- ev
		if err := s.answer(c, &ev); err != nil {
			return err
		}
	}
}

func (s *session) answer(c *ServerConn, ev *Event) error {
	switch {
	case ev.Kind == EventPublish && ev.Publish.Name == "refused":
		return c.WriteStatus(ev.StreamID, Status{Level: LevelError, Code: CodePublishBadName, Description: "Taken."})
	case ev.Kind == EventPlay && ev.Play.Name == "refused":
		return c.WriteStatus(ev.StreamID, Status{Level: LevelError, Code: CodePlayStreamNotFound, Description: "Not here."})
	case ev.Kind == EventPublish && ev.Publish.Name != "slow":
		return c.AcceptPublish(ev.StreamID)
	case ev.Kind == EventPlay && ev.Play.Name != "slow":
		return c.AcceptPlay(ev.Play)
	}
	return nil
}

// event waits for the next event.
func (s *session) event(t testing.TB) Event {
	t.Helper()
	select {
	case ev := <-s.events:
		return ev
	default:
	}
	select {
	case ev := <-s.events:
		return ev
	case <-s.ended:
		t.Fatalf("no event, the session ended: %v", s.err)
	case <-time.After(patience):
		t.Fatal("no event")
	}
	panic("unreachable")
}

// end waits for the end of the session.
func (s *session) end(t testing.TB) error {
	t.Helper()
	select {
	case <-s.ended:
		return s.err
	case <-time.After(patience):
		t.Fatal("session goes on")
	}
	panic("unreachable")
}

// A peer speaks RTMP message by message, with no help from a ServerConn or
// ClientConn.
type peer struct {
	t  testing.TB
	nc net.Conn
	rd *chunk.Reader
}

// newPeer does the client's handshake over nc.
func newPeer(t testing.TB, nc net.Conn) *peer {
	t.Helper()
	if err := clientHandshake(nc, patience); err != nil {
		t.Fatal(err)
	}
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, nc: nc, rd: chunk.NewReader(nc, chunk.Limits{})}
}

// connected is newPeer and a `connect`.
func connected(t testing.TB, nc net.Conn) *peer {
	t.Helper()
	p := newPeer(t, nc)
	p.write(frame(connectMessage("live")))
	if values := p.expectCommand("_result"); values[0] != float64(1) {
		t.Fatalf("connect: %v", values)
	}
	return p
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// read returns the next message.
func (p *peer) read() Message {
	p.t.Helper()
	m, err := p.rd.ReadMessage()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return m
}

// expectCommand skips control messages and returns the values after the name
// of the next command, which must have the given name.
func (p *peer) expectCommand(name string) []any {
	p.t.Helper()
	for {
		m := p.read()
		if m.Type != TypeCommand {
			continue
		}
		values := decodeAll(p.t, m.Payload)
		if values[0] != name {
			p.t.Fatalf("got command %v, want %s", values, name)
		}
		return values[1:]
	}
}

// expectStatus is expectCommand for an onStatus with the given code.
func (p *peer) expectStatus(code string) {
	p.t.Helper()
	values := p.expectCommand("onStatus")
	if s, ok := statusFrom(values[2]); !ok || s.Code != code {
		p.t.Fatalf("got status %v, want %s", values, code)
	}
}

// fence makes sure that the server has dealt with everything sent so far, and
// has written nothing but acknowledgements since what was read last.
func (p *peer) fence() {
	p.t.Helper()
	p.write(frame(userControl(userPingRequest, 0xfe9ce)))
	want := userControl(userPingResponse, 0xfe9ce)
	for {
		m := p.read()
		if m.Type == TypeAcknowledgement {
			continue
		}
		if m.Type != TypeUserControl || !bytes.Equal(m.Payload, want.Payload) {
			p.t.Fatalf("unexpected answer: %v %x %q", m.Type, m.Payload, m.Payload)
		}
		return
	}
}

// finish half-closes the connection and waits for the server to do the same.
func (p *peer) finish() {
	p.t.Helper()
	closeWrite(p.t, p.nc)
	for {
		if _, err := p.rd.ReadMessage(); err != nil {
			if !errors.Is(err, io.EOF) {
				p.t.Fatalf("end: %v", err)
			}
			return
		}
	}
}

func closeWrite(t testing.TB, nc net.Conn) {
	t.Helper()
	if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

func decodeAll(t testing.TB, payload []byte) []any {
	t.Helper()
	d := amf0.NewDecoder(payload, amf0.Limits{})
	var values []any
	for {
		v, err := d.Decode()
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			t.Fatalf("decode %x: %v", payload, err)
		}
		values = append(values, v)
	}
}

// frame returns messages as a peer writes them that has not changed its chunk
// size.
func frame(messages ...outgoing) []byte { return frameIn(initialChunkSize, messages...) }

// frameIn writes messages in chunks of the given size.
func frameIn(chunkSize int, messages ...outgoing) []byte {
	var b []byte
	for _, m := range messages {
		b = AppendMessage(b, m.csid, chunkSize, &m.Message)
	}
	return b
}

// cmd makes a command message on csid 3.
func cmd(streamID uint32, name string, transaction float64, values ...any) outgoing {
	m, err := newCommand(CSIDCommand, streamID, name, transaction, values...)
	if err != nil {
		panic(err)
	}
	return m
}

func connectMessage(app string) outgoing {
	return cmd(0, "connect", 1, amf0.Object{
		{Key: "app", Value: app},
		{Key: "tcUrl", Value: "rtmp://host/" + app},
	})
}

// media makes an audio, video or data message.
func media(t MessageType, streamID, timestamp uint32, payload string) outgoing {
	return outgoing{CSIDFor(t), Message{Type: t, StreamID: streamID, Timestamp: timestamp, Payload: []byte(payload)}}
}

// describe names an event briefly, for comparison.
func describe(ev *Event) string {
	switch ev.Kind {
	case EventPublish:
		return fmt.Sprintf("publish %d %q", ev.StreamID, ev.Publish.Name)
	case EventPlay:
		return fmt.Sprintf("play %d %q", ev.StreamID, ev.Play.Name)
	case EventMessage:
		return fmt.Sprintf("message %d %d @%d %q", ev.StreamID, ev.Message.Type, ev.Message.Timestamp, ev.Message.Payload)
	default:
		return fmt.Sprintf("%s %d", ev.Kind, ev.StreamID)
	}
}
