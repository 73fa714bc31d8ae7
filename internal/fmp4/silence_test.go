package fmp4

import (
	"regexp"
	"strings"
	"testing"
)

// silent is what ffmpeg's silencedetect says of a second of silence behind the first.
var silent = regexp.MustCompile(`silence_start=(?:0\.9|1\.0)(?s:.*)silence_end=(?:1\.9|2\.0)`)

// TestSilence: the frames that stand for missing audio are what decoders take, and nothing is heard.
func TestSilence(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, file []byte, missing int) {
		t.Helper()
		r := remux(t, file)
		if r.stats.Silences < missing {
			t.Fatalf("%+v, want %d frames of silence", r.stats, missing)
		}
		r.probe(t)
		out := run("ffmpeg", "-v", "error", "-xerror", "-i", r.file(t), "-map", "0:a", "-af", "silencedetect=noise=-60dB:duration=0.8,ametadata=print:file=-", "-f", "null", "-")
		if out.err != nil || out.stderr != "" || !silent.MatchString(out.stdout) {
			t.Errorf("%v %s %s", out.err, out.stderr, strings.Join(strings.Split(out.stdout, "frame:"), " "))
		}
	}
	for _, layout := range []string{"mono", "stereo", "3.0", "4.0", "5.0", "5.1"} {
		t.Run("AAC, "+layout, func(t *testing.T) {
			t.Parallel()
			file := ffmpeg(t, "s.flv", join(pictures, sound, x264, []string{"-channel_layout", layout}, aac)...)
			s := newFLV(bothFlags)
			for _, x := range split(t, file) {
				switch {
				case x.video:
					s.video(int(x.timestamp), x.payload)
				case x.timestamp < 1000 || x.timestamp > 2000:
					s.audio(int(x.timestamp), x.payload)
				}
			}
			check(t, s.Bytes(), 40)
		})
	}
	t.Run("Opus", func(t *testing.T) {
		t.Parallel()
		v, a := vp9Stream(t, pictures), opusStream(t)
		s := newFLV(bothFlags)
		s.video(0, exVideo(true, 0, "vp09", v.header))
		s.audio(0, exAudio(0, "Opus", a.header))
		for i, f := range v.frames {
			s.video(i*frameMillis, exVideo(f.key, 3, "vp09", f.data))
			for j := i * 2; j < min(i*2+2, len(a.frames)); j++ {
				if at := j * opusMillis; at < 1000 || at > 2000 {
					s.audio(at, exAudio(1, "Opus", a.frames[j].data))
				}
			}
		}
		check(t, s.Bytes(), 48)
	})
}
