package live

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// about tells whether a rate is within a few percent of what it should be: the first and the last second are not whole.
func about(got, want float64) bool { return math.Abs(got-want) <= 0.06*want }

// info returns what is told of the only stream.
func info(t *testing.T, h *Hub) Info {
	t.Helper()
	all := h.Streams()
	if len(all) != 1 {
		t.Fatalf("%d streams", len(all))
	}
	return all[0]
}

// sendSeconds sends video of 25 frames a second with a keyframe every two seconds, and as much audio, from a timestamp on.
func sendSeconds(t *testing.T, f *Feed, from uint32, seconds int) {
	t.Helper()
	for i := range uint32(25 * seconds) {
		ts := from + 40*i
		if i%50 == 0 {
			feedAll(t, f, key(ts), audio(ts))
		} else {
			feedAll(t, f, inter(ts), audio(ts))
		}
		time.Sleep(40 * time.Millisecond)
	}
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		if i := info(t, h); i.GOP != (GOP{}) || !i.LastFrame.IsZero() || i.VideoHeader == nil || i.AudioHeader == nil {
			t.Errorf("before the first frame: %+v", i)
		}
		v := play(t, h, newPipeSink(endless), nil)
		sendSeconds(t, f, 0, 21)
		i := info(t, h)
		const (
			perGOP = (305 + 49*105) / 2. // bytes of video a second
			sound  = 25 * 4
		)
		if r := i.Rates; !about(r.FPS, 25) || !about(r.Bitrate[Video], 8*perGOP) || !about(r.Bitrate[Audio], 8*sound) || r.Bitrate[Data] != 0 {
			t.Errorf("rates %+v", r)
		}
		if r := i.Rates; !about(r.Out, 8*(perGOP+sound+25*2*headerSize)) {
			t.Errorf("%v bits a second went out", r.Out)
		}
		if g := i.GOP; g.Interval != 2*time.Second || g.Frames != 2*25 || g.Duration != 24*40*time.Millisecond || g.Bytes != 305+24*105+25*4+50*headerSize {
			t.Errorf("GOP %+v", g)
		}
		if since := time.Since(i.LastFrame); since != 40*time.Millisecond || i.LastTimestamp != 21*1000-40 {
			t.Errorf("the last frame came %v ago, at %d", since, i.LastTimestamp)
		}
		if given, dropped := v.Frames(); given != 2*25*21 || dropped != 0 || i.Backlog != 0 {
			t.Errorf("%d messages were given, %d dropped; backlog %d", given, dropped, i.Backlog)
		}
		time.Sleep(time.Hour) // the publisher hangs
		if r := info(t, h).Rates; r.FPS > 0.1 || r.Bitrate[Video] > 10 || r.Out > 10 {
			t.Errorf("rates of a stream that stands still: %+v", r)
		}
		f.Detach()
		publish(t, h, "2")
		if i := info(t, h); i.Rates != (Rates{}) || i.GOP != (GOP{}) || !i.LastFrame.IsZero() {
			t.Errorf("of another publication: %+v", i)
		}
	})
}

// TestRatesOfABurst: what a relay begins with comes at once, and is as long as its timestamps say.
func TestRatesOfABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		for ts := uint32(70_000); ts < 74_000; ts += 40 {
			feedAll(t, f, key(ts))
		}
		for range 3 {
			if r := info(t, h).Rates; !about(r.FPS, 25) || !about(r.Bitrate[Video], 8*305*25) {
				t.Errorf("%+v", r)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestJumpsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		sendSeconds(t, f, 0, 1)
		sendSeconds(t, f, 10_000_000, 1)
		sendSeconds(t, f, 0, 1)
		if j := info(t, h).Jumps; j != (Discontinuities{Forward: 1, Backward: 1}) {
			t.Errorf("%+v", j)
		}
	})
}

// TestFramesOfALaggingPlayer: what it was given and what not is all there was, once it is at a keyframe again.
func TestFramesOfALaggingPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		sink := newPipeSink(endless)
		v := play(t, h, sink, func(o *PlayOptions) { o.Format = FormatFLV })
		sendSeconds(t, f, 0, 2)
		sink.change(func() { sink.room = 50 })
		for from := uint32(2000); from < 20_000; from += 2000 {
			sink.ack(1) // it still takes something, so it isn't closed
			sendSeconds(t, f, from, 2)
		}
		if i := info(t, h); i.Backlog < 10_000 {
			t.Errorf("a backlog of %d", i.Backlog)
		}
		sink.grow(endless)
		synctest.Wait()
		given, dropped := v.Frames()
		if all := uint64(2 * 25 * 20); dropped < 100 || given+dropped != all {
			t.Errorf("%d given and %d dropped of %d", given, dropped, all)
		}
		if i := info(t, h); i.Backlog != 0 {
			t.Errorf("a backlog of %d with nothing to send", i.Backlog)
		}
	})
}

// TestDelays: of some of the writes is told how long packets waited for it.
func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, func(o *Options) {
			o.Flush = func(string) Flush { return Flush{80 * time.Millisecond, 80 * time.Millisecond} }
		})
		f := publish(t, h, "1")
		begin(t, f)
		for range 10 {
			play(t, h, newPipeSink(endless), nil)
		}
		sendSeconds(t, f, 0, 30)
		n, most := len(count.delays), time.Duration(0)
		for _, d := range count.delays {
			most = max(most, d)
		}
		if n < 20 || n > 100 || most < 40*time.Millisecond || most > 80*time.Millisecond {
			t.Errorf("%d delays, at most %v", n, most)
		}
	})
}
