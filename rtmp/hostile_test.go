package rtmp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// declared is the first chunk of a message that claims to be longer than what
// follows: 128 bytes.
func declared(csid byte, t MessageType, length int) []byte {
	return append([]byte{csid, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), byte(t), 1, 0, 0, 0}, make([]byte, 128)...)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// hostileInputs end a connection, or are ignored, at a small cost. They come
// after the handshake, and after connect and publish where it says so.
var hostileInputs = []struct {
	name    string
	publish bool
	input   []byte
	want    error // nil: the session survives
}{
	{
		"vector 15: array of 2^31-1 in an unknown command before connect", false,
		unhex("03000000000012140000000002000178003ff00000000000000a7fffffff"), nil,
	},
	{"vector 15: array of 2^31-1 in connect", false, frame(raw(TypeCommand, 0, "\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x0a\x7f\xff\xff\xff")), amf0.ErrTruncated},
	{"vector 15: array of 10000 nulls in connect", false, frame(raw(TypeCommand, 0,
		"\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x27\x10"+strings.Repeat("\x05", 10_000))), amf0.ErrNodes},
	{"vector 15: connect of nested objects, 4 MB", false, frame(raw(TypeCommand, 0,
		"\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x03\x00\x01a", 1<<20))), chunk.ErrMessageSize},
	{"vector 15: connect of nested objects, 60 KB", false, frame(raw(TypeCommand, 0,
		"\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x03\x00\x01a", 15_000))), amf0.ErrDepth},
	{"connect with a string for its object", false, frame(cmd(0, "connect", 1, "live")), ErrCommand},
	{"vector 11: 12 messages of 8 MiB declared, before connect", false, func() (b []byte) {
		for csid := byte(4); csid < 16; csid++ {
			b = append(b, declared(csid, TypeVideo, 8<<20)...)
		}
		return b
	}(), chunk.ErrInFlight},
	{"vector 11: 12 messages of 8 MiB declared, in a publish", true, func() (b []byte) {
		for csid := byte(4); csid < 16; csid++ {
			b = append(b, declared(csid, TypeVideo, 8<<20)...)
		}
		return b
	}(), chunk.ErrInFlight},
	{"vector 11: 16 MiB declared", true, declared(6, TypeVideo, 1<<24-1), chunk.ErrMessageSize},
	{"vector 15: 3000 times createStream", true, bytes.Repeat(frame(cmd(0, "createStream", 2, amf0.Null{})), 3000), ErrFlood},
	{"vector 5: chunk stream 320", true, unhex("010001" + "0000010000030901000000" + "aabbcc"), nil},
	{"vector 1: extended timestamp on fmt 3", true, append(append(
		unhex("06ffffff0000a00901000000"+"01000000"), make([]byte, 128)...), append(unhex("c601000000"), make([]byte, 32)...)...), nil},
	{"vector 6: empty messages", true, frame(media(TypeVideo, 1, 0, ""), media(TypeAudio, 1, 0, ""), media(TypeData, 1, 0, "")), nil},
	{"vector 9: fmt 3 first", true, unhex("c9"), chunk.ErrNoHeader},
	{"vector 10: chunk size 0", true, frame(protocolControl(TypeSetChunkSize, 0)), chunk.ErrChunkSize},
	{"vector 17: aggregate that ends early", true, frame(media(TypeAggregate, 1, 0, "\x08\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00")), ErrAggregate},
	{"vector 17: aggregate of nothing but headers", true, frame(media(TypeAggregate, 1, 0, strings.Repeat("\x07"+strings.Repeat("\x00", 14), 10_000))), nil},
	{"stream id NaN", true, frame(raw(TypeCommand, 0, "\x02\x00\x0cdeleteStream\x00\x7f\xf8\x00\x00\x00\x00\x00\x00\x05\x00\x7f\xf8\x00\x00\x00\x00\x00\x00")), nil},
}

func TestHostileVectors(t *testing.T) {
	for _, tt := range hostileInputs {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			var p *peer
			if tt.publish {
				p = publishing(t, client, s)
			} else {
				p = newPeer(t, client)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			go func() { _, _ = client.Write(tt.input) }()
			if tt.want == nil {
				p.fence()
				p.finish()
				if err := s.end(t); !errors.Is(err, io.EOF) {
					t.Errorf("ended with %v", err)
				}
			} else if err := s.end(t); !errors.Is(err, tt.want) {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			// The input itself, framed and read, and little else.
			if got := after.TotalAlloc - before.TotalAlloc; got > uint64(4*len(tt.input)+4<<20) {
				t.Errorf("allocated %d bytes for an input of %d", got, len(tt.input))
			}
		})
	}
}
