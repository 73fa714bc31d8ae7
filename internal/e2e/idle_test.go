package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

const idleAfter = time.Second

// A publisher that sends no media for idle_timeout is closed, whatever else it does. Its name is free for the next one, and the players that watched
// stay for that.
func TestIdlePublisher(t *testing.T) {
	t.Parallel()
	s := start(t, options{rtmp: fmt.Sprintf("idle_timeout: %v", idleAfter), live: "republish_wait: 60s"})
	for name, behave := range map[string]func(ctx context.Context, p *publisher){
		"nothing after publish": func(context.Context, *publisher) {},
		"media, then nothing":   func(_ context.Context, p *publisher) { p.someMedia() },
		"media, then pings": func(ctx context.Context, p *publisher) {
			p.someMedia()
			p.everyTick(ctx, func(int) []byte { return idlePing })
		},
		"media, then commands": func(ctx context.Context, p *publisher) {
			p.someMedia()
			p.everyTick(ctx, func(i int) []byte {
				if i%2 == 0 {
					return nil
				}
				return idleCommand
			})
		},
		"a message byte by byte": func(ctx context.Context, p *publisher) {
			p.someMedia()
			message := trickled()
			p.everyTick(ctx, func(i int) []byte { return message[i : i+1] })
		},
		"a message byte by byte at once": func(ctx context.Context, p *publisher) {
			message := trickled()
			p.everyTick(ctx, func(i int) []byte { return message[i : i+1] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.idlePublisher(t, "live/"+fmt.Sprintf("%x", name), behave)
		})
	}
	t.Cleanup(func() {
		if got := s.metric(t, "rtmpedge_connections_closed_total", "reason", "idle"); got != 6 {
			t.Errorf("%v connections that were idle are counted, not 6", got)
		}
	})
}

// idlePublisher looks at what becomes of a publisher that behaves like this.
func (s *server) idlePublisher(t *testing.T, stream string, behave func(ctx context.Context, p *publisher)) {
	viewers := []*player{play(t, s.rtmpURL(0, stream)), play(t, s.rtmpURL(1, stream))}
	s.awaitPlayers(t, stream, len(viewers))
	began := time.Now()
	p := publish(t, s.rtmpURL(0, stream))
	ctx, cancel := context.WithCancel(context.Background())
	behaving := make(chan struct{})
	go func() {
		defer close(behaving)
		behave(ctx, p)
	}()
	t.Cleanup(func() {
		cancel()
		<-behaving
	})
	p.told(soon)
	took := time.Since(began)
	if took < idleAfter || took > idleAfter+3*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if line := s.endOf(t, p.conn.NetConn().LocalAddr().String()); !containsAll(line, "reason=idle", "role=publisher") {
		t.Errorf("logged: %s", line)
	}
	cancel()
	next, _ := s.goLive(t, 1, stream)
	for _, v := range viewers {
		v.awaitRun(soon, next.source.run)
	}
}

// someMedia sends headers and half a second of frames. Like all that a publisher does here, it stops when the connection has ended.
func (p *publisher) someMedia() {
	messages := p.source.headers()
	for range messagesPerSecond / 2 {
		m, _ := p.source.next()
		messages = append(messages, m)
	}
	for _, m := range messages {
		if p.write(m) != nil {
			return
		}
	}
}

// everyTick writes bytes that are no media, until ctx or the connection ends.
func (p *publisher) everyTick(ctx context.Context, next func(i int) []byte) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-p.ended:
			return
		case <-tick.C:
		}
		if _, err := p.conn.NetConn().Write(next(i)); err != nil {
			return
		}
	}
}

var (
	// User control event 6 (RTMP 1.0 §7.1.7).
	idlePing = rtmp.AppendMessage(nil, rtmp.CSIDControl, 128, &rtmp.Message{
		Type: rtmp.TypeUserControl, Payload: binary.BigEndian.AppendUint32([]byte{0, 6}, 1234),
	})
	// "keepalive", transaction 0, null.
	idleCommand = rtmp.AppendMessage(nil, rtmp.CSIDCommand, 128, &rtmp.Message{
		Type: rtmp.TypeCommand, Payload: append(amfString("keepalive"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 5),
	})
)

// trickled is a keyframe that takes minutes when it is sent byte by byte.
func trickled() []byte {
	const chunk, enough = 60000, 10000
	m, _ := newSource(0).next()
	m.StreamID, m.Payload = 1, make([]byte, enough)
	return rtmp.AppendMessage(nil, rtmp.CSIDVideo, chunk, &m)
}

// A publisher of sound alone, with two messages a second, is not idle. Neither are players who wait for a publisher, or clients who have yet to
// publish.
func TestIdleOthersStay(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2, rtmp: fmt.Sprintf("idle_timeout: %v", idleAfter), live: "republish_wait: 60s, play_wait: 60s"})
	waiting := play(t, s.rtmpURL(0, "live/later"))
	s.awaitPlayers(t, "live/later", 1)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	hesitant, name, err := over(s.rtmpAddr(0)).connect(ctx, "live/later")
	if err != nil {
		t.Fatal(err)
	}
	defer hesitant.Close()

	radio := publish(t, s.rtmpURL(0, "live/radio"))
	listener := play(t, s.rtmpURL(1, "live/radio"), keepAll, func(p *player) { p.unchecked = true })
	header := radio.source.headers()[2]
	if err := radio.write(header); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(idleAfter / 2)
	defer tick.Stop()
	const messages = 6
	for sent := range messages {
		<-tick.C
		m := rtmp.Message{Type: rtmp.TypeAudio, Timestamp: uint32(sent) * 500, Payload: append([]byte{0xaf, 1}, byte(sent))}
		if err := radio.write(m); err != nil {
			t.Fatalf("message %d: %v", sent, err)
		}
	}
	waitFor(t, soon, "the sound", func() string {
		if n := len(listener.keptMessages()); n < messages {
			return fmt.Sprintf("%d messages", n)
		}
		return ""
	})
	waiting.check()
	publisher := &publisher{t: t, conn: hesitant, source: newSource(runs.Add(1)), ended: make(chan struct{})}
	if publisher.stream, err = hesitant.Publish(ctx, name); err != nil {
		t.Fatal(err)
	}
	go publisher.read()
	publisher.goLive()
	waiting.awaitRun(soon, publisher.source.run)
}
