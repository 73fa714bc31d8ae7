package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// claims are inputs that claim a lot and send little, before a publish is
// accepted or in it, and how they end.
var claims = []struct {
	name    string
	publish bool
	input   []byte
	want    error
}{
	{"vector 11: 12 × 16 MiB, before publish", false, claim(12, TypeVideo, 1<<24-1), chunk.ErrMessageSize},
	{"vector 11: 12 × 16 MiB, in a publish", true, claim(12, TypeVideo, 1<<24-1), chunk.ErrMessageSize},
	{"vector 11: 12 × 8 MiB, before publish", false, claim(12, TypeVideo, 8<<20), chunk.ErrInFlight},
	{"vector 11: 12 × 8 MiB, in a publish", true, claim(12, TypeVideo, 8<<20), chunk.ErrInFlight},
	{"vector 11: 12 × 5 KiB, before publish", false, claim(12, TypeVideo, 5<<10), io.ErrUnexpectedEOF},
	{"vector 11: 12 × 1.3 MiB, in a publish", true, claim(12, TypeVideo, 1_300_000), io.ErrUnexpectedEOF},
	{"vector 11: 1.3 MiB in one chunk, in a publish", true, join(
		frame(protocolControl(TypeSetChunkSize, 1<<31-1)), declared(6, TypeVideo, 1_300_000)), io.ErrUnexpectedEOF},
	{"vector 11: 60 data messages of 256 KiB, in a publish", true, claim(60, TypeData, 256<<10), io.ErrUnexpectedEOF},
	{"vector 15: strict array of 2^32-1 in publish", false, amfClaim("\x0a\xff\xff\xff\xff"), amf0.ErrTruncated},
	{"vector 15: strict array of 2^31-1 in publish", false, amfClaim("\x0a\x7f\xff\xff\xff"), amf0.ErrTruncated},
	{"vector 15: strict array of as many as there are bytes", false, amfClaim("\x0a\x00\x00\x10\x00" + strings.Repeat("\x05", 4096)), amf0.ErrNodes},
	{"vector 15: ECMA array of 2^32-1 in publish", false, amfClaim("\x08\xff\xff\xff\xff\x00\x01k\x05"), amf0.ErrTruncated},
	{"vector 15: long string of 2^32-1 in publish", false, amfClaim("\x0c\xff\xff\xff\xffname"), amf0.ErrTruncated},
	{"vector 15: string of 65535 in publish", false, amfClaim("\x02\xff\xffname"), amf0.ErrTruncated},
	{"vector 15: XML of 2^32-1 in publish", false, amfClaim("\x0f\xff\xff\xff\xff<a>"), amf0.ErrTruncated},
	{"vector 15: typed object with a class of 65535", false, amfClaim("\x10\xff\xffC"), amf0.ErrTruncated},
	{"vector 17: aggregate with a part of 16 MiB", true, frame(media(TypeAggregate, 1, 0, "\x09\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00v")), ErrAggregate},
}

// claim is the first chunk of n messages, each of which claims to have so many
// bytes.
func claim(n int, t MessageType, length int) (b []byte) {
	for i := range n {
		b = append(b, declared(byte(4+i), t, length)...)
	}
	return b
}

// amfClaim is a publish whose name is that value.
func amfClaim(value string) []byte {
	return frame(raw(TypeCommand, 1, "\x02\x00\x07publish\x00\x40\x00\x00\x00\x00\x00\x00\x00\x05"+value))
}

// TestVectorsOfClaims: memory grows with what was sent, not with what it claims.
func TestVectorsOfClaims(t *testing.T) {
	connect := frame(connectMessage("live"))
	publish := join(connect, frame(cmd(1, "publish", 0, amf0.Null{}, "cam")))
	for _, tt := range claims {
		t.Run(tt.name, func(t *testing.T) {
			before := connect
			if tt.publish {
				before = publish
			}
			for _, cfg := range []*Config{nil, {ReuseBuffers: true}} {
				ordinary, err := allocatedBy(t, cfg, before)
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				got, err := allocatedBy(t, cfg, join(before, tt.input))
				if !errors.Is(err, tt.want) {
					t.Errorf("ended with %v, want %v", err, tt.want)
				}
				// What is sent may be held twice, at the first step of 4 KiB for each
				// chunk stream; and the read buffer grows, which the pools may not have.
				streams := uint64(1 + bytes.Count(tt.input, make([]byte, 128)))
				if most := ordinary + uint64(4*len(tt.input)) + streams*4<<10 + 96<<10; got > most {
					t.Errorf("%d bytes allocated for %d bytes sent, want at most %d", got, len(tt.input), most)
				}
			}
		})
	}
}

// allocatedBy returns how much a server allocates for a session.
func allocatedBy(t *testing.T, cfg *Config, input []byte) (n uint64, err error) {
	t.Helper()
	var before, after runtime.MemStats
	nc := newMemoryConn(input)
	nc.out.Grow(64 << 10)
	runtime.ReadMemStats(&before)
	c, err := Accept(context.Background(), nc, cfg)
	if err == nil {
		if err = c.AcceptConnect(); err == nil {
			err = drain(c)
		}
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}
