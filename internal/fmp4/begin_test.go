package fmp4

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"
)

const bothFlags = flagVideo | flagAudio

const (
	avcAAC  = `video/mp4; codecs="avc1.64001e,mp4a.40.2"`
	avcOnly = `video/mp4; codecs="avc1.64001e"`
	aacOnly = `audio/mp4; codecs="mp4a.40.2"`
)

// frames are so many of a payload, one each some milliseconds.
func frames(payload []byte, from, to, each int) (steps []step) {
	for at := from; at < to; at += each {
		steps = append(steps, step{at, payload})
	}
	return steps
}

// TestBegin: which tracks there are, when that is known, and what follows if it was wrong.
func TestBegin(t *testing.T) {
	t.Parallel()
	video := movie(0, 3000, avcHeader, nil)
	both := movie(0, 3000, avcHeader, aacHeader)
	audio := append([]step{{0, aacHeader}}, frames(aacFrame, 0, 3000, 23)...)
	for _, c := range []struct {
		name   string
		flags  byte
		steps  []step
		mime   string
		begins int // at which tag it is known
		err    error
	}{
		{"both", bothFlags, both, avcAAC, 4, nil},
		{"both, whatever the flags say", 0, both, avcAAC, 4, nil},
		{"video, as the flags say", flagVideo, video, avcOnly, 2, nil},
		{"video, though the flags say both: it waits", bothFlags, video, avcOnly, 52, nil},
		{"audio, as the flags say", flagAudio, audio, aacOnly, 2, nil},
		{"audio, though the flags say both: it waits", bothFlags, audio, aacOnly, 89, nil},
		{"audio has a header alone", flagVideo, without(both, tagAudio, 1, 3000)[:60], avcAAC, 4, nil},
		{"audio has a header alone, and no frame", flagVideo, slices.Concat([]step{{0, aacHeader}}, video), avcOnly, 53, nil},
		{"audio that can't be written is left out", bothFlags, slices.Concat([]step{{0, speex}}, video), avcOnly, 3, nil},
		{"video that can't be written is left out", bothFlags, slices.Concat([]step{{0, h263}}, audio), aacOnly, 3, nil},
		{"nothing that can be written", bothFlags, slices.Concat([]step{{0, h263}}, frames(speex, 0, 3000, 20)), "", 0, ErrNoTrack},
		{"nothing that can be written, and it ends at once", bothFlags, []step{{0, h263}}, "", 0, ErrNoTrack},
		{"a header that is broken", flagVideo, slices.Concat([]step{{0, avcHeader[:20]}}, video[1:]), "", 0, ErrNoTrack},
		{"headers alone", bothFlags, both[:2], "", 0, io.ErrUnexpectedEOF},
		{"nothing", bothFlags, nil, "", 0, io.ErrUnexpectedEOF},
		{"video before its keyframe", flagVideo, slices.Concat(video[:1], frames(avcInter, 0, 200, 40), video[1:]), avcOnly, 7, nil},
		{"audio comes later", flagVideo, slices.Concat(video[:10], []step{{400, aacHeader}, {400, aacFrame}}), avcOnly, 2, ErrChanged},
		{"audio that can't be written comes later", flagVideo, slices.Concat(video[:10], []step{{400, speex}}), avcOnly, 2, nil},
		{"audio has a header later", flagVideo, slices.Concat(video[:10], []step{{400, aacHeader}}), avcOnly, 2, nil},
		{"video comes later", flagAudio, slices.Concat(audio[:10], []step{{400, avcHeader}, {400, avcKey}}), aacOnly, 2, ErrChanged},
		{"another codec", flagVideo, slices.Concat(video[:10], []step{{400, hvcHeader}, {400, []byte("\x93hvc1\x00\x00\x00\x02\x26\x00")}}), avcOnly, 2, ErrChanged},
		{"a header of another codec that can't be written", flagVideo, slices.Concat(video[:10], []step{{400, h263}}), avcOnly, 2, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := tryRemux(tiny(c.flags, c.steps...), Options{})
			if !errors.Is(err, c.err) || c.err == nil && err != nil || r.mime != c.mime {
				t.Fatalf("%s, %v, want %s, %v", r.mime, err, c.mime, c.err)
			}
			if (r.mime == "") != (r.Len() == 0) {
				t.Errorf("%d bytes", r.Len())
			}
			for n := 1; n <= len(c.steps); n++ { // what is known of the beginning of the stream
				if started(c.flags, c.steps[:n]) {
					if n != c.begins {
						t.Errorf("it begins with tag %d, want %d", n, c.begins)
					}
					return
				}
			}
			if c.begins != 0 {
				t.Errorf("it never begins, want tag %d", c.begins)
			}
		})
	}
}

// started tells whether a stream of which this much has come, and which has not ended, has begun.
func started(flags byte, steps []step) bool { return unfinished(flags, steps, Options{}).mime != "" }

