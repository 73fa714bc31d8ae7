package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// TestControlWriter: a diverted connection hands over whole messages in slices
// of their own, and leaves the socket alone.
func TestControlWriter(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := connected(t, client)
	p.write(frame(cmd(1, "play", 0, amf0.Null{}, "cam")))
	p.expectStatus(CodePlayReset)
	p.expectStatus(CodePlayStart)
	s.event(t)

	var mu sync.Mutex
	var parts [][]byte
	arrived := make(chan struct{}, 16)
	s.conn.SetControlWriter(func(b []byte) error {
		mu.Lock()
		defer mu.Unlock()
		parts = append(parts, b)
		arrived <- struct{}{}
		return nil
	})
	p.write(frame(userControl(userPingRequest, 7)))
	<-arrived
	video := media(TypeVideo, 1, 5, strings.Repeat("v", 70_000)).Message
	for _, err := range []error{
		s.conn.WriteStatus(1, Status{Code: CodePlayUnpublishNotify, Description: "Over."}),
		s.conn.WriteStreamEOF(1),
		s.conn.WriteMessage(&video),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	p.write(frame(cmd(1, "seek", 0, amf0.Null{}, 0.0)))
	for range 4 {
		<-arrived
	}
	mu.Lock()
	defer mu.Unlock()
	// They are looked at only now: had they shared memory, the first would be
	// overwritten.
	var got []MessageType
	for _, part := range parts {
		chunkSize := frame(protocolControl(TypeSetChunkSize, DefaultChunkSize))
		rd := chunk.NewReader(bytes.NewReader(append(chunkSize, part...)), chunk.Limits{})
		_, _ = rd.ReadMessage()
		m, err := rd.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Type)
		if _, err := rd.ReadMessage(); !errors.Is(err, io.EOF) {
			t.Errorf("after %v: %v", m.Type, err)
		}
	}
	want := []MessageType{TypeUserControl, TypeCommand, TypeUserControl, TypeVideo, TypeCommand}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The socket itself has nothing to say.
	_ = client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if m, err := p.rd.ReadMessage(); err == nil {
		t.Errorf("got %v over the socket", m.Type)
	}
}

// TestControlWriterLeavesNoDeadline: who writes to the socket from now on must
// not run into the deadline of an earlier write.
func TestControlWriterLeavesNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = client.Close() }()
		s := serve(t, server, nil)
		publishing(t, client, s)
		s.conn.SetControlWriter(func([]byte) error { return nil })
		time.Sleep(2 * DefaultWriteTimeout)
		_ = client.SetDeadline(time.Time{})
		go func() { _, _ = io.Copy(io.Discard, client) }()
		if _, err := s.conn.NetConn().Write([]byte{0}); err != nil {
			t.Error(err)
		}
	})
}

