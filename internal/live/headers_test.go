package live

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func video(payload string) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeVideo, Payload: []byte(payload)}
}

func sound(payload string) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte(payload)}
}

func data(payload string) *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeData, Payload: []byte(payload)}
}

func at(ts uint32, m *rtmp.Message) *rtmp.Message {
	m.Timestamp = ts
	return m
}

// Headers of several tracks, as encoders send them.
const (
	metadataA = "\x02\x00\x0aonMetaData\x03A"
	metadataB = "\x02\x00\x0aonMetaData\x03B"
	plain0    = "\x17\x00\x00\x00\x00legacy"
	start0    = "\x90hvc1start"
	color0    = "\x94hvc1color"
	one1      = "\x96\x00hvc1\x01start"
	one1B     = "\x96\x00hvc1\x01other"
	color1    = "\x96\x04hvc1\x01color"
	many012   = "\x96\x10hvc1\x00\x00\x00\x01a\x01\x00\x00\x01b\x02\x00\x00\x01c"
	many012B  = "\x96\x10hvc1\x00\x00\x00\x01d\x01\x00\x00\x01e\x02\x00\x00\x01f"
	many02    = "\x96\x10hvc1\x00\x00\x00\x01i\x02\x00\x00\x01j"
	many12    = "\x96\x10hvc1\x01\x00\x00\x01g\x02\x00\x00\x01h"
	opus0     = "\x90OpusOpusHead"
	channels0 = "\x94Opus\x01\x02"
	sound1    = "\x95\x00mp4a\x01\x12\x10"
)

func TestHeadersInForce(t *testing.T) {
	half := strings.Repeat("x", maxHeader/2)
	for _, c := range []struct {
		name   string
		sent   []*rtmp.Message
		wanted []string
	}{
		{"one of each", []*rtmp.Message{sound(opus0), video(start0), data(metadataA)}, []string{metadataA, start0, opus0}},
		{"replaced", []*rtmp.Message{data(metadataA), video(plain0), data(metadataB), video(start0)}, []string{metadataB, start0}},
		{
			"types stand beside each other",
			[]*rtmp.Message{video(start0), video(color0), sound(opus0), sound(channels0), video(start0)},
			[]string{start0, color0, opus0, channels0},
		},
		{
			"tracks too, in the order of their first headers",
			[]*rtmp.Message{video(plain0), video(one1), sound(sound1), video(color1), video(start0), video(one1B)},
			[]string{start0, one1B, color1, sound1},
		},
		{"many in one", []*rtmp.Message{video(many012), video(many012B)}, []string{many012B}},
		{"one of many", []*rtmp.Message{video(many012), video(one1)}, []string{many012, one1}},
		{"one of many, again", []*rtmp.Message{video(many012), video(one1), video(one1B)}, []string{many012, one1B}},
		{"each of many", []*rtmp.Message{video(many012), video(start0), video(many12)}, []string{many12, start0}},
		{"behind what is left of many", []*rtmp.Message{video(one1), video(many012), video(one1)}, []string{many012, one1}},
		{"behind what is left of many, not in place of one", []*rtmp.Message{video(one1), video(many02), video(many12)}, []string{many02, many12}},
		{"many again", []*rtmp.Message{video(many012), video(one1), video(many012B)}, []string{many012B}},
		{
			"no header: ends, commands, frames",
			[]*rtmp.Message{video("\x92hvc1"), video("\x17\x02\x00\x00\x00"), video("\xd1\x00"), video("\x91hvc1"), sound("\x91Opus")},
			nil,
		},
		{"too large", []*rtmp.Message{video(start0), video(start0 + half + half)}, []string{start0}},
		{"too large together", []*rtmp.Message{video(one1 + half), video(start0 + half), video(color0)}, []string{one1 + half, color0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := &headers{}
			for _, m := range c.sent {
				if c, _ := classify(m); c.header() {
					h, _ = h.with(&c)
				}
			}
			var got []string
			for _, b := range h.prelude(func(Kind) uint32 { return 7 }, sharedStreamID) {
				for _, m := range parse(t, b) {
					got = append(got, string(m.Payload))
				}
			}
			if d := cmp.Diff(c.wanted, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	h, want := &headers{}, Limit("")
	for id := range maxTracks + 1 {
		c, _ := classify(sound(fmt.Sprintf("\x95\x00mp4a%c\x12\x10", rune(id))))
		if id == maxTracks {
			want = LimitTracks
		}
		var got Limit
		if h, got = h.with(&c); got != want {
			t.Errorf("track %d: %q", id, got)
		}
	}
	if n := len(h.kept[Audio]); n != maxTracks {
		t.Errorf("%d headers are kept", n)
	}
	replaced, _ := classify(sound("\x95\x00mp4a\x03\x13\x90"))
	if _, l := h.with(&replaced); l != "" {
		t.Errorf("a track that is kept can't be replaced: %q", l)
	}
	other, _ := classify(video(one1))
	if _, l := h.with(&other); l != "" {
		t.Errorf("tracks of audio count for video: %q", l)
	}
	huge, _ := classify(data(metadataA + strings.Repeat("x", maxHeader)))
	if same, l := h.with(&huge); l != LimitHeaderSize || same != h {
		t.Errorf("huge metadata: %q", l)
	}
}

func TestSameHeaderChangesNothing(t *testing.T) {
	t.Parallel()
	c, _ := classify(video(start0))
	h, _ := (&headers{}).with(&c)
	if again, _ := h.with(&c); again != h {
		t.Error("players would get headers again that they have")
	}
}

// A header that a resumed publication sends again is skipped only as long as it is in force for all its tracks.
func TestResumedHeaderComesBack(t *testing.T) {
	start := func(fill byte, tracks ...byte) *rtmp.Message { // ManyTracks, avc1
		p := []byte{0x80 | 1<<4 | 6, 1 << 4, 'a', 'v', 'c', '1'}
		for _, track := range tracks {
			p = append(p, track, 0, 0, 1, fill)
		}
		return &rtmp.Message{Type: rtmp.TypeVideo, Payload: p}
	}
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		relay := func() *Feed {
			f, err := h.Relay("live/x", "1")
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := relay()
		v := play(t, h, newPipeSink(endless), nil)
		both := start('P', 0, 1)
		feedAll(t, f, both, key(10))
		f.Detach()
		feedAll(t, relay(), at(10, both), key(10), key(20), at(30, start('Q', 0)), key(30), at(40, both), key(40))
		synctest.Wait()
		headers := 0
		for _, m := range v.sink.messages(t) {
			if bytes.Equal(m.Payload, both.Payload) {
				headers++
			}
		}
		if headers != 2 {
			t.Errorf("the header arrived %d times, want 2: at the start, and where it comes back into force", headers)
		}
	})
}
