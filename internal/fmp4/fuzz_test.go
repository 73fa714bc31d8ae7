package fmp4

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// FuzzRemux: whatever the stream, what comes out is whole, and goes forward.
func FuzzRemux(f *testing.F) {
	movies := movie(0, 400, avcHeader, aacHeader)
	f.Add(tiny(bothFlags, movies...))
	f.Add(tiny(bothFlags, append(movies, movie(5000, 5400, avcHeader2, aacHeader2)...)...))
	f.Add(tiny(bothFlags, append(movies, movie(100, 300, avcHeader[:20], aacHeader)...)...))
	f.Add(tiny(flagVideo, step{0, hvcHeader}, step{0, []byte("\x93hvc1\x00\x00\x00\x02\x26\x00")}))
	av1 := unhex("0a0b0000004aabbfc3700be001")
	f.Add(tiny(flagVideo, step{0, append([]byte("\x90av01\x81\x09\x0c\x00"), av1...)}, step{0, append([]byte("\x91av01\x12\x00"), av1...)}, step{40, []byte("\xa1av01\x32\x02\x01\xff")}))
	f.Add(tiny(bothFlags, step{0, []byte("\x90vp09\x01\x00\x00\x00\x00\x1f\x82\x01\x01\x01\x00\x00")}, step{0, []byte("\x91vp09\x82\x49\x83\x42\x00\x13\xf0\x0b\x30")},
		step{0, []byte("\x90OpusOpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00")}, step{0, []byte("\x91Opus\xfc")}, step{900, []byte("\x91Opus\xfc")}))
	f.Add(tiny(bothFlags, step{0, h263}, step{0, speex}))
	f.Fuzz(func(t *testing.T, file []byte) {
		last := map[int]int64{}
		pieces, began := 0, false
		w := writerFunc(func(p []byte) (int, error) {
			pieces++
			if bytes.Equal(p[4:8], []byte("ftyp")) {
				return len(p), nil // the library does not read all that it writes there
			}
			var parts fmp4.Parts
			if err := parts.Unmarshal(p); err != nil || len(parts) != 1 {
				t.Fatalf("%x: %v", p, err)
			}
			for _, x := range parts[0].Tracks {
				at := int64(x.BaseTime)
				if was, ok := last[x.ID]; at < 0 || ok && at <= was && x.ID == videoID {
					t.Fatalf("track %d goes from %d to %d", x.ID, was, at)
				}
				for _, s := range x.Samples {
					if s.Duration == 0 || len(s.Payload) == 0 {
						t.Fatalf("an empty sample at %d", at)
					}
					last[x.ID] = at
					at += int64(s.Duration)
				}
			}
			return len(p), nil
		})
		stats, err := Remux(w, bytes.NewReader(file), Options{Wait: 100 * time.Millisecond, Started: func(string) { began = true }})
		if began != (stats.Inits > 0) || pieces != stats.Inits+stats.Fragments {
			t.Errorf("%+v in %d pieces, %v", stats, pieces, err)
		}
		switch {
		case errors.Is(err, ErrFormat), errors.Is(err, ErrNoTrack):
			if began {
				t.Errorf("%v, and it began", err)
			}
		case err == nil, errors.Is(err, ErrChanged), errors.Is(err, io.ErrUnexpectedEOF):
		default:
			t.Errorf("%v", err)
		}
	})
}

// BenchmarkRemux is what a player costs: a stream of 2.5 Mbit/s, in bytes of FLV a second.
func BenchmarkRemux(b *testing.B) {
	file := ffmpeg(b, "b.flv", join([]string{"-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30:duration=10"}, []string{"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=10"},
		x264, []string{"-b:v", "2500k", "-minrate", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-nal-hrd", "cbr"}, aac)...)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Remux(io.Discard, bytes.NewReader(file), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
