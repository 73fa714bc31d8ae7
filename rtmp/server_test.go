package rtmp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// TestReplyVectors holds the server's answers to the byte.
func TestReplyVectors(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := newPeer(t, client)

	text := func(s string) string { return hex.EncodeToString([]byte(s)) }
	key := func(s string) string { return "00" + hex.EncodeToString([]byte{byte(len(s))}) + text(s) }
	str := func(s string) string { return "02" + key(s) }
	status := func(streamID, level, code, description string) string {
		body := str("onStatus") + "000000000000000000" + "05" +
			"03" + key("level") + str(level) + key("code") + str(code) + key("description") + str(description) + "000009"
		return "05000000" + fmt.Sprintf("%06x", len(body)/2) + "14" + streamID + body
	}
	for _, tt := range []struct {
		name string
		send outgoing
		want string
	}{
		{
			"connect", connectMessage("live"), "" +
				"02000000" + "000004" + "05" + "00000000" + "002625a0" + // WindowAckSize 2500000
				"02000000" + "000005" + "06" + "00000000" + "002625a0" + "02" + // SetPeerBandwidth, dynamic
				"02000000" + "000004" + "01" + "00000000" + "0000ea60" + // SetChunkSize 60000
				"02000000" + "000006" + "04" + "00000000" + "0000" + "00000000" + // StreamBegin 0
				"03000000" + "0000be" + "14" + "00000000" +
				str("_result") + "003ff0000000000000" +
				"03" + key("fmsVer") + str("FMS/3,0,1,123") + key("capabilities") + "00403f000000000000" + "000009" +
				"03" + key("level") + str("status") + key("code") + str("NetConnection.Connect.Success") +
				key("description") + str("Connection succeeded.") + key("objectEncoding") + "000000000000000000" + "000009",
		},
		{
			"createStream", cmd(0, "createStream", 4, amf0.Null{}), "" +
				"03000000" + "00001d" + "14" + "00000000" +
				str("_result") + "004010000000000000" + "05" + "003ff0000000000000",
		},
		{
			"publish", cmd(1, "publish", 5, amf0.Null{}, "a", "live"), "" +
				"02000000" + "000006" + "04" + "00000000" + "0000" + "00000001" +
				status("01000000", "status", "NetStream.Publish.Start", "Publish started."),
		},
		{
			"second createStream", cmd(0, "createStream", 6, amf0.Null{}), "" +
				"03000000" + "00001d" + "14" + "00000000" +
				str("_result") + "004018000000000000" + "05" + "004000000000000000",
		},
		{
			"play", cmd(2, "play", 0, amf0.Null{}, "a"), "" +
				"02000000" + "000006" + "04" + "00000000" + "0000" + "00000002" +
				status("02000000", "status", "NetStream.Play.Reset", "Playlist reset.") +
				status("02000000", "status", "NetStream.Play.Start", "Play started."),
		},
		{
			"vector 17: ping", userControl(userPingRequest, 0x01020304), "" +
				"02000000" + "000006" + "04" + "00000000" + "0007" + "01020304",
		},
		{
			"refused publish", cmd(1, "publish", 7, amf0.Null{}, "refused"),
			status("01000000", "error", "NetStream.Publish.BadName", "Taken."),
		},
		{
			"seek of a player", cmd(2, "seek", 0, amf0.Null{}, float64(1000)),
			status("02000000", "status", "NetStream.Seek.Notify", "Live stream goes on."),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, err := hex.DecodeString(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			p.write(frame(tt.send))
			got := make([]byte, len(want))
			if _, err := io.ReadFull(client, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hex.Dump(want), hex.Dump(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	p.finish()
	if err := s.end(t); !errors.Is(err, io.EOF) {
		t.Errorf("session ended with %v, want io.EOF", err)
	}
}

func TestConnectVectors(t *testing.T) {
	for _, tt := range []struct {
		name       string
		properties amf0.Object
		want       ConnectRequest
	}{
		{
			"plain",
			amf0.Object{{Key: "app", Value: "live"}, {Key: "tcUrl", Value: "rtmp://h/live"}, {Key: "flashVer", Value: "LNX"}},
			ConnectRequest{App: "live", TCURL: "rtmp://h/live", FlashVer: "LNX"},
		},
		{
			"vector 19: query in app",
			amf0.Object{{Key: "app", Value: "live?a=1&b=2"}, {Key: "tcUrl", Value: "rtmp://h/live?c=3"}},
			ConnectRequest{App: "live", Query: "a=1&b=2", TCURL: "rtmp://h/live?c=3"},
		},
		{
			"vector 19: query in tcUrl",
			amf0.Object{{Key: "app", Value: "live"}, {Key: "tcUrl", Value: "rtmp://h/live?c=3?d"}},
			ConnectRequest{App: "live", Query: "c=3?d", TCURL: "rtmp://h/live?c=3?d"},
		},
		{
			"slash",
			amf0.Object{{Key: "app", Value: "live/inst/"}},
			ConnectRequest{App: "live/inst"},
		},
		{
			"vector 19: slash before query",
			amf0.Object{{Key: "app", Value: "live/?a"}},
			ConnectRequest{App: "live", Query: "a"},
		},
		{
			"numbers and wrong types",
			amf0.Object{{Key: "app", Value: 7.0}, {Key: "tcUrl", Value: amf0.Null{}}, {Key: "objectEncoding", Value: 3.0}},
			ConnectRequest{ObjectEncoding: 3},
		},
		{"nothing", nil, ConnectRequest{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Properties = tt.properties
			if diff := cmp.Diff(tt.want, connectRequestFrom(tt.properties)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRejectConnect(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := newPeer(t, client)
	// What is still unread when the server closes must not turn the refusal
	// into a reset.
	p.write(append(frame(connectMessage("refused")), make([]byte, 1<<20)...))
	values := p.expectCommand("_error")
	if st, _ := statusFrom(values[2]); st.Level != LevelError || st.Code != CodeConnectInvalidApp || values[0] != 1.0 {
		t.Errorf("_error %v", values)
	}
	p.finish()
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

// A requestVector is a publish or a play as clients write it, and what it says.
type requestVector struct {
	name string
	send outgoing
	want any
}

func requestVectors() []requestVector {
	null := amf0.Null{}
	return []requestVector{
		{"vector 19: publish", cmd(1, "publish", 5, null, "cam", "record"), &PublishRequest{1, "cam", "", "record"}},
		{"vector 19: publish without type", cmd(1, "publish", 5, null, "cam"), &PublishRequest{1, "cam", "", "live"}},
		{"vector 19: publish with null type", cmd(1, "publish", 5, null, "cam", null), &PublishRequest{1, "cam", "", "live"}},
		{"vector 19: publish with query", cmd(1, "publish", 5, null, "cam?k=v?w", "live"), &PublishRequest{1, "cam", "k=v?w", "live"}},
		{"vector 19: publish without name", cmd(1, "publish", 5), &PublishRequest{1, "", "", "live"}},
		{"vector 19: publish of a number", cmd(1, "publish", 5, null, 7.0), &PublishRequest{1, "", "", "live"}},
		{"vector 19: play", cmd(1, "play", 0, null, "cam"), &PlayRequest{1, "cam", "", -2, -1, true}},
		{"vector 19: play with null start", cmd(1, "play", 0, null, "cam", null), &PlayRequest{1, "cam", "", -2, -1, true}},
		{"vector 19: play from -2000", cmd(1, "play", 4, null, "cam?q", -2000.0), &PlayRequest{1, "cam", "q", -2000, -1, true}},
		{"vector 19: play with duration", cmd(1, "play", 0, null, "cam", -1.0, 5000.0), &PlayRequest{1, "cam", "", -1, 5000, true}},
		{"vector 19: play with reset", cmd(1, "play", 0, null, "cam", 0.0, -1.0, false), &PlayRequest{1, "cam", "", 0, -1, false}},
		{"vector 19: play with a numeric reset", cmd(1, "play", 0, null, "cam", 0.0, -1.0, 1.0), &PlayRequest{1, "cam", "", 0, -1, true}},
		{"vector 19: play of nothing", cmd(1, "play", 0, null, false), &PlayRequest{1, "", "", -2, -1, true}},
		{"vector 19: publish without createStream", cmd(7, "publish", 5, null, "cam", "live"), &PublishRequest{7, "cam", "", "live"}},
		{"vector 19: publish on stream 0", cmd(0, "publish", 5, null, "cam", "live"), &PublishRequest{0, "cam", "", "live"}},
	}
}

func TestRequestVectors(t *testing.T) {
	null := amf0.Null{}
	for _, tt := range requestVectors() {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := connected(t, client)
			p.write(frame(cmd(0, "createStream", 2, null), tt.send))
			var got any
			switch ev := s.event(t); ev.Kind {
			case EventPublish:
				got = ev.Publish
			case EventPlay:
				got = ev.Play
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			p.expectCommand("_result")
			p.expectCommand("onStatus")
			p.finish()
			if err := s.end(t); !errors.Is(err, io.EOF) {
				t.Errorf("session ended with %v", err)
			}
		})
	}
}

// TestVector20MediaArrivesUnchanged is the protocol's part of vector 20: what
// the relay passes on is what came in.
func TestVector20MediaArrivesUnchanged(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := connected(t, client)
	p.write(frame(cmd(0, "createStream", 2, amf0.Null{}), cmd(1, "publish", 3, amf0.Null{}, "cam", "live")))
	p.expectCommand("_result")
	p.expectStatus(CodePublishStart)
	s.event(t)

	long := strings.Repeat("long video ", 100_000)
	sent := []outgoing{
		media(TypeData, 1, 0, "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09"),
		media(TypeVideo, 1, 0, "\x17\x00sequence header"),
		media(TypeAudio, 1, 0xffffff, "\xaf\x00"),
		media(TypeVideo, 1, 0x1000000, long),
		media(TypeAudio, 1, 0xffffffff, ""),
		media(TypeData, 1, 2, "\x02\x00\x0aonMetaData\x03\x00\x05width\x00\x7f\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x09"), // bare, a NaN in it
		media(TypeVideo, 1, 3, "\x90hvc1 enhanced"),
		media(TypeVideo, 1, 3, "\x96\x01av01\x00\x00\x00\x03abc\x01\x00\x00\x02de"), // two tracks of one codec
		media(TypeAudio, 1, 4, "\x95\x21Opus\x00\x00\x00\x01afLaC\x01b"),            // two of two
		media(TypeData, 1, 5, "\x02\x00\x01\xff\x0a\xff\xff\xff\xff"),               // no AMF 0 at all
	}
	go func() { _, _ = client.Write(frame(sent...)) }()
	for i, want := range sent {
		ev := s.event(t)
		if ev.Kind != EventMessage || ev.StreamID != 1 {
			t.Fatalf("event %d: %s", i, describe(&ev))
		}
		if diff := cmp.Diff(want.Message, ev.Message, equateEmpty); diff != "" {
			t.Errorf("message %d: %.500s", i, diff)
		}
	}
	if got := s.conn.Stats(); got.BytesRead < uint64(len(long)) || got.MessagesRead != uint64(len(sent))+3 {
		t.Errorf("stats %+v", got)
	}
}

// equateEmpty lets an empty payload be nil.
var equateEmpty = cmp.Comparer(bytes.Equal)
