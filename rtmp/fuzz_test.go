package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// A memoryConn is a net.Conn that reads from one buffer and writes to another.
type memoryConn struct {
	in  bytes.Reader
	out bytes.Buffer
}

// newMemoryConn is what a client has sent: a handshake and input.
func newMemoryConn(input []byte) *memoryConn {
	c := &memoryConn{}
	c.in.Reset(join([]byte{protocolVersion}, make([]byte, 2*packetSize), input))
	return c
}

func (c *memoryConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *memoryConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *memoryConn) Close() error                     { return nil }
func (c *memoryConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// clientSessions are whole sessions of real clients, after the handshake.
func clientSessions() [][]byte {
	null := amf0.Null{}
	connect := func(flashVer string) outgoing {
		return cmd(0, "connect", 1, amf0.Object{
			{Key: "app", Value: "live"},
			{Key: "type", Value: "nonprivate"},
			{Key: "flashVer", Value: flashVer},
			{Key: "tcUrl", Value: "rtmp://host:1935/live"},
			{Key: "fpad", Value: false},
			{Key: "capabilities", Value: 15.0},
		})
	}
	metadata := "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05width\x00\x40\x94\x00\x00\x00\x00\x00\x00\x00\x00\x09"
	obsMedia := func(m outgoing) outgoing { m.csid = 4; return m }
	return [][]byte{
		// OBS
		append(frame(protocolControl(TypeSetChunkSize, 4096)), frameIn(4096, connect("FMLE/3.0 (compatible; FMSc/1.0)"), cmd(0, "releaseStream", 2, null, "cam"), cmd(0, "FCPublish", 3, null, "cam"),
			cmd(0, "createStream", 4, null), obsMedia(cmd(1, "publish", 5, null, "cam", "live")), obsMedia(media(TypeData, 1, 0, metadata)),
			obsMedia(media(TypeVideo, 1, 0, "\x17\x00")), obsMedia(media(TypeAudio, 1, 0x1000000, "\xaf\x01")),
			cmd(0, "FCUnpublish", 6, null, "cam"), cmd(0, "deleteStream", 7, null, 1.0))...),
		// ffmpeg, playing
		frame(connect("LNX 9,0,124,2"), protocolControl(TypeWindowAckSize, 2500000), cmd(0, "createStream", 2, null), cmd(0, "_checkbw", 3, null),
			cmd(0, "FCSubscribe", 4, null, "cam"), cmd(0, "getStreamLength", 5, null, "cam"), cmd(1, "play", 6, null, "cam", -2000.0),
			userControl(userSetBufferLength, 1, 3000), userControl(userPingResponse, 1), protocolControl(TypeAcknowledgement, 2500000),
			cmd(1, "pause", 0, null, true, 0.0), cmd(1, "seek", 0, null, 0.0), cmd(0, "deleteStream", 0, null, 1.0)),
		// GStreamer
		frame(connect("FMLE/3.0 (compatible; GStreamer)"), cmd(0, "createStream", 2, null), cmd(1, "publish", 0, null, "cam"),
			media(TypeVideo, 1, 5, "\x27\x01"), cmd(0, "closeStream", 0, null, "cam"), cmd(0, "deleteStream", 0, null, "cam")),
		// Everything in its rarer form
		frame(asAMF3(connect("WIN")), asAMF3(cmd(0, "createStream", 2, null)), asAMF3(cmd(1, "publish", 3, null, "cam")),
			asAMF3(media(TypeData, 1, 0, metadata)),
			media(TypeAggregate, 1, 7, "\x08\x00\x00\x01\x00\x00\x07\x00\x00\x00\x00a\x00\x00\x00\x0c\x09\x00\x00\x01\x00\x00\x09\x00\x00\x00\x00v"),
			cmd(1, "publish", 3, null, "refused"), cmd(1, "play", 3, null, "slow"), cmd(1, "closeStream", 3, null)),
	}
}

// FuzzServerSession gives a server everything that a client could send after
// the handshake. Whatever it is, the server does not panic, reports only what
// its state allows, and writes nothing but well-formed messages.
func FuzzServerSession(f *testing.F) {
	for _, session := range clientSessions() {
		f.Add(session)
	}
	connect := frame(connectMessage("live"))
	publish := join(connect, frame(cmd(1, "publish", 0, amf0.Null{}, "cam")))
	seed := func(before, input []byte) {
		if len(input) <= 4<<10 { // long seeds make a slow fuzzer
			f.Add(join(before, input))
		}
	}
	for _, tt := range hostileInputs {
		if tt.publish {
			seed(publish, tt.input)
		} else {
			seed(connect, tt.input)
			seed(nil, tt.input)
		}
	}
	for _, tt := range claims {
		if tt.publish {
			seed(publish, tt.input)
		} else {
			seed(connect, tt.input)
		}
	}
	for _, tt := range commandVectors() {
		seed(publish, frame(tt.send...))
	}
	for _, tt := range requestVectors() {
		seed(connect, frame(tt.send))
	}
	for _, tt := range malformedCommands {
		seed(connect, frame(raw(TypeCommand, 1, tt.payload)))
	}
	for _, tt := range capabilityVectors {
		seed(nil, frame(cmd(0, "connect", 1, tt.properties)))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		var seen [2][]string
		for i, reuse := range []bool{false, true} {
			nc := newMemoryConn(input)
			seen[i] = checkSession(t, nc, len(input), reuse)
			checkOutput(t, nc.out.Bytes())
		}
		if !slices.Equal(seen[0], seen[1]) {
			t.Errorf("events %q; with buffers that are used again %q", seen[0], seen[1])
		}
	})
}

