package fmp4

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
)

// joined are two FLV files, one behind the other. The second follows so many milliseconds behind the newest of the first.
func joined(t *testing.T, first, second []byte, gap int) []byte {
	t.Helper()
	s := newFLV(bothFlags)
	last := 0
	for i, file := range [][]byte{first, second} {
		from := last
		if i > 0 {
			from += gap
		}
		for _, x := range split(t, file) {
			kind := byte(tagAudio)
			if x.video {
				kind = tagVideo
			}
			s.tag(kind, from+int(x.timestamp), x.payload)
			last = max(last, from+int(x.timestamp))
		}
	}
	return s.Bytes()
}

// TestChangedPicture: with another picture size, there is another initialization segment, and nothing is missing: neither for browsers, which look at
// it, nor for programs that look at the first alone.
func TestChangedPicture(t *testing.T) {
	t.Parallel()
	enhanced := func(fourCC string, a, b coded) []byte {
		s := newFLV(bothFlags)
		s.enhanced(0, fourCC, a, coded{})
		s.enhanced(3000, fourCC, b, coded{})
		return s.Bytes()
	}
	for _, c := range []struct {
		name  string
		make  func(t *testing.T) []byte
		codec func(mp4.Codec) bool
	}{
		{"H.264", func(t *testing.T) []byte {
			return joined(t, h264AAC(t), ffmpeg(t, "a.flv", join(larger, sound, x264, aac)...), 40)
		}, func(c mp4.Codec) bool { _, ok := c.(*mp4.CodecH264); return ok }},
		{"HEVC", func(t *testing.T) []byte {
			return enhanced("hvc1", hevcStream(t, pictures), hevcStream(t, larger))
		}, func(c mp4.Codec) bool { _, ok := c.(*mp4.CodecH265); return ok }},
		{"AV1", func(t *testing.T) []byte {
			return enhanced("av01", av1Stream(t, pictures), av1Stream(t, larger))
		}, func(c mp4.Codec) bool { _, ok := c.(*mp4.CodecAV1); return ok }},
		{"VP9", func(t *testing.T) []byte {
			return enhanced("vp09", vp9Stream(t, pictures), vp9Stream(t, larger))
		}, func(c mp4.Codec) bool { _, ok := c.(*mp4.CodecVP9); return ok }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := remux(t, c.make(t))
			inits, video, audio := r.samples(t)
			if len(inits) != 2 || r.stats.Inits != 2 || r.stats.Dropped > 0 || len(video) != 150 {
				t.Fatalf("%d initialization segments, %d frames; %+v", len(inits), len(video), r.stats)
			}
			for _, x := range inits {
				if !c.codec(x.Tracks[0].Codec) || x.Tracks[0].ID != videoID {
					t.Errorf("%+v", x.Tracks[0])
				}
			}
			if h := holes(t, video); h != nil {
				t.Errorf("holes in the video: %v", h)
			}
			if len(audio) > 0 {
				if h := holes(t, audio); h != nil {
					t.Errorf("holes in the audio: %v", h)
				}
			}
			out := run("ffmpeg", "-v", "error", "-xerror", "-i", r.file(t), "-map", "0:v", "-fps_mode", "passthrough", "-f", "framecrc", "-autoscale", "0", "-")
			if n := strings.Count(out.stdout, "\n0,"); out.err != nil || out.stderr != "" || n != 150 {
				t.Errorf("ffmpeg decodes %d frames: %v %s", n, out.err, out.stderr)
			}
		})
	}
}

