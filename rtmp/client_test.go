package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// newClient connects a ClientConn to nc, whose other end is served already.
func newClient(t testing.TB, nc net.Conn) *ClientConn {
	t.Helper()
	c, err := NewClient(t.Context(), nc, ConnectRequest{App: "live", Query: "k=v"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestPublishSession is a whole publish, client to server.
func TestPublishSession(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	c := newClient(t, client)
	id, err := c.Publish(t.Context(), "cam?token=x")
	if err != nil || id != 1 {
		t.Fatalf("Publish: %d, %v", id, err)
	}
	want := ConnectRequest{
		App: "live", Query: "k=v", TCURL: "rtmp://localhost/live?k=v", FlashVer: "FMLE/3.0 (compatible; rtmp-edge)",
		Properties: amf0.Object{
			{Key: "app", Value: "live?k=v"},
			{Key: "type", Value: "nonprivate"},
			{Key: "flashVer", Value: "FMLE/3.0 (compatible; rtmp-edge)"},
			{Key: "tcUrl", Value: "rtmp://localhost/live?k=v"},
		},
	}
	if diff := cmp.Diff(&want, s.conn.ConnectRequest()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&PublishRequest{1, "cam", "token=x", "live"}, s.event(t).Publish); diff != "" {
		t.Error(diff)
	}
	sent := []outgoing{
		media(TypeData, id, 0, "\x02\x00\x0d@setDataFrame"),
		media(TypeAudio, id, 0xfffffe, strings.Repeat("a", 59_999)),
		media(TypeVideo, id, 0xffffff, strings.Repeat("v", 60_000)),
		media(TypeVideo, id, 0x1000000, strings.Repeat("w", 2<<20)),
		media(TypeAudio, id, 0xffffffff, ""),
	}
	for _, m := range sent {
		if err := c.WriteMessage(&m.Message); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Message, s.event(t).Message, equateEmpty); diff != "" {
			t.Errorf("%.500s", diff)
		}
	}
	if err := c.Unpublish(id); err != nil {
		t.Error(err)
	}
	if ev := s.event(t); describe(&ev) != "close stream 1" {
		t.Errorf("event %s", describe(&ev))
	}
	if err := c.Unpublish(id); !errors.Is(err, ErrNoStream) {
		t.Errorf("second Unpublish: %v", err)
	}
	if id, err = c.Publish(t.Context(), "again"); err != nil || id != 1 {
		t.Errorf("Publish again: %d, %v", id, err)
	}
	_ = c.Close()
	if err := s.end(t); !errors.Is(err, io.EOF) {
		t.Errorf("session ended with %v", err)
	}
}

// TestPlaySession is a whole play, client to server, with everything that a
// server may send.
func TestPlaySession(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	c := newClient(t, client)
	id, err := c.Play(t.Context(), "cam?token=x")
	if err != nil || id != 1 {
		t.Fatalf("Play: %d, %v", id, err)
	}
	if diff := cmp.Diff(&PlayRequest{1, "cam", "token=x", -2000, -1, true}, s.event(t).Play); diff != "" {
		t.Error(diff)
	}
	write := func(m outgoing) {
		t.Helper()
		if err := s.conn.send(m); err != nil {
			t.Fatal(err)
		}
	}
	write(media(TypeVideo, id, 9, strings.Repeat("v", 1<<20)))
	write(userControl(userPingRequest, 77))
	write(cmd(0, "onBWDone", 0, amf0.Null{}, 8192.0))
	write(asAMF3(media(TypeData, id, 10, "\x02\x00\x01d")))
	write(media(TypeAggregate, id, 100, "\x08\x00\x00\x01\x00\x00\x07\x00\x00\x00\x00a\x00\x00\x00\x0c"))
	if err := s.conn.WriteStatus(id, Status{Code: CodePlayUnpublishNotify, Description: "Bye."}); err != nil {
		t.Fatal(err)
	}
	if err := s.conn.WriteStreamEOF(id); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 5 {
		ev, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == EventStatus {
			if diff := cmp.Diff(&Status{LevelStatus, CodePlayUnpublishNotify, "Bye."}, ev.Status); diff != "" {
				t.Error(diff)
			}
		}
		got = append(got, strings.ReplaceAll(describe(&ev), strings.Repeat("v", 1<<20), "v…"))
	}
	want := []string{`message 1 9 @9 "v…"`, `message 1 18 @10 "\x02\x00\x01d"`, `message 1 8 @100 "a"`, "status 1", "stream EOF 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := c.Unpublish(id); err != nil {
		t.Error(err)
	}
	if ev := s.event(t); describe(&ev) != "close stream 1" {
		t.Errorf("event %s", describe(&ev))
	}
	// What was on its way is dropped, however much it is.
	for range 3 * DefaultMaxStrayMessages {
		write(media(TypeVideo, id, 9, "late"))
	}
	closeWrite(t, server)
	if ev, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next: %s, %v", describe(&ev), err)
	}
	if _, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next again: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	client, server := tcpPair(t)
	serve(t, server, nil)
	c := newClient(t, client)
	for _, tt := range []struct {
		call func(context.Context, string) (uint32, error)
		want Status
	}{
		{c.Publish, Status{LevelError, CodePublishBadName, "Taken."}},
		{c.Play, Status{LevelError, CodePlayStreamNotFound, "Not here."}},
	} {
		id, err := tt.call(t.Context(), "refused")
		var refusal *StatusError
		if !errors.As(err, &refusal) || refusal.Status != tt.want || id != 0 || Kind(err) != "refused" {
			t.Errorf("got %d, %v; want %v", id, err, tt.want)
		}
	}
	// The connection survives a refusal.
	for i := range DefaultMaxStreams + 2 {
		id, err := c.Publish(t.Context(), "cam")
		if err != nil {
			t.Fatalf("publish %d: %v", i, err)
		}
		if err := c.Unpublish(id); err != nil {
			t.Fatal(err)
		}
	}

	client, server = tcpPair(t)
	serve(t, server, nil)
	_, err := NewClient(t.Context(), client, ConnectRequest{App: "refused"}, nil)
	var refusal *StatusError
	if !errors.As(err, &refusal) || refusal.Code != CodeConnectInvalidApp {
		t.Errorf("connect: %v", err)
	}
	if _, err := client.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("connection left open: %v", err)
	}
}

