package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

func TestKind(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{io.EOF, "eof"},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), "eof"},
		{os.ErrDeadlineExceeded, "timeout"},
		{net.ErrClosed, "closed"},
		{errors.New("x"), "io"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "reset"},
		{context.Canceled, "canceled"},
		{fmt.Errorf("x: %w", ErrFlood), "flood"},
		{fmt.Errorf("x: %w", chunk.ErrInFlight), "messages_in_flight"},
		{fmt.Errorf("%w (%w)", amf0.ErrDepth, ErrCommand), "amf0_depth"},
		{&StatusError{Status{Level: LevelError}}, "refused"},
	} {
		if got := Kind(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

// TestErrorTexts: what a peer wrote is quoted, so that it cannot forge a line.
func TestErrorTexts(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&StatusError{Status{LevelError, "No\n", "a\r\nb"}}, `rtmp: refused: "No\n" ("a\r\nb")`},
		{&StatusError{Status{Code: "No"}}, `rtmp: refused: "No"`},
		{ErrFlood, "rtmp: too many commands or control messages"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestCSIDFor(t *testing.T) {
	for typ, want := range map[MessageType]uint32{
		TypeAudio: 4, TypeVideo: 6, TypeData: 8, TypeDataAMF3: 8, TypeCommand: 3, TypeUserControl: 2, TypeSetChunkSize: 2,
	} {
		if got := CSIDFor(typ); got != want {
			t.Errorf("%v: %d, want %d", typ, got, want)
		}
	}
	m := media(TypeVideo, 0x01020304, 5, "v")
	framed := frame(m)
	if got := framed[FramedStreamIDOffset : FramedStreamIDOffset+4]; string(got) != "\x04\x03\x02\x01" {
		t.Errorf("stream id in %x", framed)
	}
	if got := FramedSize(m.csid, initialChunkSize, &m.Message); got != len(framed) {
		t.Errorf("FramedSize %d, framed %d", got, len(framed))
	}
}