// unfinished is what became of a stream of which this much has come, and which has not ended.
func unfinished(flags byte, steps []step, o Options) (r *remuxed) {
	r = new(remuxed)
	o.Started = func(mime string) { r.mime = mime }
	errLater := errors.New("there is more to come")
	src := io.MultiReader(strings.NewReader(string(tiny(flags, steps...))), readerFunc(func([]byte) (int, error) { panic(errLater) }))
	defer func() {
		if x := recover(); x != nil && x != any(errLater) {
			panic(x)
		}
	}()
	_, _ = Remux(&r.writes, src, o)
	return r
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestOpusWithoutHeader: its frames say how many channels there are (RFC 6716 §3.1).
func TestOpusWithoutHeader(t *testing.T) {
	t.Parallel()
	for payload, channels := range map[string]int{"\x91Opus\xf8\xff\xfe": 1, "\x91Opus\xfc\xff\xfe": 2} {
		inits, _, _ := remux(t, tiny(flagAudio, step{0, []byte(payload)})).samples(t)
		if c, ok := inits[0].Tracks[0].Codec.(*mp4.CodecOpus); !ok || c.ChannelCount != channels {
			t.Errorf("%q: %+v", payload, inits[0].Tracks[0].Codec)
		}
	}
}

// TestBounds: a stream that gives no reason to begin is not kept for long.
func TestBounds(t *testing.T) {
	t.Parallel()
	large := append(slices.Clone(avcKey[:5]), 0, 0x10, 0, 0) // a unit of 1 MiB
	large = append(large, make([]byte, 1<<20)...)
	for name, c := range map[string]struct {
		steps  []step
		begins int
	}{
		"bytes":  {append([]step{{0, avcHeader}}, frames(large, 0, 100, 10)...), 5},
		"frames": {append([]step{{0, avcHeader}}, slices.Repeat([]step{{0, avcKey}}, 5000)...), maxQueueFrames + 1},
	} {
		if started(bothFlags, c.steps[:c.begins-1]) || !started(bothFlags, c.steps[:c.begins]) {
			t.Errorf("%s: it does not begin with tag %d", name, c.begins)
		}
	}
}

// TestReading: however the bytes come, and wherever they end.
func TestReading(t *testing.T) {
	t.Parallel()
	steps := movie(0, 500, avcHeader, aacHeader)
	file := tiny(bothFlags, steps...)
	whole := remux(t, file)
	for name, wrap := range map[string]func(io.Reader) io.Reader{"bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "errors with data": iotest.DataErrReader} {
		var w writes
		if _, err := Remux(&w, wrap(strings.NewReader(string(file))), Options{}); err != nil || w.String() != whole.String() || !slices.Equal(w.sizes, whole.sizes) {
			t.Errorf("%s: %d bytes, %v", name, w.Len(), err)
		}
	}
	ends := 0
	for n := range file {
		r, err := tryRemux(file[:n], Options{})
		switch {
		case err == nil:
			ends++
		case !errors.Is(err, io.ErrUnexpectedEOF):
			t.Fatalf("cut at %d: %v", n, err)
		}
		if r.Len() > 0 {
			r.samples(t)
		}
	}
	// A tag may end with or without its size: five cuts. Headers alone are no stream.
	if want := 5*(len(steps)-2) - 1; ends != want {
		t.Errorf("%d cuts are at the end of a tag, want %d", ends, want)
	}
	for name, file := range map[string]string{"MP4": "\x00\x00\x00\x18ftypmp42", "header of 2 bytes": "FLV\x01\x05\x00\x00\x00\x02\x00\x00\x00\x00", "header of 2 GB": "FLV\x01\x05\x7f\x00\x00\x09\x00\x00\x00\x00"} {
		if r, err := tryRemux([]byte(file), Options{}); !errors.Is(err, ErrFormat) || r.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	longer := "FLV\x01\x05\x00\x00\x00\x0babcd\x00\x00" + string(file[13:])
	if r := remux(t, []byte(longer)); r.String() != whole.String() {
		t.Error("a longer header is not passed over")
	}
}

// TestErrors: what ends it is what it returns.
func TestErrors(t *testing.T) {
	t.Parallel()
	errBroken := errors.New("broken")
	file := string(tiny(bothFlags, movie(0, 1000, avcHeader, aacHeader)...))
	var w writes
	if _, err := Remux(&w, io.MultiReader(strings.NewReader(file[:len(file)-2]), iotest.ErrReader(errBroken)), Options{}); !errors.Is(err, errBroken) || w.Len() == 0 {
		t.Errorf("reading: %v, %d bytes", err, w.Len())
	}
	if _, err := Remux(&w, iotest.ErrReader(errBroken), Options{}); !errors.Is(err, errBroken) {
		t.Errorf("reading from the beginning: %v", err)
	}
	for after := range 4 {
		left := after
		_, err := Remux(writerFunc(func(p []byte) (int, error) {
			if left--; left < 0 {
				return 0, errBroken
			}
			return len(p), nil
		}), strings.NewReader(file), Options{})
		if !errors.Is(err, errBroken) || left != -1 {
			t.Errorf("writing, after %d: %v; it wrote %d times more", after, err, -1-left)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestClaims: memory grows with what came of a tag, not with what its size claims.
func TestClaims(t *testing.T) {
	file := append(tiny(bothFlags), tagVideo, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0)
	file = append(file, make([]byte, 100_000)...)
	src := strings.NewReader(string(file))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Remux(io.Discard, src, Options{})
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 1<<20 {
		t.Errorf("%d bytes are allocated for 100 kB of a tag of 16 MiB; %v", n, err)
	}
}
