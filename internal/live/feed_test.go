package live

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A tally is an Observer for tests.
type tally struct {
	nobody
	mu     sync.Mutex
	count  map[string]int
	delays []time.Duration
}

func (o *tally) add(what string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count == nil {
		o.count = map[string]int{}
	}
	o.count[what] += n
}

func (o *tally) Dropped(r DropReason, n int)   { o.add(string(r), n) }
func (o *tally) Discontinuity(d Discontinuity) { o.add(string(d), 1) }
func (o *tally) Limit(l Limit)                 { o.add(string(l), 1) }

func (o *tally) Delay(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delays = append(o.delays, d)
}

func (o *tally) want(t *testing.T, want map[string]int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := cmp.Diff(want, o.count); d != "" {
		t.Errorf("observed (-want +got)\n%s", d)
	}
}

// observed returns a hub and what is counted of it.
func observed(t *testing.T, change func(*Options)) (*Hub, *tally) {
	t.Helper()
	o, count := testOptions(), &tally{}
	o.Observer = count
	if change != nil {
		change(&o)
	}
	return newTestHub(t, o), count
}

// payloads are what a player got, without control messages.
func payloads(t *testing.T, v *viewer) []string {
	t.Helper()
	synctest.Wait()
	var out []string
	for _, m := range v.sink.messages(t) {
		out = append(out, fmt.Sprintf("%q@%d", m.Payload, m.Timestamp))
	}
	return out
}

// TestTracks: joiners start at a keyframe of the default track, with the headers of all; frames of a track come from its first keyframe on.
func TestTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		feedAll(t, f, video(start0), video(one1), sound(opus0), sound(sound1))
		early := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f,
			at(0, video("\xa1hvc1i")), // neither has had its keyframe
			at(0, video("\x91hvc1K")),
			at(0, video("\xa6\x01hvc1\x01i")), // track 1 has not
			at(40, video("\x96\x01hvc1\x01k")),
			at(40, video("\xa1hvc1I")),
			at(80, video("\xa6\x01hvc1\x01I")),
			at(80, video("\x97\x02\x00\x00\x01\x06\x01hvc1\x01k")), // a keyframe of track 1 is no place to start
		)
		late := play(t, h, newPipeSink(endless), nil)
		headers := []string{quote(start0, 0), quote(one1, 0), quote(opus0, 0), quote(sound1, 0)}
		frames := []string{
			quote("\x91hvc1K", 0), quote("\x96\x01hvc1\x01k", 40), quote("\xa1hvc1I", 40), quote("\xa6\x01hvc1\x01I", 80),
			quote("\x97\x02\x00\x00\x01\x06\x01hvc1\x01k", 80),
		}
		for _, v := range []*viewer{early, late} {
			if d := cmp.Diff(append(headers, frames...), payloads(t, v)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		}
		if i := h.Streams()[0]; i.Video != "hevc" || i.Audio != "opus" {
			t.Errorf("the codecs are those of a side track: %+v", i)
		}
		count.want(t, map[string]int{"no_keyframe": 2})
	})
}

func quote(payload string, ts uint32) string { return fmt.Sprintf("%q@%d", payload, ts) }

// TestDefaultTrack: it is the lowest that frames come of.
func TestDefaultTrack(t *testing.T) {
	const (
		key1, key3 = "\x96\x01hvc1\x01", "\x96\x01hvc1\x03"
		both       = "\x96\x11hvc1\x01\x00\x00\x01a\x03\x00\x00\x01b"
		end1       = "\xa6\x02hvc1\x01"
	)
	for _, c := range []struct {
		name  string
		sent  []string
		start []bool
	}{
		{"numbered from 3", []string{key3, key3}, []bool{true, true}},
		{"1 before 3", []string{key1, key3, both, key1}, []bool{true, false, true, true}},
		{"3 before 1", []string{key3, key1, key3, key1}, []bool{true, true, false, true}},
		{"1 ended", []string{key1, key3, end1, key3, key1, key3}, []bool{true, false, false, true, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &Feed{lowest: noTracks, named: noTracks}
			for i, p := range c.sent {
				m, _ := classify(video(p))
				if f.track(&m); m.keyframe != c.start[i] {
					t.Errorf("message %d: a place to start is %v", i, m.keyframe)
				}
			}
		})
	}
}

// TestNotMedia: what is of no use to a decoder passes, at any time, and nobody waits for a keyframe because of it.
func TestNotMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		feedAll(t, f, sound("\x2fmp3"))
		v := play(t, h, newPipeSink(endless), nil)
		synctest.Wait()
		strange := []string{"", "\x97\xff\xff", "\x9fhvc1", "\x57\x00", "\x17\x02\x00\x00\x00"}
		var want []string
		for i, p := range strange {
			feedAll(t, f, at(uint32(i), video(p)))
			want = append(want, quote(p, uint32(i)))
		}
		feedAll(t, f, at(9, sound("\x2fmp3")))
		if d := cmp.Diff(append(want, quote("\x2fmp3", 9)), payloads(t, v)); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		count.want(t, nil)
	})
}

