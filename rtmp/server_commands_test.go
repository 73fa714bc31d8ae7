package rtmp

import (
	"errors"
	"io"
	"math"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// asAMF3 turns a command or data message into its twin of type 17 or 15.
func asAMF3(m outgoing) outgoing {
	m.Type = map[MessageType]MessageType{TypeCommand: TypeCommandAMF3, TypeData: TypeDataAMF3}[m.Type]
	m.Payload = append([]byte{0}, m.Payload...)
	return m
}

// raw makes a message of any type.
func raw(t MessageType, streamID uint32, payload string) outgoing {
	return outgoing{CSIDCommand, Message{Type: t, StreamID: streamID, Payload: []byte(payload)}}
}

// A commandVector is what real clients send, and more, after a createStream and
// a publish of "cam" on stream 1, and the events that it causes. None of it is
// answered, and the session goes on. The table seeds the fuzz test as well.
type commandVector struct {
	name string
	send []outgoing
	want []string // events
}

func commandVectors() []commandVector {
	null := amf0.Null{}
	closed := []string{"close stream 1"}
	return []commandVector{
		{"releaseStream", []outgoing{cmd(0, "releaseStream", 2, null, "cam")}, nil},
		{"FCPublish", []outgoing{cmd(0, "FCPublish", 3, null, "cam")}, nil},
		{"FCSubscribe", []outgoing{cmd(0, "FCSubscribe", 3, null, "cam")}, nil},
		{"getStreamLength", []outgoing{cmd(0, "getStreamLength", 3, null, "cam")}, nil},
		{"_checkbw", []outgoing{cmd(0, "_checkbw", 3, null)}, nil},
		{"vector 18: unknown command", []outgoing{cmd(0, "makeCoffee", 3, null, "black")}, nil},
		{"vector 18: unknown command, unreadable arguments", []outgoing{raw(TypeCommand, 0, "\x02\x00\x01x\x00\x40\x00\x00\x00\x00\x00\x00\x00\x0a\xff\xff\xff\xff")}, nil},
		{"vector 18: command without transaction", []outgoing{raw(TypeCommand, 0, "\x02\x00\x01x")}, nil},
		{"result of nothing", []outgoing{cmd(0, "_result", 3, null, 1.0)}, nil},
		{"second connect", []outgoing{connectMessage("other")}, nil},
		{"pause", []outgoing{cmd(1, "pause", 0, null, true, 1000.0)}, nil},
		{"seek of a publisher", []outgoing{cmd(1, "seek", 0, null, 1000.0)}, nil},
		{"empty command", []outgoing{raw(TypeCommand, 0, "")}, nil},
		{"vector 17: empty command, AMF 3", []outgoing{raw(TypeCommandAMF3, 0, "")}, nil},
		{"vector 17: real AMF 3", []outgoing{raw(TypeCommandAMF3, 0, "\x11\x0a\x0b"), raw(TypeDataAMF3, 1, "\x00\x11\x0a")}, nil},

		{"vector 18: deleteStream of a number", []outgoing{cmd(0, "deleteStream", 4, null, 1.0)}, closed},
		{"vector 18: deleteStream of the name", []outgoing{cmd(0, "deleteStream", 4, null, "cam")}, closed},
		{"vector 18: deleteStream of nothing", []outgoing{cmd(0, "deleteStream", 4, null)}, closed},
		{"vector 18: deleteStream without anything", []outgoing{cmd(0, "deleteStream", 4)}, closed},
		{"vector 18: deleteStream of 0", []outgoing{cmd(0, "deleteStream", 4, null, 0.0)}, closed},
		{"vector 18: deleteStream on stream 1", []outgoing{cmd(1, "deleteStream", 4, null)}, closed},
		{"vector 18: deleteStream of an unknown id", []outgoing{cmd(0, "deleteStream", 4, null, 42.0)}, nil},
		{"vector 18: deleteStream of an unknown id on stream 1", []outgoing{cmd(1, "deleteStream", 4, null, 42.0)}, nil},
		{"vector 18: deleteStream of NaN", []outgoing{cmd(0, "deleteStream", 4, null, math.NaN())}, nil},
		{"vector 18: deleteStream of a fraction", []outgoing{cmd(0, "deleteStream", 4, null, 1.5)}, nil},
		{"vector 18: deleteStream of a negative", []outgoing{cmd(0, "deleteStream", 4, null, -1.0)}, nil},
		{"vector 18: deleteStream of infinity", []outgoing{cmd(0, "deleteStream", 4, null, math.Inf(1))}, nil},
		{"vector 18: deleteStream twice", []outgoing{cmd(0, "deleteStream", 4, null, 1.0), cmd(0, "deleteStream", 4, null, 1.0)}, closed},
		{"vector 18: closeStream on stream 1", []outgoing{cmd(1, "closeStream", 4, null)}, closed},
		{"vector 18: closeStream of the name on stream 0", []outgoing{cmd(0, "closeStream", 4, null, "cam")}, closed},
		{"vector 18: closeStream twice", []outgoing{cmd(1, "closeStream", 4, null), cmd(1, "closeStream", 4, null)}, closed},
		{"vector 18: FCUnpublish", []outgoing{cmd(0, "FCUnpublish", 4, null, "cam")}, closed},
		{"vector 18: FCUnpublish and deleteStream", []outgoing{cmd(0, "FCUnpublish", 4, null, "cam"), cmd(0, "deleteStream", 5, null, 1.0)}, closed},

		{"vector 17: command of type 17", []outgoing{asAMF3(cmd(0, "deleteStream", 4, null, 1.0))}, closed},
		{"vector 17: data of type 15", []outgoing{asAMF3(media(TypeData, 1, 5, "\x02\x00\x01d"))}, []string{`message 1 18 @5 "\x02\x00\x01d"`}},
		{"vector 17: aggregate", []outgoing{media(TypeAggregate, 1, 1000, ""+
			"\x08\x00\x00\x01\x00\x00\x07\x00\x00\x00\x09a\x00\x00\x00\x0c"+ // its stream id means nothing
			"\x09\x00\x00\x02\x00\x00\x1b\x00\x00\x00\x00vv\x00\x00\x00\x0d"+
			"\x07\x00\x00\x00\x00\x00\x1b\x00\x00\x00\x00\x00\x00\x00\x0b"+ // type 7 is nothing
			"\x12\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01d")}, // before the first; no back pointer
			[]string{`message 1 8 @1000 "a"`, `message 1 9 @1020 "vv"`, `message 1 18 @993 "\x02\x00\x01d"`}},
		{"vector 17: empty aggregate", []outgoing{media(TypeAggregate, 1, 0, "")}, nil},
		{"vector 17: shared objects, type 7, unknown types", []outgoing{raw(19, 0, "so"), raw(16, 0, "so"), raw(7, 0, "x"), raw(99, 1, "x"), raw(0, 0, "")}, nil},
		{"vector 17: user control of all kinds", []outgoing{
			userControl(26, 1, 2), userControl(27, 1), userControl(31, 1), userControl(32, 1), userControl(userSetBufferLength, 1, 3000),
			userControl(userPingResponse, 9), raw(TypeUserControl, 0, ""), raw(TypeUserControl, 0, "\x00"), raw(TypeUserControl, 0, "\x00\x06"),
		}, nil},
		{"control messages that are too short", []outgoing{
			raw(TypeAcknowledgement, 0, "\x01"), raw(TypeWindowAckSize, 0, ""), raw(TypeSetPeerBandwidth, 0, "\x00"), raw(TypeAbort, 0, "\x00"),
		}, nil},
	}
}

func TestCommandVectors(t *testing.T) {
	for _, tt := range commandVectors() {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := publishing(t, client, s)
			p.write(frame(tt.send...))
			p.fence()
			var got []string
			for range len(s.events) {
				ev := s.event(t)
				got = append(got, describe(&ev))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			p.finish()
			if err := s.end(t); !errors.Is(err, io.EOF) {
				t.Errorf("session ended with %v", err)
			}
		})
	}
}

