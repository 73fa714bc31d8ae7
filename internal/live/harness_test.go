package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

func testOptions() Options {
	return Options{Bounds: Bounds{
		GOPCache: true, RepublishWait: 10 * time.Second, PlayWait: 30 * time.Second, StallTimeout: 10 * time.Second, Linger: 5 * time.Second,
		MaxLag: 5 * time.Second, LogBytes: 64 << 20, LogDuration: 30 * time.Second,
	}}
}

func newTestHub(t *testing.T, o Options) *Hub {
	t.Helper()
	h := NewHub(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.Close(ctx)
		h.Wait()
	})
	return h
}

// A pipeSink is a socket of a size that the test chooses: what is written to it waits until the test takes it.
type pipeSink struct {
	mu      sync.Mutex
	room    int // how much TryWritev still takes
	got     bytes.Buffer
	unacked int
	closed  bool
	changed chan struct{}
}

const endless = 1 << 40

func newPipeSink(room int) *pipeSink { return &pipeSink{room: room, changed: make(chan struct{})} }

func (s *pipeSink) TryWritev(iov [][]byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	n := 0
	for _, b := range iov {
		k := min(len(b), s.room)
		s.got.Write(b[:k])
		s.room -= k
		n += k
	}
	s.unacked += n
	return n, nil
}

func (s *pipeSink) WaitWritable(deadline time.Time) error {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	for {
		s.mu.Lock()
		room, closed, changed := s.room, s.closed, s.changed
		s.mu.Unlock()
		switch {
		case closed:
			return io.ErrClosedPipe
		case room > 0:
			return nil
		}
		select {
		case <-changed:
		case <-t.C:
			return os.ErrDeadlineExceeded
		}
	}
}

func (s *pipeSink) Unacknowledged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unacked
}

func (s *pipeSink) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *pipeSink) grow(n int) { s.change(func() { s.room += n }) }

func (s *pipeSink) close() { s.change(func() { s.closed = true }) }

// ack lets the peer take a few bytes, too few for the kernel to report room.
func (s *pipeSink) ack(n int) { s.change(func() { s.unacked -= n }) }

// messages reads what was written so far. It ends with the last whole message.
func (s *pipeSink) messages(t *testing.T) []rtmp.Message {
	t.Helper()
	s.mu.Lock()
	b := bytes.Clone(s.got.Bytes())
	s.mu.Unlock()
	return parse(t, b)
}

func parse(t *testing.T, b []byte) []rtmp.Message {
	t.Helper()
	set := rtmp.AppendMessage(nil, rtmp.CSIDControl, 128, &rtmp.Message{
		Type: rtmp.TypeSetChunkSize, Payload: []byte{0, 0, rtmp.DefaultChunkSize >> 8, rtmp.DefaultChunkSize & 0xff},
	})
	r := chunk.NewReader(io.MultiReader(bytes.NewReader(set), bytes.NewReader(b)), chunk.Limits{})
	var out []rtmp.Message
	for {
		m, err := r.ReadMessage()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return out[1:]
		case err != nil:
			t.Fatalf("what the player got is damaged behind message %d: %v", len(out), err)
		}
		out = append(out, m)
	}
}

// describe names messages: kind, whether key or header, timestamp.
func describe(m rtmp.Message) string {
	c, ok := classify(&m)
	if !ok {
		return fmt.Sprintf("control@%d", m.Timestamp)
	}
	s := c.kind.String()
	switch {
	case c.header():
		s += " header"
	case c.Type == flv.Keyframe:
		s += " key"
	}
	return fmt.Sprintf("%s@%d", s, m.Timestamp)
}

func describeAll(ms []rtmp.Message) []string {
	out := []string{}
	for _, m := range ms {
		out = append(out, describe(m))
	}
	return out
}

// Messages of a synthetic stream.

func metadata() *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeData, Payload: []byte("\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09")}
}

func videoHeader() *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeVideo, Payload: []byte{0x17, 0, 0, 0, 0, 1, 2, 3}}
}

func audioHeader() *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte{0xaf, 0, 0x12, 0x10}}
}

func key(ts uint32) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: ts, Payload: append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 300)...)}
}

func inter(ts uint32) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeVideo, Timestamp: ts, Payload: append([]byte{0x27, 1, 0, 0, 0}, make([]byte, 100)...)}
}

func audio(ts uint32) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeAudio, Timestamp: ts, Payload: []byte{0xaf, 1, 9, 9}}
}

// feedAll appends messages, each when the players have had the one before: what they get does not depend on chance.
func feedAll(t *testing.T, f *Feed, ms ...*rtmp.Message) {
	t.Helper()
	for _, m := range ms {
		if err := f.Append(m); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
}

func begin(t *testing.T, f *Feed) {
	t.Helper()
	feedAll(t, f, metadata(), videoHeader(), audioHeader())
}

func publish(t *testing.T, h *Hub, id string) *Feed {
	t.Helper()
	f, err := h.Publish("live/x", id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// published returns a hub with a stream whose publisher has sent its headers.
func published(t *testing.T) (*Hub, *Feed) {
	t.Helper()
	h := newTestHub(t, testOptions())
	f := publish(t, h, "1")
	begin(t, f)
	return h, f
}

// A viewer is a player with what happened to it.
type viewer struct {
	*Player
	sink     *pipeSink
	started  chan struct{}
	farewell chan EndReason
	ended    chan EndReason
}

func play(t *testing.T, h *Hub, sink *pipeSink, change func(*PlayOptions)) *viewer {
	t.Helper()
	v := &viewer{sink: sink, started: make(chan struct{}), farewell: make(chan EndReason, 1), ended: make(chan EndReason, 1)}
	o := PlayOptions{
		Sink: sink, StreamID: 1,
		Started:  func(time.Duration) { close(v.started) },
		Farewell: func(r EndReason) { v.farewell <- r },
		Ended:    func(r EndReason) { v.ended <- r },
	}
	if change != nil {
		change(&o)
	}
	v.Player = NewPlayer(o)
	if err := h.Play("live/x", v.Player); err != nil {
		t.Fatal(err)
	}
	return v
}
