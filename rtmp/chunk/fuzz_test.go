package chunk

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// FuzzReadMessage reads any bytes, in several ways that must agree, with tight
// limits, which must end it earlier at most, and writes and reads again what it
// found.
func FuzzReadMessage(f *testing.F) {
	for _, v := range readVectors() {
		if len(v.wire) < 4096 { // long seeds make a slow fuzzer
			f.Add(v.wire)
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		whole, err := readAll(bytes.NewReader(wire), Limits{})
		bytewise, err2 := readAll(iotest.OneByteReader(bytes.NewReader(wire)), Limits{})
		if err.Error() != err2.Error() {
			t.Fatalf("whole: %v; byte by byte: %v", err, err2)
		}
		requireMessages(t, bytewise, whole)
		requireKnownError(t, err)
		for _, src := range []io.Reader{bytes.NewReader(wire), &scripted{Reader: iotest.HalfReader(bytes.NewReader(wire))}} {
			reused, err := readAllReused(src, Limits{})
			requireMessages(t, reused, whole)
			requireKnownError(t, err)
		}
		some, err3 := readAll(bytes.NewReader(wire), Limits{
			MaxChunkStreams: 2, MaxMediaSize: 100, MaxDataSize: 50, MaxCommandSize: 10, MaxInFlight: 150,
		})
		requireKnownError(t, err3)
		if len(some) > len(whole) {
			t.Fatalf("%d messages with tight limits, %d without", len(some), len(whole))
		}
		requireMessages(t, some, whole[:len(some)])

		payload := 0
		var again []byte
		var want []Message
		for i := range whole {
			m := &whole[i]
			payload += len(m.Payload)
			if m.Type == TypeSetChunkSize {
				continue // the sizes that we write with stay as they are
			}
			again = AppendMessage(again, 3, InitialChunkSize, m)
			want = append(want, *m)
		}
		if payload > len(wire) {
			t.Fatalf("%d bytes of payload out of %d bytes", payload, len(wire))
		}
		got, err := readAll(bytes.NewReader(again), Limits{})
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		requireMessages(t, got, want)
	})
}

func requireKnownError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) && err != io.EOF && err != io.ErrUnexpectedEOF { //nolint:errorlint // plain, as of any io.Reader
		t.Fatalf("unexpected error %v", err)
	}
}

// FuzzAppendMessage writes any message and reads it back.
func FuzzAppendMessage(f *testing.F) {
	for _, c := range matrix() {
		if len(c.message.Payload) < 1000 {
			f.Add(uint32(6), c.chunkSize, uint8(c.message.Type), c.message.StreamID, c.message.Timestamp, c.message.Payload)
		}
	}
	f.Add(uint32(64), 1, uint8(18), uint32(0), uint32(1), x("aabb"))
	f.Add(uint32(65599), 2, uint8(0), uint32(0xffffffff), uint32(0xffffffff), x("aabbcc"))
	f.Fuzz(func(t *testing.T, csid uint32, chunkSize int, typ uint8, streamID, ts uint32, payload []byte) {
		csid = MinChunkStreamID + csid%(MaxChunkStreamID-MinChunkStreamID+1)
		chunkSize = max(1, chunkSize&0x1ffff)
		m := Message{MessageType(typ), streamID, ts, payload}
		if m.Type == TypeSetChunkSize || len(payload) > DefaultMaxCommandSize {
			return
		}
		wire := AppendMessage(nil, 2, InitialChunkSize, &Message{
			Type:    TypeSetChunkSize,
			Payload: []byte{0, byte(chunkSize >> 16), byte(chunkSize >> 8), byte(chunkSize)},
		})
		before := len(wire)
		wire = AppendMessage(wire, csid, chunkSize, &m)
		if n := FramedSize(csid, chunkSize, &m); n != len(wire)-before {
			t.Fatalf("framed size is %d, appended %d", n, len(wire)-before)
		}
		got, err := readAll(bytes.NewReader(wire), Limits{})
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		requireMessages(t, got[1:], []Message{m})
	})
}