// publishing is connected, a createStream and a publish of "cam" on stream 1.
func publishing(t testing.TB, nc net.Conn, s *session) *peer {
	t.Helper()
	p := connected(t, nc)
	p.write(frame(cmd(0, "createStream", 2, amf0.Null{}), cmd(1, "publish", 3, amf0.Null{}, "cam", "live")))
	p.expectCommand("_result")
	p.expectStatus(CodePublishStart)
	if ev := s.event(t); describe(&ev) != `publish 1 "cam"` {
		t.Fatalf("event %s", describe(&ev))
	}
	return p
}

// TestStreamVectors follows message streams through several publishes and plays.
func TestStreamVectors(t *testing.T) {
	null := amf0.Null{}
	type step struct {
		send   outgoing
		answer string // "3" for a _result, a code for an onStatus or _error, "" for nothing
		events []string
	}
	create := func(want string) step { return step{cmd(0, "createStream", 9, null), want, nil} }
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"vector 18: closeStream, then publish again", []step{
			create("1"),
			{cmd(1, "publish", 0, null, "a", "live"), CodePublishStart, []string{`publish 1 "a"`}},
			{cmd(1, "closeStream", 0, null), "", []string{"close stream 1"}},
			{cmd(1, "publish", 0, null, "b", "live"), CodePublishStart, []string{`publish 1 "b"`}},
			{media(TypeAudio, 1, 1, "x"), "", []string{`message 1 8 @1 "x"`}},
		}},
		{"deleteStream, then createStream", []step{
			create("1"), create("2"),
			{cmd(0, "deleteStream", 0, null, 1.0), "", nil},
			create("1"), create("3"),
		}},
		{"publish again without close", []step{
			create("1"),
			{cmd(1, "publish", 0, null, "a"), CodePublishStart, []string{`publish 1 "a"`}},
			{cmd(1, "publish", 0, null, "b"), CodePublishStart, []string{"close stream 1", `publish 1 "b"`}},
		}},
		{"play another, then publish", []step{
			create("1"),
			{cmd(1, "play", 0, null, "a"), CodePlayReset, []string{`play 1 "a"`}},
			{cmd(1, "play", 0, null, "b"), CodePlayReset, []string{"close stream 1", `play 1 "b"`}},
			{cmd(1, "publish", 0, null, "c"), CodePublishStart, []string{"close stream 1", `publish 1 "c"`}},
		}},
		{"refused, then allowed", []step{
			create("1"),
			{cmd(1, "publish", 0, null, "refused"), CodePublishBadName, []string{`publish 1 "refused"`}},
			{cmd(1, "closeStream", 0, null), "", nil},
			{cmd(1, "play", 0, null, "refused"), CodePlayStreamNotFound, []string{`play 1 "refused"`}},
			{cmd(1, "publish", 0, null, "a"), CodePublishStart, []string{`publish 1 "a"`}},
		}},
		{"closed before the answer", []step{
			create("1"),
			{cmd(1, "play", 0, null, "slow"), "", []string{`play 1 "slow"`}},
			{media(TypeAudio, 1, 1, "x"), "", nil},
			{cmd(0, "deleteStream", 0, null, 1.0), "", []string{"close stream 1"}},
		}},
		{"media before the answer", []step{
			create("1"),
			{cmd(1, "publish", 0, null, "slow"), "", []string{`publish 1 "slow"`}},
			{media(TypeAudio, 1, 1, "x"), "", nil},
		}},
		{"two streams, by name", []step{
			create("1"), create("2"),
			{cmd(1, "publish", 0, null, "a?k", "live"), CodePublishStart, []string{`publish 1 "a"`}},
			{cmd(2, "play", 0, null, "b"), CodePlayReset, []string{`play 2 "b"`}},
			{cmd(0, "deleteStream", 0, null, 0.0), "", nil}, // which?
			{cmd(0, "FCUnpublish", 0, null, "b"), "", nil},  // it does not publish
			{cmd(0, "deleteStream", 0, null, "b"), "", []string{"close stream 2"}},
			{media(TypeAudio, 1, 1, "x"), "", []string{`message 1 8 @1 "x"`}},
			{cmd(0, "FCUnpublish", 0, null, "a"), "", []string{"close stream 1"}},
		}},
		{"too many streams", []step{
			create("1"), create("2"), create("3"), create("4"), create("5"), create("6"), create("7"), create("8"),
			create(CodeCallFailed),
			{cmd(9, "publish", 0, null, "a"), CodePublishFailed, nil},
			{cmd(9, "play", 0, null, "a"), CodePlayFailed, nil},
			{cmd(0, "deleteStream", 0, null, 5.0), "", nil},
			create("5"),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := connected(t, client)
			for i, step := range tt.steps {
				p.write(frame(step.send))
				if step.answer != "" {
					if got := p.answer(); got != step.answer {
						t.Fatalf("step %d: answer %q, want %q", i, got, step.answer)
					}
				}
				if step.answer == CodePlayReset {
					p.expectStatus(CodePlayStart)
				}
				p.fence()
				var got []string
				for range len(s.events) {
					ev := s.event(t)
					got = append(got, describe(&ev))
				}
				if diff := cmp.Diff(step.events, got); diff != "" {
					t.Fatalf("step %d: %s", i, diff)
				}
			}
			p.finish()
		})
	}
}

