package bench

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A testServer sends on what is published, by RTMP and HTTP-FLV, from the next keyframe on.
type testServer struct {
	t       *testing.T
	rtmp    string // address
	http    string
	mangle  func(m *rtmp.Message) (keep bool) // static
	serving sync.WaitGroup

	mu      sync.Mutex // held while messages are written: tests have few players
	streams map[string]*testStream
	players int // that have had media
	conns   []net.Conn
}

type testStream struct {
	headers []rtmp.Message
	players []*testPlayer
}

type testPlayer struct {
	write   func(m *rtmp.Message) error
	end     func()
	started bool
	over    bool
}

func newTestServer(t *testing.T, mangle func(m *rtmp.Message) bool) *testServer {
	t.Helper()
	s := &testServer{t: t, mangle: mangle, streams: make(map[string]*testStream)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.rtmp = l.Addr().String()
	s.serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, nc)
			s.mu.Unlock()
			s.serving.Go(func() { s.serve(nc) })
		}
	})
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.http = web.Addr().String()
	h := &http.Server{Handler: http.HandlerFunc(s.flv)} //nolint:gosec // a test's
	s.serving.Go(func() { _ = h.Serve(web) })
	t.Cleanup(func() {
		_ = l.Close()
		_ = h.Close()
		s.closeAll()
		s.serving.Wait()
	})
	return s
}

// closeAll ends every connection by RTMP.
func (s *testServer) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, nc := range s.conns {
		_ = nc.Close()
	}
}

// closeAllAt is closeAll as soon as so many players have had media, or ctx ends.
func (s *testServer) closeAllAt(ctx context.Context, players int) {
	for sleep(ctx, time.Millisecond) {
		s.mu.Lock()
		begun := s.players
		s.mu.Unlock()
		if begun >= players {
			break
		}
	}
	s.closeAll()
}

func (s *testServer) serve(nc net.Conn) {
	c, err := rtmp.Accept(context.Background(), nc, nil)
	if err != nil {
		return
	}
	defer c.Close()
	if err := c.AcceptConnect(); err != nil {
		return
	}
	name := ""
	for {
		ev, err := c.Next()
		if err != nil {
			return
		}
		switch ev.Kind {
		case rtmp.EventPublish:
			name = ev.Publish.Name
			err = c.AcceptPublish(ev.StreamID)
		case rtmp.EventPlay:
			if err = c.AcceptPlay(ev.Play); err != nil {
				return
			}
			id := ev.StreamID
			s.join(ev.Play.Name, &testPlayer{end: func() { _ = c.Close() }, write: func(m *rtmp.Message) error {
				out := *m
				out.StreamID = id
				return c.WriteMessage(&out)
			}})
		case rtmp.EventMessage:
			s.publish(name, ev.Message)
		}
		if err != nil {
			return
		}
	}
}

// flv serves http://HOST/live/NAME.flv, and ws://…
func (s *testServer) flv(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[len("/live/") : len(r.URL.Path)-len(".flv")]
	gone := r.Context()
	write := func(b []byte) error {
		_, err := w.Write(b)
		return errors.Join(err, http.NewResponseController(w).Flush())
	}
	if r.Header.Get("Upgrade") != "" {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow() //nolint:errcheck // the test is over
		gone = ws.CloseRead(context.Background())
		write = func(b []byte) error { return ws.Write(context.Background(), websocket.MessageBinary, b) }
	}
	_ = write(flvFile(nil))
	over := make(chan struct{})
	p := &testPlayer{end: sync.OnceFunc(func() { close(over) }), write: func(m *rtmp.Message) error { return write(appendTag(nil, m)) }}
	s.join(name, p)
	select {
	case <-over:
	case <-gone.Done():
		s.mu.Lock() // the writer is of no use afterwards
		defer s.mu.Unlock()
		p.over = true
	}
}

func (s *testServer) stream(name string) *testStream {
	if s.streams[name] == nil {
		s.streams[name] = &testStream{}
	}
	return s.streams[name]
}

func (s *testServer) join(name string, p *testPlayer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := s.stream(name)
	stream.players = append(stream.players, p)
}

func (s *testServer) publish(name string, m rtmp.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stream := s.stream(name)
	if !s.mangle(&m) {
		return
	}
	tag := flv.ParseAudio(m.Payload)
	if m.Type == rtmp.TypeVideo {
		tag = flv.ParseVideo(m.Payload)
	}
	if !tag.Type.Media() {
		m.Payload = bytes.Clone(m.Payload)
		stream.headers = append(stream.headers, m)
	}
	stream.players = slices.DeleteFunc(stream.players, func(p *testPlayer) bool {
		if !p.started && tag.Type == flv.Keyframe {
			p.started = true
			s.players++
			for i := range stream.headers {
				p.over = p.over || p.write(&stream.headers[i]) != nil
			}
		}
		if p.started {
			p.over = p.over || p.write(&m) != nil
		}
		if p.over {
			p.end()
		}
		return p.over
	})
}