// checkSession returns what happened in the session.
func checkSession(t *testing.T, nc *memoryConn, sent int, reuse bool) (seen []string) {
	s := &session{}
	c, err := Accept(context.Background(), nc, &Config{IdleTimeout: time.Nanosecond, ReuseBuffers: reuse})
	if err != nil {
		return nil
	}
	announced := c.ConnectRequest().Enhanced
	if len(announced.FourCCs) > maxFourCCs || len(announced.Video) > maxFourCCs || len(announced.Audio) > maxFourCCs {
		t.Errorf("announced %+v", announced)
	}
	if err := c.AcceptConnect(); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteReconnectRequest("", ""); err != nil {
		t.Fatal(err)
	}
	using := map[uint32]EventKind{} // what a stream was last asked for
	for {
		ev, err := c.Next()
		if err != nil {
			if again, err2 := c.Next(); err2 != err { //nolint:errorlint // the very same
				t.Errorf("Next after %v: %v, %v", err, again, err2)
			}
			return append(seen, Kind(err))
		}
		seen = append(seen, describe(&ev))
		switch ev.Kind {
		case EventPublish, EventPlay:
			if using[ev.StreamID] != 0 {
				t.Errorf("%s while in use", describe(&ev))
			}
			using[ev.StreamID] = ev.Kind
		case EventCloseStream:
			if using[ev.StreamID] == 0 {
				t.Errorf("%s while not in use", describe(&ev))
			}
			delete(using, ev.StreamID)
		case EventMessage:
			if using[ev.StreamID] != EventPublish {
				t.Errorf("%s on a stream that does not publish", describe(&ev))
			}
			m := ev.Message
			if m.StreamID != ev.StreamID || !isMedia(m.Type) || m.Type == TypeAggregate {
				t.Errorf("message %+v", m)
			}
			if sent -= len(m.Payload); sent < 0 {
				t.Fatal("more media came out than went in")
			}
		default:
			t.Errorf("%s", describe(&ev))
		}
		if reuse {
			clear(ev.Message.Payload)
		}
		if err := s.answer(c, &ev); err != nil {
			t.Errorf("%s: %v", describe(&ev), err)
		}
		if refused(&ev) {
			delete(using, ev.StreamID)
		}
		if len(c.streams) > DefaultMaxStreams || len(c.pending) > 2 {
			t.Errorf("%d streams, %d pending events", len(c.streams), len(c.pending))
		}
		checkCounts(t, c)
	}
}

// checkCounts compares what is counted with what is there.
func checkCounts(t *testing.T, c *ServerConn) {
	busy, publishing := 0, 0
	for _, s := range c.streams {
		busy += count(s.state != streamIdle)
		publishing += count(s.state == streamPublishing)
	}
	if c.busy != busy || c.publishing != publishing {
		t.Errorf("counted %d busy and %d publishing streams, there are %d and %d", c.busy, c.publishing, busy, publishing)
	}
}

func refused(ev *Event) bool {
	return ev.Kind == EventPublish && ev.Publish.Name == "refused" || ev.Kind == EventPlay && ev.Play.Name == "refused"
}

// checkOutput reads everything that the server wrote.
func checkOutput(t *testing.T, out []byte) {
	rd := chunk.NewReader(bytes.NewReader(out[min(handshakeSize, len(out)):]), chunk.Limits{})
	for {
		m, err := rd.ReadMessage()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("output: %v", err)
		}
		if m.Type == TypeCommand {
			decodeAll(t, m.Payload)
		}
	}
}

// FuzzClientSession gives a client everything that a server could answer.
func FuzzClientSession(f *testing.F) {
	null := amf0.Null{}
	status := func(code string) outgoing { return cmd(1, "onStatus", 0, null, (&Status{Code: code}).object()) }
	f.Add(frame(cmd(0, "_result", 1, null, null), cmd(0, "_result", 2, null, 1.0), status(CodePlayReset), status(CodePlayStart),
		media(TypeVideo, 1, 0, "v"), media(TypeAggregate, 1, 0, "\x08\x00\x00\x01\x00\x00\x07\x00\x00\x00\x00a"), userControl(userStreamEOF, 1)))
	f.Add(frame(cmd(0, "_error", 1, null, (&Status{Level: LevelError, Code: CodeConnectRejected}).object())))
	f.Add(frame(cmd(0, "_result", 1), media(TypeVideo, 1, 0, "v"), cmd(0, "_error", 2)))
	for _, tt := range commandVectors() {
		f.Add(frame(append([]outgoing{cmd(0, "_result", 1, null, null), cmd(0, "_result", 2, null, 1.0), status(CodePlayStart)}, tt.send...)...))
	}
	for _, tt := range malformedCommands {
		f.Add(frame(raw(TypeCommand, 0, tt.payload)))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		nc := newMemoryConn(input)
		defer func() { checkOutput(t, nc.out.Bytes()) }()
		c, err := NewClient(context.Background(), nc, ConnectRequest{App: "live"}, nil)
		if err != nil {
			return
		}
		id, err := c.Play(context.Background(), "cam")
		if err != nil {
			return
		}
		for {
			ev, err := c.Next()
			if err != nil {
				return
			}
			if ev.Kind == EventMessage && ev.StreamID != id {
				t.Errorf("%s on a stream that does not play", describe(&ev))
			}
		}
	})
}
