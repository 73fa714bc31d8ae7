package e2e

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Every message of a stream reaches players on the owner's worker and on others byte for byte, with the timestamps as sent.
func TestByteExactThroughRelay(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	p := publish(t, s.rtmpURL(0, "live/exact"))
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/exact"), keepAll)
	}
	s.awaitPlayers(t, "live/exact", len(players))

	p.headers()
	for range 20 {
		p.feed(70, players)
	}
	owners := players[0].keptMessages()
	for _, place := range everywhere(s) {
		if diff := differentMessages(owners, players[place].keptMessages()); diff != "" {
			t.Errorf("%s: %s", players[place].name, diff)
		}
	}
}

// A stream whose timestamps need the extended field of a chunk, from the middle of it on (RTMP 1.0 §5.3.1.3).
func TestExtendedTimestamps(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	p := publish(t, s.rtmpURL(0, "live/late"))
	p.source.start = 0xffffff - 2000
	p.source.bitrate(20_000_000) // so that keyframes have more than one chunk
	p.headers()
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/late"))
	}
	s.awaitPlayers(t, "live/late", len(players))
	for range 4 {
		p.feed(70, players)
	}
	for _, place := range everywhere(s) {
		players[place].await(soon, "timestamps beyond 0xffffff", func(got seen) string {
			if got.lastTS > 0xffffff+1000 {
				return ""
			}
			return fmt.Sprintf("at %#x", got.lastTS)
		})
		if got, _ := players[place].seen(); got.shift != 0 {
			t.Errorf("%s: timestamps are shifted by %d", players[place].name, int32(got.shift))
		}
	}
}

// Payloads that the server need not understand pass as they are.
func TestUnknownPayloads(t *testing.T) {
	t.Parallel()
	strange := []rtmp.Message{
		{Type: rtmp.TypeVideo, Payload: []byte("\x90hvc1\x01\x02\x03sequence start")}, // Enhanced RTMP v2, ExVideoTagHeader
		{Type: rtmp.TypeVideo, Payload: []byte("\x91av01coded frames")},
		{Type: rtmp.TypeVideo, Payload: []byte("\x93zzzznobody's codec")},
		{Type: rtmp.TypeVideo, Payload: []byte("\x96\x00avc1\x01multitrack")},
		{Type: rtmp.TypeVideo, Payload: []byte("\x2fcodec 15")},
		{Type: rtmp.TypeVideo, Payload: []byte{0x27}}, // broken off behind its first byte
		{Type: rtmp.TypeAudio, Payload: []byte("\x90Opus\x01\x02ex audio header")},
		{Type: rtmp.TypeAudio, Payload: []byte("\x95\x11multitrack audio")},
		{Type: rtmp.TypeAudio, Payload: []byte{0xaf}},
		{Type: rtmp.TypeAudio, Payload: []byte("\x2fMP3")},
		{Type: rtmp.TypeData, Payload: append(amfString("onTextData"), 0x05)},
		{Type: rtmp.TypeData, Payload: append(amfString("onCuePoint"), "\x7fnot AMF at all"...)},
		{Type: rtmp.TypeAudio, Payload: []byte("\xaf\x7fthe last one")},
	}
	s := start(t, options{})
	p := publish(t, s.rtmpURL(1, "live/strange"))
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/strange"), keepAll, func(p *player) { p.strange = true })
	}
	s.awaitPlayers(t, "live/strange", len(players))
	p.headers()
	p.feed(1, players) // a keyframe: players start at one
	for i := range strange {
		strange[i].Timestamp = 100 + uint32(i)
		if err := p.write(strange[i]); err != nil {
			t.Fatal(err)
		}
	}
	last := strange[len(strange)-1].Payload
	for _, place := range everywhere(s) {
		player := players[place]
		waitFor(t, soon, player.name+": the last message", func() string {
			kept := player.keptMessages()
			if n := len(kept); n > 0 && bytes.Equal(kept[n-1].Payload, last) {
				return ""
			}
			return fmt.Sprintf("%d messages so far", len(kept))
		})
		kept := player.keptMessages()
		tail := kept[max(0, len(kept)-len(strange)):]
		if diff := differentMessages(strange, tail); diff != "" {
			t.Errorf("%s: %s", player.name, diff)
		}
	}
}

// differentMessages says where two lists of messages differ, the message stream id aside.
func differentMessages(want, got []rtmp.Message) string {
	for i := range min(len(want), len(got)) {
		w, g := &want[i], &got[i]
		if w.Type != g.Type || w.Timestamp != g.Timestamp || !bytes.Equal(w.Payload, g.Payload) {
			return fmt.Sprintf("message %d is %v at %d, %x…, not %v at %d, %x…", i,
				g.Type, g.Timestamp, g.Payload[:min(len(g.Payload), 24)], w.Type, w.Timestamp, w.Payload[:min(len(w.Payload), 24)])
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("%d messages instead of %d", len(got), len(want))
	}
	return ""
}

// A stream without video needs no keyframe to start.
func TestAudioOnly(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	p := publish(t, s.rtmpURL(2, "live/radio"))
	source := newSource(p.source.run)
	if err := p.write(source.headers()[2]); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(audioInterval * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			m, _ := source.next()
			for m.Type != rtmp.TypeAudio {
				m, _ = source.next()
			}
			if err := p.write(m); err != nil {
				t.Error(err)
				return
			}
		}
	})
	t.Cleanup(sending.Wait)
	t.Cleanup(func() { close(stop) })
	for _, place := range everywhere(s) {
		player := play(t, s.rtmpURL(place, "live/radio"), keepAll, func(p *player) { p.unchecked = true })
		waitFor(t, soon, player.name+": sound", func() string {
			kept := player.keptMessages()
			if len(kept) < 20 {
				return fmt.Sprintf("%d messages", len(kept))
			}
			if !bytes.Equal(kept[0].Payload, audioHeader) {
				t.Fatalf("%s starts with %x, not with the sequence header", player.name, kept[0].Payload)
			}
			return ""
		})
	}
}
