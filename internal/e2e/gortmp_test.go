package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	gortmp "github.com/yutopp/go-rtmp"
	gomessage "github.com/yutopp/go-rtmp/message"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// go-rtmp's client publishes to us; players on every worker get what it sent.
func TestGoRTMPPublishesToUs(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	client, err := gortmp.Dial("rtmp", s.rtmpAddr(3), &gortmp.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Logf("go-rtmp: %v", err)
		}
	})
	if err := client.Connect(&gomessage.NetConnectionConnect{Command: gomessage.NetConnectionConnectCommand{
		App: "live", Type: "nonprivate", FlashVer: "go-rtmp", TCURL: "rtmp://" + s.rtmpAddr(3) + "/live",
	}}); err != nil {
		t.Fatal(err)
	}
	const chunkSize = 4096
	stream, err := client.CreateStream(nil, chunkSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(&gomessage.NetStreamPublish{PublishingName: "gortmp", PublishingType: "live"}); err != nil {
		t.Fatal(err)
	}
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/gortmp"))
	}
	s.awaitPlayers(t, "live/gortmp", len(players))

	source := newSource(runs.Add(1))
	send := func(messages ...rtmp.Message) {
		for _, m := range messages {
			if err := writeGoRTMP(stream, &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	first, _ := source.next()
	send(append(source.headers(), first)...)
	for _, player := range players {
		player.awaitRun(soon, source.run) // or else it might start at the second keyframe
	}
	for range 99 {
		m, _ := source.next()
		send(m)
	}
	for _, player := range players {
		player.awaitMessages(soon, 100)
	}
}

// writeGoRTMP sends a message through go-rtmp: all on one chunk stream, for it may let messages of different ones overtake
// each other.
func writeGoRTMP(stream *gortmp.Stream, m *rtmp.Message) error {
	const csid = 4
	body := bytes.NewReader(m.Payload)
	switch m.Type {
	case rtmp.TypeAudio:
		return stream.Write(csid, m.Timestamp, &gomessage.AudioMessage{Payload: body})
	case rtmp.TypeVideo:
		return stream.Write(csid, m.Timestamp, &gomessage.VideoMessage{Payload: body})
	}
	// Data: its name as a string, and the rest as it is.
	name := string(m.Payload[3 : 3+int(m.Payload[1])<<8+int(m.Payload[2])])
	return stream.Write(csid, m.Timestamp, &gomessage.DataMessage{
		Name: name, Encoding: gomessage.EncodingTypeAMF0, Body: bytes.NewReader(m.Payload[3+len(name):]),
	})
}

// Our client publishes to a go-rtmp server, which gets every message as it was sent.
func TestWePublishToGoRTMP(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	received := &goRTMPHandler{}
	server := gortmp.NewServer(&gortmp.ServerConfig{OnConnect: func(c net.Conn) (io.ReadWriteCloser, *gortmp.ConnConfig) {
		return c, &gortmp.ConnConfig{Handler: received}
	}})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrClosed
	}()
	t.Cleanup(func() {
		server.Close() //nolint:errcheck // The listener's, which ends with the test.
		<-served
	})

	publisher := publish(t, "rtmp://"+listener.Addr().String()+"/live/there")
	const count = 200
	sent := publisher.source.headers()[1:]
	for len(sent) < count {
		if m, _ := publisher.source.next(); m.Type != rtmp.TypeData { // go-rtmp takes apart what it knows only
			sent = append(sent, m)
		}
	}
	for _, m := range sent {
		if err := publisher.write(m); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, soon, "the messages at go-rtmp's server", func() string {
		if n := len(received.get()); n < count {
			return fmt.Sprintf("%d of %d", n, count)
		}
		return ""
	})
	if diff := differentMessages(sent, received.get()); diff != "" {
		t.Error(diff)
	}
	if name := received.publishedName(); name != "there" {
		t.Errorf("published as %q", name)
	}
	if err := publisher.conn.Unpublish(publisher.stream); err != nil {
		t.Error(err)
	}
}

// A goRTMPHandler keeps what a client publishes.
type goRTMPHandler struct {
	gortmp.DefaultHandler

	mu       sync.Mutex
	name     string
	messages []rtmp.Message
}

func (h *goRTMPHandler) OnPublish(_ *gortmp.StreamContext, _ uint32, cmd *gomessage.NetStreamPublish) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.name = cmd.PublishingName
	return nil
}

func (h *goRTMPHandler) OnAudio(timestamp uint32, payload io.Reader) error {
	return h.keep(rtmp.TypeAudio, timestamp, payload)
}

func (h *goRTMPHandler) OnVideo(timestamp uint32, payload io.Reader) error {
	return h.keep(rtmp.TypeVideo, timestamp, payload)
}

func (h *goRTMPHandler) keep(kind rtmp.MessageType, timestamp uint32, payload io.Reader) error {
	body, err := io.ReadAll(payload)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, rtmp.Message{Type: kind, Timestamp: timestamp, Payload: body})
	return err
}

func (h *goRTMPHandler) get() []rtmp.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.messages[:len(h.messages):len(h.messages)]
}

func (h *goRTMPHandler) publishedName() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.name
}
