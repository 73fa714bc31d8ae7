package fmp4

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestGaps: what becomes of gaps. Browsers stop at one, and drop video up to a keyframe behind one; so one is left only where both tracks have it.
func TestGaps(t *testing.T) {
	t.Parallel()
	both := movie(0, 10_000, avcHeader, aacHeader)
	video := movie(0, 10_000, avcHeader, nil)
	slow := func(each int) []step {
		return slices.Concat([]step{{0, avcHeader}}, frames(avcKey, 0, 10_000, each))
	}
	later := func(steps []step, by int) []step {
		steps = slices.Clone(steps)
		for i := range steps {
			steps[i].at += by
		}
		return steps
	}
	type span = [][2]int64
	for _, c := range []struct {
		name         string
		steps        []step
		video, audio span // the holes
		silences     bool
	}{
		{"none", both, nil, nil, false},
		{"both pause", slices.Concat(both, later(both, 10_700)), nil, nil, true},
		{"both pause, for long: a player that lagged", slices.Concat(both, later(both, 13_000)), span{{10_000, 13_000}}, span{{9961, 13_000}}, false},
		{"video pauses", without(both, tagVideo, 2010, 7000), nil, nil, false},
		{"video pauses, and goes on in the middle of a GOP", without(both, tagVideo, 2010, 7100), nil, nil, false},
		{"audio pauses", without(both, tagAudio, 3000, 3400), nil, nil, true},
		{"audio pauses, for long", without(both, tagAudio, 2000, 8000), nil, nil, true},
		{"audio pauses for more than half a minute", without(movie(0, 40_000, avcHeader, aacHeader), tagAudio, 2000, 34_000), nil, span{{2019, 34_016}}, false},
		{"audio pauses, of which no silence is known", without(movie(0, 10_000, avcHeader, aacHeader8), tagAudio, 3000, 3400), nil, nil, false},
		{"audio pauses for long, of which no silence is known", without(movie(0, 10_000, avcHeader, aacHeader8), tagAudio, 2000, 8000), nil, span{{2019, 8010}}, false},
		{"video alone pauses, and goes on in the middle of a GOP", without(video, tagVideo, 2010, 5100), nil, nil, false},
		{"video alone pauses", without(video, tagVideo, 2010, 2900), nil, nil, false},
		{"video alone pauses, for long", without(video, tagVideo, 2010, 5000), span{{2040, 5000}}, nil, false},
		{"a frame each 2 s", slow(2000), span{{40, 2000}}, nil, false},
		{"a frame each second", slow(1000), nil, nil, false},
		{"audio alone pauses, for long", without(without(both, tagVideo, 0, 10_000), tagAudio, 3000, 6000), nil, span{{3018, 6012}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := remux(t, tiny(0, c.steps...))
			_, video, audio := r.samples(t)
			last := c.steps[len(c.steps)-1].at
			if len(video) > 0 {
				if got := holes(t, video); !reflect.DeepEqual(got, c.video) {
					t.Errorf("holes in the video: %v, want %v", got, c.video)
				}
			}
			if len(audio) > 0 {
				if got := holes(t, audio); !reflect.DeepEqual(got, c.audio) {
					t.Errorf("holes in the audio: %v, want %v", got, c.audio)
				}
				if e := end(audio); e < int64(last)-30 || e > int64(last)+60 {
					t.Errorf("audio ends at %d, its newest frame is at %d", e, last)
				}
			}
			if (r.stats.Silences > 0) != c.silences || r.stats.Holes != len(c.video)+len(c.audio) {
				t.Errorf("%+v", r.stats)
			}
			for _, s := range slices.Concat(video, audio) {
				if s.duration < 1 || s.duration > 6000 {
					t.Errorf("a sample at %d has %d ms", s.at, s.duration)
				}
			}
			if len(audio) > 0 && c.silences && len(audio) != r.stats.Frames+r.stats.Silences-len(video) {
				t.Errorf("%d samples of audio, %+v", len(audio), r.stats)
			}
		})
	}
}

// TestJumps: timestamps that jump all the time don't make much more than was sent.
func TestJumps(t *testing.T) {
	t.Parallel()
	const times = 60
	steps := movie(0, times*5000, avcHeader, aacHeader)
	for i := range times {
		steps = without(steps, tagAudio, i*5000+30, (i+1)*5000)
	}
	r := remux(t, tiny(bothFlags, steps...))
	if r.stats.Silences > maxSilences+2*times || r.stats.Silences < maxSilences/2 || r.stats.Holes < times/2 {
		t.Errorf("%+v", r.stats)
	}
	r.samples(t)
}