// TestControlWriterAgain: another writer leaves alone the deadline of whoever
// writes to the socket by then.
func TestControlWriterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = client.Close() }()
		s := serve(t, server, nil)
		publishing(t, client, s)
		s.conn.SetControlWriter(func([]byte) error { return nil })
		if err := s.conn.NetConn().SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Minute, func() { _ = client.Close() })
		s.conn.SetControlWriter(func([]byte) error { return nil })
		if _, err := s.conn.NetConn().Write([]byte{0}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestLateAcceptance: a publisher that does not wait for its acceptance loses
// what it sent before, but not the connection.
func TestLateAcceptance(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := connected(t, client)
	p.write(frame(cmd(1, "publish", 0, amf0.Null{}, "slow")))
	s.event(t)
	for range 3 * DefaultMaxStrayMessages {
		p.write(frame(media(TypeVideo, 1, 0, "early")))
	}
	p.fence()
	if err := s.conn.AcceptPublish(1); err != nil {
		t.Fatal(err)
	}
	p.expectStatus(CodePublishStart)
	p.write(frame(media(TypeAudio, 1, 0, "a"), media(TypeVideo, 1, 0, strings.Repeat("v", 2*DefaultMaxIdleInFlight))))
	for range 2 {
		if ev := s.event(t); ev.Kind != EventMessage || ev.Message.Payload[0] == 'e' {
			t.Errorf("%.50s", describe(&ev))
		}
	}
	p.fence()
	if got := s.conn.Stats().StrayMedia; got != 3*DefaultMaxStrayMessages {
		t.Errorf("counted %d", got)
	}
}

// TestConcurrentWriters: messages of several goroutines never mix.
func TestConcurrentWriters(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := connected(t, client)
	p.write(frame(cmd(1, "play", 0, amf0.Null{}, "cam")))
	p.expectStatus(CodePlayReset)
	p.expectStatus(CodePlayStart)
	s.event(t)
	const writers, each = 4, 50
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			m := media(TypeVideo, 1, uint32(i), strings.Repeat(string(rune('a'+i)), 100_000)).Message
			for range each {
				if err := s.conn.WriteMessage(&m); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := map[uint32]int{}
	for range writers * each {
		m := p.read()
		if want := strings.Repeat(string(rune('a'+m.Timestamp)), 100_000); string(m.Payload) != want {
			t.Fatalf("mixed message %.20q", m.Payload)
		}
		seen[m.Timestamp]++
	}
	wg.Wait()
	for i := range uint32(writers) {
		if seen[i] != each {
			t.Errorf("writer %d: %d messages", i, seen[i])
		}
	}
	if got := s.conn.Stats().BytesWritten; got < writers*each*100_000 {
		t.Errorf("counted %d bytes written", got)
	}
}

// TestVector21CloseWithStalledPeer: a peer that reads nothing cannot hold up Close.
func TestVector21CloseWithStalledPeer(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	publishing(t, client, s)
	failed := make(chan error, 1)
	go func() {
		m := media(TypeVideo, 1, 0, strings.Repeat("v", 1<<20)).Message
		for {
			if err := s.conn.WriteMessage(&m); err != nil {
				failed <- err
				return
			}
		}
	}()
	waitUntil(t, "writer is stuck", func() bool {
		before := s.conn.Stats().BytesWritten
		time.Sleep(20 * time.Millisecond) // not to synchronise: to see whether the count moves
		return before > handshakeSize && s.conn.Stats().BytesWritten == before
	})
	start := time.Now()
	_ = s.conn.Close()
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("Close took %v", took)
	}
	if err := <-failed; !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteMessage: %v", err)
	}
	if err := s.end(t); !errors.Is(err, ErrClosed) || Kind(err) != "closed" {
		t.Errorf("Next: %v", err)
	}
	if err := s.conn.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestWriteTimeout: a peer that reads nothing ends its connection, and the
// reading side learns why.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = client.Close() }()
		s := serve(t, server, nil)
		publishing(t, client, s)
		start := time.Now()
		m := media(TypeVideo, 1, 0, "v").Message
		if err := s.conn.WriteMessage(&m); !errors.Is(err, ErrWriteTimeout) || Kind(err) != "write_timeout" {
			t.Errorf("WriteMessage: %v", err)
		}
		if took := time.Since(start); took != DefaultWriteTimeout {
			t.Errorf("after %v", took)
		}
		<-s.ended
		if !errors.Is(s.err, ErrWriteTimeout) {
			t.Errorf("Next: %v", s.err)
		}
		if err := s.conn.WriteMessage(&m); !errors.Is(err, ErrWriteTimeout) {
			t.Errorf("second WriteMessage: %v", err)
		}
	})
}

func TestMisuse(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	publishing(t, client, s)
	for _, err := range []error{
		s.conn.AcceptPublish(1), // once is enough
		s.conn.AcceptPublish(2),
		s.conn.AcceptPlay(&PlayRequest{StreamID: 1}),
		s.conn.AcceptPlay(&PlayRequest{StreamID: 2}),
	} {
		if !errors.Is(err, ErrNoStream) {
			t.Errorf("got %v, want ErrNoStream", err)
		}
	}
	if err := s.conn.WriteMessage(&Message{Type: TypeVideo, Payload: make([]byte, 1<<24)}); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
	if _, err := (&ServerConn{}).Next(); !errors.Is(err, ErrNotConnected) {
		t.Errorf("got %v, want ErrNotConnected", err)
	}
}

// waitUntil waits for a condition.
func waitUntil(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); {
		if time.Now().After(end) {
			t.Fatalf("still not so: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