// TestChangedHeaders: which headers make another initialization segment.
func TestChangedHeaders(t *testing.T) {
	t.Parallel()
	first := movie(0, 2000, avcHeader, aacHeader)
	again := func(video, audio []byte) []byte {
		return tiny(bothFlags, slices.Concat(first, movie(2000, 4000, video, audio))...)
	}
	later := func(video []byte) []byte { // the new audio begins some frames behind the video
		next := movie(2000, 4000, video, aacHeader2)
		for i := range next {
			if kindOf(next[i].payload) == tagAudio && i > 1 {
				next[i].at += 150
			}
		}
		slices.SortStableFunc(next[2:], func(a, b step) int { return a.at - b.at })
		return tiny(bothFlags, slices.Concat(first, next)...)
	}
	const metadata = "\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00\x00\x00\x09"
	withMetadata := func() []byte {
		s := newFLV(bothFlags)
		s.tag(18, 0, []byte(metadata))
		for _, x := range first {
			s.tag(kindOf(x.payload), x.at, x.payload)
			s.tag(18, x.at, []byte(metadata))
		}
		return s.Bytes()
	}
	more := append(slices.Clone(avcHeader), 0, 0) // bytes that say nothing
	for _, c := range []struct {
		name    string
		file    []byte
		inits   int
		dropped int
		frames  int
	}{
		{"the same", again(avcHeader, aacHeader), 1, 0, 270},
		{"the same, in effect", again(more, aacHeader), 1, 0, 270},
		{"another for the video", again(avcHeader2, aacHeader), 2, 0, 270},
		{"another for the audio: it goes with the keyframe", again(avcHeader, aacHeader2), 2, 0, 270},
		{"both: one initialization segment", again(avcHeader2, aacHeader2), 2, 0, 270},
		{"both, and audio comes a little later", later(avcHeader2), 2, 0, 270},
		{"another for the audio, which comes a little later", later(avcHeader), 2, 0, 270},
		{"another for the video, and inter frames", tiny(bothFlags, slices.Concat(first, []step{{2000, avcHeader2}, {2000, avcInter}, {2040, avcInter}, {2080, avcKey}})...), 2, 2, 136},
		{"another that is never used", tiny(bothFlags, slices.Concat(first, []step{{2000, avcHeader2}, {2000, avcHeader}}, movie(2000, 4000, avcHeader, aacHeader))...), 1, 0, 270},
		{"one that is broken", again(avcHeader[:20], aacHeader), 1, 0, 220},
		{"one that is broken, and a good one", tiny(bothFlags, slices.Concat(first, []step{{2000, avcHeader[:20]}}, movie(2000, 4000, avcHeader, aacHeader))...), 1, 0, 270},
		{"end of sequence", tiny(bothFlags, slices.Concat(first, []step{{0, []byte("\x17\x02\x00\x00\x00")}}, movie(2000, 4000, avcHeader, aacHeader))...), 1, 0, 270},
		{"metadata", withMetadata(), 1, 0, 135},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := remux(t, c.file)
			inits, video, audio := r.samples(t)
			if len(inits) != c.inits || r.stats.Dropped != c.dropped || r.stats.Frames != c.frames {
				t.Errorf("%d initialization segments, %+v", len(inits), r.stats)
			}
			if i := slices.IndexFunc(video, func(s writtenSample) bool { return s.init > 1 }); i > 0 && !video[i].sync {
				t.Errorf("behind the second initialization segment is no keyframe, but the frame at %d", video[i].at)
			}
			if h := holes(t, video); h != nil {
				t.Errorf("holes in the video: %v", h)
			}
			if h := holes(t, audio); h != nil {
				t.Errorf("holes in the audio: %v", h)
			}
			if r.mime != avcAAC {
				t.Errorf("it is said to be %s", r.mime)
			}
		})
	}
}

// TestHEVCConfiguration: the initialization segment says what the publisher's header says, and what Safari asks for.
func TestHEVCConfiguration(t *testing.T) {
	t.Parallel()
	r := remux(t, tiny(flagVideo, step{0, hvcHeader}, step{0, []byte("\x93hvc1\x00\x00\x00\x02\x26\x00")}))
	if want := `video/mp4; codecs="hvc1.1.6.H93.90"`; r.mime != want {
		t.Errorf("%s, want %s", r.mime, want)
	}
	init := r.Bytes()[:r.sizes[0]]
	i := bytes.Index(init, []byte("hvcC"))
	if i < 0 || !bytes.Contains(init[:i], []byte("hvc1")) || bytes.Contains(init, []byte("hev1")) {
		t.Fatalf("%q", init)
	}
	got, want := init[i+4:], hvcHeader[5:]
	if !bytes.Equal(got[:13], want[:13]) || got[21]&3 != 3 || got[22] != 3 {
		t.Errorf("%x, want %x", got[:23], want[:23])
	}
	if !bytes.Contains(got, want[23:]) { // the arrays, which are said to be complete there, too
		t.Errorf("%x, want %x", got[23:], want[23:])
	}
}

// TestParameterSets: what the library can't write goes before keyframes.
func TestParameterSets(t *testing.T) {
	t.Parallel()
	two := append([]byte("\x17\x00\x00\x00\x00"), unhex("0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d9602000468ef8fcb000268ee")...)
	_, video, _ := remux(t, tiny(flagVideo, step{0, two}, step{0, avcKey}, step{40, avcInter})).samples(t)
	want := slices.Concat(sized(two[5+8:][:26], two[len(two)-8:][:4], two[len(two)-2:]), avcKey[5:])
	if !bytes.Equal(video[0].data, want) || !bytes.Equal(video[1].data, avcInter[5:]) {
		t.Errorf("%x and %x, want %x", video[0].data, video[1].data, want)
	}
}

// TestTracks: of several, the lowest is written.
func TestTracks(t *testing.T) {
	t.Parallel()
	track := func(id, head, packet byte, body []byte) []byte {
		return slices.Concat([]byte{head, packet}, []byte("avc1"), []byte{id}, body)
	}
	header, key, other := avcHeader[5:], avcKey[5:], []byte("\x00\x00\x00\x02\x65\x01")
	r := remux(t, tiny(bothFlags,
		step{0, track(2, 0x96, 0, header)}, step{0, track(2, 0x96, 3, other)},
		step{0, track(1, 0x96, 0, header)}, step{0, track(1, 0x96, 3, key)}, step{40, track(2, 0x96, 3, other)}, step{40, track(1, 0x96, 3, key)},
		step{40, aacHeader}, step{40, aacFrame},
		step{80, track(0, 0x96, 3, other)}, step{80, track(1, 0x96, 3, key)}))
	_, video, _ := r.samples(t)
	if len(video) != 3 || r.mime != avcAAC {
		t.Fatalf("%d frames, %s", len(video), r.mime)
	}
	for _, s := range video {
		if !bytes.Equal(s.data, key) {
			t.Errorf("%x", s.data)
		}
	}
}
