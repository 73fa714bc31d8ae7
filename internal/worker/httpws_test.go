package worker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"

	"github.com/rtmp-edge/rtmp-edge/internal/transport"
)

// TestFramesInOnePiece: whatever package websocket writes arrives as it is, each frame by one write.
func TestFramesInOnePiece(t *testing.T) {
	t.Parallel()
	sink := &smallSink{}
	v := &viewer{}
	v.out.sink = sink
	w := bufio.NewWriterSize(&frameConn{v: v}, maxFrameHead)
	sizes := []int{0, 1, 12, 13, 14, 15, 16, 17, 31, 32, 125, 126, 127, 4096, 65535, 65536, 70_000}
	for _, size := range sizes {
		frame := binary.BigEndian.AppendUint64([]byte{0x82, 127}, uint64(size))
		switch {
		case size < 126:
			frame = []byte{0x82, byte(size)}
		case size < 1<<16:
			frame = binary.BigEndian.AppendUint16([]byte{0x82, 126}, uint16(size))
		}
		payload := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := w.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(payload); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if len(sink.writes) != 1 || !bytes.Equal(sink.writes[0], append(frame, payload...)) {
			t.Errorf("a frame of %d bytes came in %d writes, of %d bytes at first", size, len(sink.writes), len(sink.writes[0]))
		}
		sink.writes = nil
	}
}

// TestWebSocketWrites: that is how package websocket writes. If it began to write otherwise, frames would still arrive, but in more packets.
func TestWebSocketWrites(t *testing.T) {
	t.Parallel()
	sink := &smallSink{}
	v := &viewer{}
	served := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(served)
		f, err := upgrade(v, rw, r, &transport.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		v.out.sink = sink
		for _, size := range []int{1, 100, 1000, 100_000} {
			sink.writes = nil
			if err := f.(*messages).ws.Write(r.Context(), websocket.MessageBinary, make([]byte, size)); err != nil {
				t.Error(err)
			}
			if len(sink.writes) != 1 || frameSize(sink.writes[0]) != len(sink.writes[0]) {
				t.Errorf("a message of %d bytes came in %d writes", size, len(sink.writes))
			}
		}
	}))
	defer server.Close()
	ws, _, err := websocket.Dial(t.Context(), server.URL, nil) //nolint:bodyclose // it is the WebSocket
	if err != nil {
		t.Fatal(err)
	}
	<-served
	_ = ws.CloseNow()
	_ = v.nc.Close()
}
