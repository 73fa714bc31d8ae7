package bench

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func TestVerifier(t *testing.T) {
	t.Parallel()
	clean := generate(t, Format{Bitrate: 1e6}, 5)
	at := func(typ rtmp.MessageType, n int) int { // the nth of its kind, in clean
		return slices.IndexFunc(clean, func(m rtmp.Message) bool {
			if m.Type == typ {
				n--
			}
			return n < 0
		})
	}
	without := func(i int) []rtmp.Message { return slices.Delete(slices.Clone(clean), i, i+1) }
	flip := func(i, b int) []rtmp.Message {
		out := slices.Clone(clean)
		out[i].Payload = bytes.Clone(out[i].Payload)
		out[i].Payload[b] ^= 4
		return out
	}
	swap := func(i, j int) []rtmp.Message {
		out := slices.Clone(clean)
		out[i], out[j] = out[j], out[i]
		return out
	}
	other := generate(t, Format{Bitrate: 2e6}, 5)
	video, audio := at(rtmp.TypeVideo, 30), at(rtmp.TypeAudio, 40)
	for _, c := range []struct {
		name     string
		messages []rtmp.Message
		gaps     int
		missing  int64
		fault    string // "" for none
	}{
		{"clean", clean, 0, 0, ""},
		{"metadata of the server's", append(slices.Clone(clean), rtmp.Message{Type: rtmp.TypeData, Payload: []byte("x")}), 0, 0, ""},
		{"a video frame is missing", without(video), 1, 1, ""},
		{"an audio frame is missing", without(audio), 1, 1, ""},
		{"a GOP is missing", slices.Delete(slices.Clone(clean), at(rtmp.TypeVideo, 61), at(rtmp.TypeVideo, 121)), 2, 60 + 86, ""},
		{"first byte of the head", flip(video, 0), 1, 1, "wrong at byte 0"},
		{"sent time", flip(video, 60), 1, 1, "is wrong at byte"},
		{"last byte", flip(video, len(clean[video].Payload)-1), 1, 1, "is wrong at byte"},
		{"audio, last byte but one", flip(audio, len(clean[audio].Payload)-2), 1, 1, "is wrong at byte"},
		{"audio, UUID", flip(audio, 9), 1, 1, "without a stamp"},
		{"a video frame twice", slices.Insert(slices.Clone(clean), video, clean[video]), 0, 0, "video 29 after 29"},
		{"a step back", swap(video, at(rtmp.TypeVideo, 31)), 2, 2, "video 29 after 30"},
		{"no video header", without(at(rtmp.TypeVideo, 0)), 0, 0, "before its sequence header"},
		{"no keyframe first", without(at(rtmp.TypeVideo, 1)), 0, 0, "no keyframe"},
		{"another header", append(slices.Clone(clean), rtmp.Message{Type: rtmp.TypeVideo, Payload: videoHeader(31)}), 0, 0, "another video sequence header"},
		{"begun again", append(slices.Clone(clean), other[3:]...), 0, 0, "after"},
		{"cut short", []rtmp.Message{clean[0], clean[1], {Type: rtmp.TypeVideo, Payload: clean[3].Payload[:10000]}}, 0, 0, "is wrong at byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var f findings
			v := newVerifier(&f, "rtmp://host/live/cam?token=x", time.Now())
			for i := range c.messages {
				v.message(&c.messages[i])
			}
			gaps, _ := f.gaps.told()
			faults, first := f.faults.told()
			if gaps != c.gaps || v.missing != c.missing {
				t.Errorf("%d gaps of %d messages, want %d of %d", gaps, v.missing, c.gaps, c.missing)
			}
			if (faults == 0) != (c.fault == "") || c.fault != "" && !strings.Contains(first[0], c.fault) {
				t.Errorf("%d errors: %q, want %q", faults, first, c.fault)
			}
		})
	}
}

func TestVerifierOtherStream(t *testing.T) {
	t.Parallel()
	var f findings
	v := newVerifier(&f, "http://host/live/cam2.flv", time.Now())
	messages := generate(t, Format{Bitrate: 1e6}, 1)
	for i := range messages {
		v.message(&messages[i])
	}
	if _, first := f.faults.told(); len(first) == 0 || !strings.Contains(first[0], "another stream") {
		t.Errorf("%q", first)
	}
}

// FuzzVerifier: no message makes the verifier fail, and none but those that the generator makes passes.
func FuzzVerifier(f *testing.F) {
	for _, s := range []stamp{{kind: kindAudio, size: 200}, {kind: kindVideo, size: 2000, frame: 3}, {kind: kindVideo, size: 1 << 30}} {
		f.Add(appendMessage(nil, s.bounded()))
	}
	f.Fuzz(func(_ *testing.T, payload []byte) {
		for _, typ := range []rtmp.MessageType{rtmp.TypeAudio, rtmp.TypeVideo} {
			var f findings
			newVerifier(&f, "cam", time.Now()).message(&rtmp.Message{Type: typ, Payload: payload})
		}
	})
}
