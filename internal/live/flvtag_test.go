package live

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestTag(t *testing.T) {
	got := appendTag(nil, Video, 0x12345678, []byte("payload"))
	want := "\x09\x00\x00\x07\x34\x56\x78\x12\x00\x00\x00payload\x00\x00\x00\x12" // FLV §E.3, §E.4.1
	if !bytes.Equal(got, []byte(want)) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestTagClock: of 50 days, no more is at 0 than what is a little older than the first frame.
func TestTagClock(t *testing.T) {
	const origin = 1<<32 - 1000
	c := tagClock{begun: true, first: 100, origin: origin}
	v := &view{log: log{packet: make([]packet, 1)}}
	for _, since := range []int64{-30_000, -1, 0, 1, 1 << 29, 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32} {
		p := packet{at: 100, kind: Video, timestamp: uint32(origin + since)}
		v.packet[0] = p
		c.look(v, 0)
		if got, want := c.of(&p, nil), uint32(max(since, 0)); got != want {
			t.Errorf("%d ms after the first frame is at %d", since, got)
		}
	}
}

// TestFLVWithoutTime: what has no timestamp of its own is at 0, however late the publisher's clock is: headers before the first frame, and metadata.
func TestFLVWithoutTime(t *testing.T) {
	for _, begin := range []uint32{5000, 1 << 31, 1<<32 - 90} {
		synctest.Test(t, func(t *testing.T) {
			h := newTestHub(t, testOptions())
			f := publish(t, h, "1")
			feedAll(t, f, metadata())
			v := play(t, h, newPipeSink(10), asFLV)
			synctest.Wait() // it begins here, before anything that has a time
			feedAll(t, f, videoHeader(), audioHeader())
			again := metadata()
			again.Timestamp = 60
			feedAll(t, f, later(begin, key(0), inter(40), again, inter(80))...)
			v.sink.grow(endless)
			wantTags(t, v, "data header@0", "video header@0", "audio header@0", "video key@0", "video@40", "data header@0", "video@80")
		})
	}
}

// TestFLVWaitsForAKeyframe: a player that fell out of a log without a keyframe goes on with the next one, in the same file.
func TestFLVWaitsForAKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := observed(t, func(o *Options) { o.LogBytes = 100 << 10 })
		f := publish(t, h, "1")
		begin(t, f)
		v := play(t, h, newPipeSink(500), asFLV)
		feedAll(t, f, key(1000))
		for ts := uint32(1001); ts < 1500; ts++ { // more than the log holds
			feedAll(t, f, inter(ts))
		}
		v.sink.grow(endless)
		synctest.Wait()
		time.Sleep(time.Second)
		feedAll(t, f, key(2000), inter(2040))
		wantTags(t, v, "data header@0", "video header@0", "audio header@0", "video key@0", "video@1", "video key@1000", "video@1040")
	})
}