// TestOldStream: timestamps that need the extended field of a chunk come out of every chunk (RTMP 1.0 §5.3.1.3); and jumps of the publisher's
// clock leave what players get continuous.
func TestOldStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		begin(t, f)
		large := key(18_000_040)
		large.Payload = append(large.Payload, make([]byte, 2*rtmp.DefaultChunkSize)...)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(18_000_000), audio(18_000_010), large, audio(18_000_033), // five hours old
			key(0), audio(10), inter(40), // the encoder restarted its clock
			key(0x60000000), audio(0x60000009), inter(0x60000028)) // another
		wantMessages(t, v, "data header@0", "video header@18000000", "audio header@18000000",
			"video key@18000000", "audio@18000010", "video key@18000040", "audio@18000033",
			"video key@18000140", "audio@18000150", "video@18000180",
			"video key@18000280", "audio@18000289", "video@18000320")
		if got := v.sink.messages(t)[5].Payload; len(got) != len(large.Payload) {
			t.Errorf("%d bytes of %d", len(got), len(large.Payload))
		}
		count.want(t, map[string]int{"backward": 1, "forward": 1})
	})
}

func TestWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(0xfffffff0), audio(0xfffffffa), inter(24), audio(17))
		wantMessages(t, v, "data header@0", "video header@4294967280", "audio header@4294967280",
			"video key@4294967280", "audio@4294967290", "video@24", "audio@17")
		count.want(t, nil)
	})
}

// TestEndOfSequence: OBS gives it the timestamp 0.
func TestEndOfSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		feedAll(t, f, video(start0), at(70_000, video("\x91hvc1K")))
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, video("\xa2hvc1"))
		want := []string{quote(start0, 70_000), quote("\x91hvc1K", 70_000), quote("\xa2hvc1", 70_000)}
		if d := cmp.Diff(want, payloads(t, v)); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		count.want(t, nil)
	})
}

// TestTracksOfARelayThatCameBack: what is new may have one timestamp for several tracks.
func TestTracksOfARelayThatCameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := observed(t, nil)
		relay := func(ms ...*rtmp.Message) *Feed {
			f, err := h.Relay("live/x", "1")
			if err != nil {
				t.Fatal(err)
			}
			feedAll(t, f, ms...)
			return f
		}
		f := relay(video(one1), at(1000, video("\x91hvc1K")), at(1000, video("\x96\x01hvc1\x01k")))
		v := play(t, h, newPipeSink(endless), nil)
		synctest.Wait()
		f.Detach()
		relay(video(one1), at(1000, video("\x91hvc1K")), at(1000, video("\x96\x01hvc1\x01k")),
			at(1040, video("\xa1hvc1I")), at(1040, video("\xa6\x01hvc1\x01I")))
		want := []string{
			quote(one1, 1000), quote("\x91hvc1K", 1000), quote("\x96\x01hvc1\x01k", 1000), quote("\xa1hvc1I", 1040), quote("\xa6\x01hvc1\x01I", 1040),
		}
		if d := cmp.Diff(want, payloads(t, v)); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

// TestMetadataOfAShiftedStream: it has no place on a timeline.
func TestMetadataOfAShiftedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := observed(t, nil)
		f := publish(t, h, "1")
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(50_000), at(50_010, metadata()), key(0), at(10, metadata()))
		wantMessages(t, v, "data header@0", "video header@50000", "audio header@50000", "video key@50000", "data header@50010",
			"video key@50100", "data header@0")
	})
}

// TestHeadersOfAJoinerPrecedeWhatFollows: also where sound was sent behind the keyframe that is older.
func TestHeadersOfAJoinerPrecedeWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(1000), audio(980), inter(1040), audio(1003))
		v := play(t, h, newPipeSink(endless), nil)
		wantMessages(t, v, "data header@0", "video header@1000", "audio header@980", "video key@1000", "audio@980", "video@1040", "audio@1003")
	})
}

func TestSmallStepsAreLevelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(1000), inter(960), inter(1040), audio(1010))
		time.Sleep(20 * time.Second) // a pause that the timestamps show is none
		feedAll(t, f, key(21_000), audio(21_010))
		wantMessages(t, v, "data header@0", "video header@1000", "audio header@1000", "video key@1000", "video@1000", "video@1040", "audio@1010",
			"video key@21000", "audio@21010")
		count.want(t, map[string]int{"small": 1})
	})
}
