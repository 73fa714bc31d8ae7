package relay

import (
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// The relay asks with the first media how long the way is, and the owner's answer tells.
func TestLatency(t *testing.T) {
	s := newStage(t)
	latencies := make(chan time.Duration, 10)
	s.puller.Events.Latency = func(d time.Duration) { latencies <- d }
	_, c, play, f := s.relayed("live/x")
	begun := time.Now()
	for i := range uint32(3) {
		must(t, c.WriteMessage(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: i, Payload: []byte{1}}))
		await(t, f.got, "message")
	}
	events := make(chan error, 1)
	go func() { // the owner answers by reading
		_, err := c.Next()
		events <- err
	}()
	if d := await(t, latencies, "latency"); d <= 0 || d > time.Since(begun)/2 {
		t.Errorf("%v", d)
	}
	before := c.Stats().MessagesRead
	for i := range uint32(3) {
		must(t, c.WriteMessage(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 10 + i, Payload: []byte{1}}))
		await(t, f.got, "message")
	}
	must(t, c.WriteStatus(play.StreamID, rtmp.Status{Code: rtmp.CodePlayUnpublishNotify}))
	if err := await(t, events, "end of the owner's session"); err == nil {
		t.Error("the relay sent something")
	}
	if n := c.Stats().MessagesRead - before; n != 0 {
		t.Errorf("the relay sent %d messages within %v", n, time.Since(begun))
	}
}

// A relay that comes back to its publication has a gap, unless something comes again.
func TestGap(t *testing.T) {
	audio, video, data := rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeData
	for _, c := range []struct {
		name          string
		before, after []rtmp.Message
		gaps          int
	}{
		{"the newest comes again", []rtmp.Message{{Type: video, Timestamp: 5}, {Type: audio, Timestamp: 9}}, []rtmp.Message{{Type: video, Timestamp: 9}, {Type: video, Timestamp: 50}}, 0},
		{"an older one comes again", []rtmp.Message{{Type: video, Timestamp: 5}, {Type: video, Timestamp: 9}}, []rtmp.Message{{Type: audio, Timestamp: 2}, {Type: video, Timestamp: 50}}, 0},
		{"nothing comes again", []rtmp.Message{{Type: video, Timestamp: 5}}, []rtmp.Message{{Type: data, Timestamp: 1}, {Type: video, Timestamp: 10}, {Type: video, Timestamp: 50}}, 1},
		{"behind an overflow", []rtmp.Message{{Type: video, Timestamp: 0xfffffff0}}, []rtmp.Message{{Type: video, Timestamp: 10}}, 1},
		{"before an overflow", []rtmp.Message{{Type: video, Timestamp: 10}}, []rtmp.Message{{Type: video, Timestamp: 0xfffffff0}}, 0},
		{"nothing came before", []rtmp.Message{{Type: data, Timestamp: 5}}, []rtmp.Message{{Type: video, Timestamp: 10}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			gaps := make(chan struct{}, 10)
			s.puller.Events.Gap = func() { gaps <- struct{}{} }
			_, conn, _, f := s.relayed("live/x")
			send := func(messages []rtmp.Message) {
				for _, m := range messages {
					m.StreamID, m.Payload = 1, []byte{1}
					must(t, conn.WriteMessage(&m))
					await(t, f.got, "message")
				}
			}
			send(c.before)
			must(t, conn.Close())
			_ = await(t, s.ended, "end")
			var play *rtmp.PlayRequest
			conn, play = s.accept()
			must(t, conn.AcceptPlay(play))
			f = await(t, s.feeds, "second feed")
			send(c.after)
			if len(gaps) != c.gaps {
				t.Errorf("%d gaps, want %d", len(gaps), c.gaps)
			}
		})
	}
}

// What another publication left is no gap.
func TestNoGapBetweenPublications(t *testing.T) {
	s := newStage(t)
	s.puller.Events.Gap = func() { t.Error("a gap") }
	claim, c, play, f := s.relayed("live/x")
	must(t, c.WriteMessage(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 1, Payload: []byte{1}}))
	await(t, f.got, "message")
	must(t, c.WriteStatus(play.StreamID, rtmp.Status{Code: rtmp.CodePlayUnpublishNotify}))
	_ = await(t, s.ended, "end")
	if !s.owner.Release(claim) {
		t.Fatal("not released")
	}
	_, err := s.owner.Claim("live/x")
	must(t, err)
	c, play = s.accept()
	must(t, c.AcceptPlay(play))
	f = await(t, s.feeds, "second feed")
	must(t, c.WriteMessage(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: 100, Payload: []byte{1}}))
	await(t, f.got, "message")
}
