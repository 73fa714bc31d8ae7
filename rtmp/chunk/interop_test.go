package chunk

import (
	"bytes"
	"io"
	"testing"

	gortmp "github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"
)

// newStreamer returns the chunk layer of go-rtmp, an implementation that
// shares nothing with ours, on r and w.
func newStreamer(t *testing.T, r io.Reader, w io.Writer) *gortmp.ChunkStreamer {
	t.Helper()
	s := gortmp.NewChunkStreamer(r, w, nil)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-s.Done()
	})
	return s
}

// TestVector14GoRTMPReadsOurs is the cross-read of vector 14: messages with a payload
// and without an extended timestamp.
func TestVector14GoRTMPReadsOurs(t *testing.T) {
	var wire bytes.Buffer
	streamer := newStreamer(t, &wire, nil)
	read := 0
	for _, c := range matrix() {
		if c.message.Timestamp >= extendedMark || len(c.message.Payload) == 0 {
			continue
		}
		if err := streamer.PeerState().SetChunkSize(uint32(c.chunkSize)); err != nil {
			t.Fatal(err)
		}
		wire.Write(AppendMessage(nil, 6, c.chunkSize, &c.message))
		var got gortmp.ChunkMessage
		csid, ts, err := streamer.Read(&got)
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		v, ok := got.Message.(*message.VideoMessage)
		if !ok {
			t.Fatalf("%v: is a %T", c, got.Message)
		}
		payload, err := io.ReadAll(v.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if csid != 6 || ts != c.message.Timestamp || got.StreamID != 1 || !bytes.Equal(payload, c.message.Payload) || wire.Len() > 0 {
			t.Fatalf("%v: read as chunk stream %d, timestamp %#x, message stream %d, %d bytes; %d bytes left",
				c, csid, ts, got.StreamID, len(payload), wire.Len())
		}
		read++
	}
	if read != 3*2*7 {
		t.Fatalf("%d cases, want %d", read, 3*2*7)
	}
}

// TestWeReadGoRTMP reads what go-rtmp writes. Unlike our writer it makes use of
// the shorter headers.
func TestWeReadGoRTMP(t *testing.T) {
	var wire bytes.Buffer
	streamer := newStreamer(t, &bytes.Buffer{}, &wire)
	var want []Message
	for i, m := range []Message{
		video(1000, fill(300)), video(1040, fill(300)), video(1080, fill(300)), // fmt 0, 2, 3
		video(1120, fill(200)), video(1130, fill(129)), video(1200, fill(1)), // fmt 1
		video(1100, fill(500)), // a step back: fmt 0
	} {
		err := streamer.Write(t.Context(), 6, m.Timestamp, &gortmp.ChunkMessage{
			StreamID: m.StreamID,
			Message:  &message.VideoMessage{Payload: bytes.NewReader(m.Payload)},
		})
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		want = append(want, m)
	}
	// The next writer of a chunk stream is given out when the last is done.
	if _, err := streamer.NewChunkWriter(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	got, _ := readAll(&wire, Limits{})
	requireMessages(t, got, want)
}
