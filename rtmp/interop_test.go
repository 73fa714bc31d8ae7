package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	gortmp "github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// interopMedia is what is published in both directions. Timestamps below
// 0xFFFFFF and payloads that are not empty are the common ground.
var interopMedia = []outgoing{
	media(TypeVideo, 1, 0, "\x17\x00sequence header"),
	media(TypeAudio, 1, 0, "\xaf\x00\x12\x10"),
	media(TypeVideo, 1, 40, strings.Repeat("keyframe ", 20_000)),
	media(TypeAudio, 1, 42, "\xaf\x01a"),
	media(TypeVideo, 1, 80, strings.Repeat("v", 128)),
	media(TypeVideo, 1, 120, strings.Repeat("v", 129)),
	media(TypeAudio, 1, 0xfffffe, "last"),
}

// TestVector22GoRTMPPublishesToUs: the client of another library publishes to our
// server.
func TestVector22GoRTMPPublishesToUs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan *session, 1)
	go func() {
		if nc, err := l.Accept(); err == nil {
			accepted <- serve(t, nc, nil)
		}
	}()
	c, err := gortmp.Dial("rtmp", l.Addr().String(), &gortmp.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	closeOnce := sync.OnceFunc(func() { _ = c.Close() })
	defer closeOnce()
	if err := c.Connect(&message.NetConnectionConnect{Command: message.NetConnectionConnectCommand{
		App: "live", TCURL: "rtmp://host/live", FlashVer: "go",
	}}); err != nil {
		t.Fatal(err)
	}
	stream, err := c.CreateStream(nil, 128)
	if err != nil {
		t.Fatal(err)
	}
	if stream.StreamID() != 1 {
		t.Errorf("stream id %d", stream.StreamID())
	}
	if err := stream.Publish(&message.NetStreamPublish{PublishingName: "cam?k=v", PublishingType: "live"}); err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	if diff := cmp.Diff(&PublishRequest{1, "cam", "k=v", "live"}, s.event(t).Publish); diff != "" {
		t.Error(diff)
	}
	for i, m := range interopMedia {
		var msg message.Message = &message.VideoMessage{Payload: bytes.NewReader(m.Payload)}
		if m.Type == TypeAudio {
			msg = &message.AudioMessage{Payload: bytes.NewReader(m.Payload)}
		}
		if err := stream.Write(int(m.csid), m.Timestamp, msg); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Message, s.event(t).Message); diff != "" {
			t.Errorf("message %d: %.500s", i, diff)
		}
	}
	if err := c.DeleteStream(&message.NetStreamDeleteStream{StreamID: 1}); err != nil {
		t.Error(err)
	}
	if ev := s.event(t); describe(&ev) != "close stream 1" {
		t.Errorf("event %s", describe(&ev))
	}
	closeOnce()
	if err := s.end(t); !errors.Is(err, io.EOF) {
		t.Errorf("session ended with %v", err)
	}
}

// A goHandler records what another library's server hears from us.
type goHandler struct {
	gortmp.DefaultHandler
	heard chan string
}

func (h *goHandler) OnConnect(_ uint32, c *message.NetConnectionConnect) error {
	h.heard <- "connect " + c.Command.App + " " + c.Command.TCURL + " " + c.Command.FlashVer + " " + c.Command.Type
	return nil
}

func (h *goHandler) OnReleaseStream(_ uint32, c *message.NetConnectionReleaseStream) error {
	h.heard <- "releaseStream " + c.StreamName
	return nil
}

func (h *goHandler) OnFCPublish(_ uint32, c *message.NetStreamFCPublish) error {
	h.heard <- "FCPublish " + c.StreamName
	return nil
}

func (h *goHandler) OnFCUnpublish(_ uint32, c *message.NetStreamFCUnpublish) error {
	h.heard <- "FCUnpublish " + c.StreamName
	return nil
}

func (h *goHandler) OnDeleteStream(uint32, *message.NetStreamDeleteStream) error {
	h.heard <- "deleteStream"
	return nil
}

func (h *goHandler) OnPublish(_ *gortmp.StreamContext, _ uint32, c *message.NetStreamPublish) error {
	if c.PublishingName == "refused" {
		return errors.New("no")
	}
	h.heard <- "publish " + c.PublishingName + " " + c.PublishingType
	return nil
}

func (h *goHandler) OnSetDataFrame(timestamp uint32, d *message.NetStreamSetDataFrame) error {
	h.heard <- describe(&Event{Kind: EventMessage, StreamID: 1, Message: Message{Type: TypeData, Timestamp: timestamp, Payload: d.Payload}})
	return nil
}

func (h *goHandler) OnAudio(timestamp uint32, r io.Reader) error {
	return h.media(TypeAudio, timestamp, r)
}

func (h *goHandler) OnVideo(timestamp uint32, r io.Reader) error {
	return h.media(TypeVideo, timestamp, r)
}

func (h *goHandler) media(t MessageType, timestamp uint32, r io.Reader) error {
	payload, err := io.ReadAll(r)
	h.heard <- describe(&Event{Kind: EventMessage, StreamID: 1, Message: Message{Type: t, Timestamp: timestamp, Payload: payload}})
	return err
}

func (h *goHandler) OnClose() { close(h.heard) }

// goServer serves one connection with another library's server, and returns
// its URL and what it hears.
func goServer(t *testing.T) (url string, heard <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &goHandler{heard: make(chan string, 64)}
	srv := gortmp.NewServer(&gortmp.ServerConfig{
		OnConnect: func(nc net.Conn) (io.ReadWriteCloser, *gortmp.ConnConfig) {
			return nc, &gortmp.ConnConfig{Handler: h}
		},
	})
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-served })
	return "rtmp://" + l.Addr().String() + "/live/", h.heard
}

// TestVector22WePublishToGoRTMP: our client publishes to another library's server.
func TestVector22WePublishToGoRTMP(t *testing.T) {
	url, heard := goServer(t)
	c, name, err := Dial(t.Context(), url+"cam?k=v", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	id, err := c.Publish(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"connect live " + strings.TrimSuffix(url, "/") + " " + clientVersion + " nonprivate",
		"releaseStream cam?k=v", "FCPublish cam?k=v", "publish cam?k=v live",
	}
	metadata, err := amf0.Append([]byte("\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData"), amf0.ECMAArray{{Key: "width", Value: 1280.0}})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append([]outgoing{media(TypeData, 1, 0, string(metadata))}, interopMedia...) {
		if err := c.WriteMessage(&m.Message); err != nil {
			t.Fatal(err)
		}
		if m.Type == TypeData {
			m.Payload = m.Payload[len("\x02\x00\x0d@setDataFrame"):]
		}
		want = append(want, describe(&Event{Kind: EventMessage, StreamID: 1, Message: m.Message}))
	}
	if err := c.Unpublish(id); err != nil {
		t.Fatal(err)
	}
	want = append(want, "FCUnpublish cam?k=v", "deleteStream")
	closeWrite(t, c.NetConn())
	var got []string
	for s := range heard {
		got = append(got, s)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.2000s", diff)
	}
}

func TestGoRTMPRefusesUs(t *testing.T) {
	url, heard := goServer(t)
	c, _, err := Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var refusal *StatusError
	if _, err := c.Publish(context.Background(), "refused"); !errors.As(err, &refusal) || refusal.Code != CodePublishFailed {
		t.Errorf("got %v", err)
	}
	_ = c.Close()
	for range heard { // until it has closed as well
	}
}
