package fmp4

import (
	"strings"
	"testing"
)

// TestCodecs: what is written is what ffmpeg decodes without a word, of every codec.
func TestCodecs(t *testing.T) {
	t.Parallel()
	enhanced := func(fourCC string, v, a coded) []byte {
		s := newFLV(flagVideo | flagAudio)
		s.enhanced(0, fourCC, v, a)
		return s.Bytes()
	}
	for _, c := range []struct {
		name         string
		make         func(t *testing.T) []byte
		mime         string
		tags         string
		video, audio int
	}{
		{"H.264 and AAC", func(t *testing.T) []byte { return h264AAC(t) }, `video/mp4; codecs="avc1.64000c,mp4a.40.2"`, "avc1 mp4a", 75, 131},
		{"H.264 alone", func(t *testing.T) []byte { return ffmpeg(t, "v.flv", join(pictures, x264)...) }, `video/mp4; codecs="avc1.64000c"`, "avc1", 75, 0},
		{"AAC alone", func(t *testing.T) []byte { return ffmpeg(t, "a.flv", join(sound, aac)...) }, `audio/mp4; codecs="mp4a.40.2"`, "mp4a", 0, 131},
		{"H.264, and MP3, which is left out", func(t *testing.T) []byte {
			return ffmpeg(t, "m.flv", join(pictures, sound, x264, []string{"-c:a", "libmp3lame"})...)
		}, `video/mp4; codecs="avc1.64000c"`, "avc1", 75, 0},
		{"HEVC and Opus", func(t *testing.T) []byte { return enhanced("hvc1", hevcStream(t, pictures), opusStream(t)) }, `video/mp4; codecs="hvc1.1.6.L60.90,opus"`, "hvc1 Opus", 75, 149},
		{"AV1 and Opus", func(t *testing.T) []byte { return enhanced("av01", av1Stream(t, pictures), opusStream(t)) }, `video/mp4; codecs="av01.0.00M.08,opus"`, "av01 Opus", 75, 149},
		{"VP9 and Opus", func(t *testing.T) []byte { return enhanced("vp09", vp9Stream(t, pictures), opusStream(t)) }, `video/mp4; codecs="vp09.00.31.08,opus"`, "vp09 Opus", 75, 149},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := remux(t, c.make(t))
			if r.mime != c.mime {
				t.Errorf("%s, want %s", r.mime, c.mime)
			}
			p := r.probe(t)
			var tags []string
			for _, s := range p.Streams {
				tags = append(tags, s.Tag)
			}
			if got := strings.Join(tags, " "); got != c.tags {
				t.Errorf("tracks %s, want %s", got, c.tags)
			}
			if video, audio := len(p.of("video")), len(p.of("audio")); video != c.video || audio != c.audio {
				t.Errorf("%d frames of video and %d of audio, want %d and %d", video, audio, c.video, c.audio)
			}
			_, video, audio := r.samples(t)
			for i, x := range video {
				if x.sync != (i%25 == 0) || x.duration != frameMillis || x.at != int64(i*frameMillis) {
					t.Errorf("frame %d is a keyframe: %v; at %d for %d ms", i, x.sync, x.at, x.duration)
				}
				if x.sync && i > 0 && x.fragment == video[i-1].fragment {
					t.Errorf("keyframe %d doesn't begin a fragment", i)
				}
			}
			for i, x := range audio[:max(0, len(audio)-1)] {
				if d := audio[i+1].at - x.at - x.duration; d < -1 || d > 1 {
					t.Errorf("a gap of %d ms at %d", d, x.at)
				}
			}
		})
	}
}