// TestTimestamps: what becomes of timestamps that are not as they should be.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	at := func(payload []byte, times ...int) (steps []step) {
		for _, x := range times {
			steps = append(steps, step{x, payload})
		}
		return steps
	}
	audio := func(times ...int) []step { return slices.Concat([]step{{0, aacHeader}}, at(aacFrame, times...)) }
	video := func(times ...int) []step {
		return slices.Concat([]step{{0, avcHeader}}, at(avcKey, times[0]), at(avcInter, times[1:]...))
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  []int64
	}{
		{"video", video(0, 40, 80), []int64{0, 40, 80}},
		{"video that begins later", video(5000, 5040), []int64{5000, 5040}},
		{"video of one time", video(0, 40, 40, 40, 120), []int64{0, 40, 41, 42, 120}},
		{"video that steps back", video(1000, 1040, 1020, 1080), []int64{1000, 1040, 1041, 1080}},
		{"video across the wrap", video(math.MaxUint32-19, math.MaxUint32+21, math.MaxUint32+61), []int64{1<<32 - 20, 1<<32 + 20, 1<<32 + 60}},
		{"audio with rounded times", audio(0, 23, 46, 70), []int64{0, 23, 46, 69}},
		{"audio with rough times", audio(0, 50, 51, 52, 120), []int64{0, 23, 46, 69, 92}},
		{"audio whose clock is slower", audio(0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 260, 280, 300, 320, 340, 360, 380, 400), []int64{
			0, 23, 46, 69, 92, 116, 139, 162, 185, 208, 232, 255, 278, 301, 325, 348, 371, 394, 417, 417, 441,
		}},
		{"audio from before the keyframe", audio(0, 0, 0, 0, 10, 33), []int64{0, 23, 46}},
		{"video from before 0", video(0, math.MaxUint32-19, 40), []int64{0, 1, 40}},
		{"audio from before 0", []step{{0, avcHeader}, {0, aacHeader}, {0, avcKey}, {math.MaxUint32 - 19, aacFrame}}, []int64{0, 0}},
		{"audio of one time, later", audio(0, 23, 46, 46, 46), []int64{0, 23, 46, 69, 92}},
	} {
		r := remux(t, tiny(0, c.steps...))
		_, v, a := r.samples(t)
		var got []int64
		for _, s := range slices.Concat(v, a) {
			got = append(got, s.at)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestComposition: when frames are shown stays, whatever becomes of the time at which they are decoded.
func TestComposition(t *testing.T) {
	t.Parallel()
	frame := func(head string, ms int32) []byte {
		return append([]byte(head+"\x01"), byte(ms>>16), byte(ms>>8), byte(ms), 0, 0, 0, 2, 0x65, 0)
	}
	_, v, _ := remux(t, tiny(0, step{0, avcHeader}, step{0, frame("\x17", 80)}, step{40, frame("\x27", -40)}, step{40, frame("\x27", 0)}, step{80, frame("\x27", 8_000_000)})).samples(t)
	var got []int64
	for _, s := range v {
		got = append(got, s.at+s.offset)
	}
	if want := []int64{80, 0, 40, 80}; !slices.Equal(got, want) {
		t.Errorf("shown at %v, want %v", got, want)
	}
	flv := h264AAC(t)
	var want []int64
	for _, x := range split(t, flv) {
		if x.video && x.payload[1] == 1 {
			want = append(want, int64(x.timestamp)+int64(x.payload[3])<<8+int64(x.payload[4]))
		}
	}
	_, v, _ = remux(t, flv).samples(t)
	got = nil
	for _, s := range v {
		got = append(got, s.at+s.offset)
	}
	if !slices.Equal(got, want) || len(got) != 75 || slices.IsSorted(got) {
		t.Errorf("shown at %v, want %v", got, want)
	}
}

// TestFragments: how much is in each, and when it is written.
func TestFragments(t *testing.T) {
	t.Parallel()
	file := tiny(bothFlags, movie(0, 4000, avcHeader, aacHeader)...)
	for _, length := range []time.Duration{time.Millisecond, 100 * time.Millisecond, DefaultFragment, 500 * time.Millisecond, time.Hour} {
		r, err := tryRemux(file, Options{Fragment: length})
		if err != nil {
			t.Fatal(err)
		}
		_, video, audio := r.samples(t)
		spans := map[int]int64{}
		for _, s := range video {
			spans[s.fragment] += s.duration
		}
		for n, ms := range spans {
			if ms > max(40, min(1000, length.Milliseconds()+40)) {
				t.Errorf("%v: fragment %d has %d ms", length, n, ms)
			}
		}
		for i, s := range video {
			if s.sync && i > 0 && video[i-1].fragment == s.fragment {
				t.Errorf("%v: the keyframe at %d does not begin a fragment", length, s.at)
			}
		}
		if len(video) != 100 || len(audio) != 171 {
			t.Errorf("%v: %d frames of video and %d of audio", length, len(video), len(audio))
		}
	}
	r, err := tryRemux(tiny(flagVideo, append([]step{{0, avcHeader}, {0, avcKey}}, frames(largeFrame, 40, 800, 40)...)...), Options{Fragment: time.Hour})
	if n := slices.Max(r.sizes); err != nil || n > maxFragment+len(largeFrame)+1<<10 {
		t.Errorf("a fragment of %d bytes; %v", n, err)
	}
	// A sample waits for the next of its track, and for nothing else.
	steps := movie(0, 500, avcHeader, aacHeader)
	for n := 5; n < len(steps); n++ {
		r := unfinished(bothFlags, steps[:n], Options{Fragment: 1})
		if _, video, audio := r.samples(t); len(video)+len(audio) != n-2-2 {
			t.Fatalf("of %d frames, %d and %d are written", n-2, len(video), len(audio))
		}
	}
}