// answer returns the number or the code of the next command.
func (p *peer) answer() string {
	p.t.Helper()
	for {
		m := p.read()
		if m.Type != TypeCommand {
			continue
		}
		values := decodeAll(p.t, m.Payload)
		if n, ok := values[3].(float64); ok {
			return string(rune('0' + int(n)))
		}
		s, _ := statusFrom(values[3])
		return s.Code
	}
}

// malformedCommands are bodies of commands, and the kind of error they cause.
var malformedCommands = []struct {
	name, payload string
	kind          string
}{
	{"name is a number", "\x00\x40\x00\x00\x00\x00\x00\x00\x00", "command"},
	{"name is cut", "\x02\x00\x09publi", "amf0_truncated"},
	{"transaction is cut", "\x02\x00\x01x\x00\x40", "amf0_truncated"},
	{"name of publish is cut", "\x02\x00\x07publish\x00\x40\x00\x00\x00\x00\x00\x00\x00\x05\x02\xff\xff", "amf0_truncated"},
	{"object of createStream is not read", "\x02\x00\x0ccreateStream\x00\x40\x00\x00\x00\x00\x00\x00\x00\x0a\xff\xff\xff\xff", ""},
	{"array claims 2^32", "\x02\x00\x04play\x00\x40\x00\x00\x00\x00\x00\x00\x00\x0a\xff\xff\xff\xff", "amf0_truncated"},
}

func TestMalformedCommands(t *testing.T) {
	for _, tt := range malformedCommands {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := connected(t, client)
			p.write(frame(raw(TypeCommand, 1, tt.payload)))
			if tt.kind == "" {
				p.expectCommand("_result")
				p.fence()
				return
			}
			err := s.end(t)
			if Kind(err) != tt.kind || !errors.Is(err, ErrCommand) {
				t.Errorf("session ended with %v (%s), want %s", err, Kind(err), tt.kind)
			}
		})
	}
}
