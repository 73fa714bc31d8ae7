package e2e

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// Enhanced RTMP passes the server as it is, from clients that announce it and from those that don't, on the owner's worker and through relays. Who joins
// later gets metadata, all that is needed to decode, and then the newest GOP from its keyframe on.
func TestEnhancedPassesAsItIs(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 3})
	for _, e := range enhancedStreams() {
		for name, properties := range map[string]amf0.Object{"announced": announced, "unannounced": nil} {
			t.Run(e.name+" "+name, func(t *testing.T) {
				t.Parallel()
				s.enhanced(t, &e, fmt.Sprintf("live/%x", e.name+name), properties)
			})
		}
	}
}

// enhanced publishes two GOPs of a stream and looks at what players get who are there from the beginning, and who join in the middle of the second.
func (s *server) enhanced(t *testing.T, e *enhancedStream, stream string, properties amf0.Object) {
	raw := func(p *player) { p.unchecked, p.keep = true, true }
	p := over(s.rtmpAddr(0)).with(properties).publish(t, stream)
	early := []*player{over(s.rtmpAddr(0)).with(properties).play(t, stream, raw), over(s.rtmpAddr(1)).with(properties).play(t, stream, raw)}
	s.awaitPlayers(t, stream, len(early))
	write := func(messages []rtmp.Message) {
		for _, m := range messages {
			if err := p.write(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	headers := append([]rtmp.Message{{Type: rtmp.TypeData, Payload: metadata(p.source.run)}}, e.headers...)
	first, second := e.gop(0), e.gop(1)
	write(p.source.headers()[:1]) // the metadata, wrapped
	write(e.headers)
	half := len(second) / 2
	sent := 0
	for _, part := range [][]rtmp.Message{first[:len(e.key)], first[len(e.key):], second[:half]} {
		write(part)
		sent += len(part)
		for _, v := range early { // or else the relay might begin at the second GOP, or those who join later find none there
			v.awaitKept(t, len(headers)+sent)
		}
	}
	// One joins on the owner's worker, one on a worker that relays the stream already, one on a worker that has yet to.
	var late []*player
	for worker := range s.opt.workers {
		late = append(late, over(s.rtmpAddr(worker)).with(properties).play(t, stream, raw))
	}
	for _, v := range late {
		v.awaitKept(t, len(headers)+half)
	}
	write(second[half:])
	media := append(append([]rtmp.Message(nil), first...), second...)
	for _, v := range early {
		v.mustHave(t, headers, media)
	}
	for _, v := range late {
		v.mustHave(t, headers, second)
	}
	info, _, err := s.stream(shared, stream)
	if err != nil || info.VideoCodec != e.video || info.AudioCodec != e.audio {
		t.Errorf("the API says video %q, audio %q (%v), not %q, %q", info.VideoCodec, info.AudioCodec, err, e.video, e.audio)
	}
	p.end()
}

// awaitKept waits until a player has so many messages.
func (p *player) awaitKept(t *testing.T, n int) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%s: %d messages", p.name, n), func() string {
		if got := len(p.keptMessages()); got < n {
			return fmt.Sprintf("%d of them", got)
		}
		return ""
	})
}

// mustHave waits until a player has some headers, in any order, and then some media, and nothing else.
func (p *player) mustHave(t *testing.T, headers, media []rtmp.Message) {
	t.Helper()
	p.awaitKept(t, len(headers)+len(media))
	got := p.keptMessages()
	if diff := differentMessages(media, got[len(headers):]); diff != "" {
		t.Errorf("%s: behind the headers: %s", p.name, diff)
	}
	for _, want := range headers {
		found := 0
		for _, m := range got[:len(headers)] {
			if m.Type == want.Type && bytes.Equal(m.Payload, want.Payload) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: %v %.40q came %d times before the media", p.name, want.Type, want.Payload, found)
		}
	}
}