func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan *session, 1)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		accepted <- serve(t, nc, nil)
	}()
	host := l.Addr().String()
	c, name, err := Dial(t.Context(), "rtmp://"+host+"/live/inst/cam?k=v", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	s := <-accepted
	<-s.accepted
	if name != "cam?k=v" {
		t.Errorf("name %q", name)
	}
	if r := s.conn.ConnectRequest(); r.App != "live/inst" || r.TCURL != "rtmp://"+host+"/live/inst" {
		t.Errorf("connect %+v", r)
	}
	_ = c.Close()
	_ = s.end(t)

	if _, _, err := Dial(t.Context(), "http://"+host, nil); !errors.Is(err, ErrURL) {
		t.Errorf("got %v, want ErrURL", err)
	}
	_ = l.Close()
	if _, _, err := Dial(t.Context(), "rtmp://"+host+"/live/cam", nil); err == nil {
		t.Error("dialed a closed port")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Dial(ctx, "rtmp://"+host+"/live/cam", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A publish that is refused because the connection publishes that name already leaves that stream alone.
func TestRefusedPublishEndsNoOtherOfItsName(t *testing.T) {
	client, server := tcpPair(t)
	events := make(chan Event, 10)
	go func() {
		defer close(events)
		c, err := Accept(t.Context(), server, nil)
		if err != nil {
			return
		}
		if c.AcceptConnect() != nil {
			return
		}
		for n := 0; ; n++ {
			ev, err := c.Next()
			if err != nil {
				return
			}
			switch {
			case ev.Kind == EventPublish && n == 0:
				err = c.AcceptPublish(ev.StreamID)
			case ev.Kind == EventPublish:
				err = c.WriteStatus(ev.StreamID, Status{Level: LevelError, Code: CodePublishBadName})
			}
			if err != nil {
				return
			}
			events <- ev
		}
	}()
	c := newClient(t, client)
	id, err := c.Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), "cam"); Kind(err) != "refused" {
		t.Fatalf("the second publish: %v", err)
	}
	if err := c.WriteMessage(&Message{Type: TypeAudio, StreamID: id, Payload: []byte{0xaf, 1}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []EventKind{EventPublish, EventPublish, EventMessage} {
		if ev := <-events; ev.Kind != want {
			t.Fatalf("event %v, want %v", ev.Kind, want)
		}
	}
}
