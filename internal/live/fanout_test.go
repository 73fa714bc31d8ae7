package live

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func wantMessages(t *testing.T, v *viewer, want ...string) {
	t.Helper()
	synctest.Wait()
	if d := cmp.Diff(append([]string{}, want...), describeAll(v.sink.messages(t))); d != "" {
		t.Errorf("the player got (-want +got)\n%s", d)
	}
}

func TestPlayerStartsWithHeadersAndKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(0), audio(10), inter(40), key(80), audio(90), inter(120))
		v := play(t, h, newPipeSink(endless), nil)
		want := []string{"data header@0", "video header@80", "audio header@80", "video key@80", "audio@90", "video@120"}
		wantMessages(t, v, want...)
		feedAll(t, f, inter(160), key(200))
		wantMessages(t, v, append(want, "video@160", "video key@200")...)
	})
}

func TestPlayerBeforePublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		v := play(t, h, newPipeSink(endless), nil)
		time.Sleep(29 * time.Second) // of the bubble's clock
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, inter(0), key(40), audio(50))
		wantMessages(t, v, "data header@0", "video header@0", "audio header@0", "video key@40", "audio@50")
		time.Sleep(time.Minute)
		feedAll(t, f, inter(80))
		wantMessages(t, v, "data header@0", "video header@0", "audio header@0", "video key@40", "audio@50", "video@80")
	})
}

func TestNoGOPCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.GOPCache = false
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0), inter(40))
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, inter(80), audio(85))
		wantMessages(t, v)
		feedAll(t, f, key(120), inter(160))
		wantMessages(t, v, "data header@0", "video header@120", "audio header@85", "video key@120", "video@160")
	})
}

func TestAudioOnlyStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		f := publish(t, h, "1")
		feedAll(t, f, metadata(), audioHeader(), audio(0), audio(23))
		v := play(t, h, newPipeSink(endless), nil)
		synctest.Wait()
		feedAll(t, f, audio(46))
		wantMessages(t, v, "data header@0", "audio header@23", "audio@46")
	})
}

func TestOtherMessageStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(0))
		v := play(t, h, newPipeSink(0), func(o *PlayOptions) { o.StreamID = 7 })
		for range 2000 { // byte by byte: every split of header and rest
			v.sink.grow(1)
			synctest.Wait()
		}
		wantMessages(t, v, "data header@0", "video header@0", "audio header@0", "video key@0")
		for _, m := range v.sink.messages(t) {
			if m.StreamID != 7 {
				t.Errorf("message on stream %d, want 7", m.StreamID)
			}
		}
	})
}

func TestLaggingPlayerIsMovedToKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		slow, fast := play(t, h, newPipeSink(500), nil), play(t, h, newPipeSink(endless), nil)
		want := []string{"data header@0", "video header@0", "audio header@0"}
		for ts := uint32(0); ts < 8000; ts += 1000 { // a GOP a second, in a log of five
			feedAll(t, f, key(ts), inter(ts+500))
			want = append(want, describe(*key(ts)), describe(*inter(ts + 500)))
			synctest.Wait()
			time.Sleep(time.Second)
		}
		wantMessages(t, fast, want...)
		slow.sink.grow(endless)
		synctest.Wait()
		got := describeAll(slow.sink.messages(t))
		if len(got) < 5 || got[0] != "data header@0" {
			t.Fatalf("the slow player got %q", got)
		}
		n := 0
		for n < len(got) && n < len(want) && got[n] == want[n] {
			n++
		}
		rest := got[n:]
		if n < 3 || n > 6 || len(rest) != 2 || rest[0] != "video key@7000" || rest[1] != "video@7500" {
			t.Errorf("the slow player got %q", got)
		}
	})
}

// TestWhatASlowPlayerMustGetIsBounded: it falls behind again and again while headers change, and takes a few bytes each time.
func TestWhatASlowPlayerMustGetIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.LogBytes = 100 << 10
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		begin(t, f)
		v := play(t, h, newPipeSink(0), nil)
		for i := range uint32(100) {
			for j := range byte(3) { // more than the log holds
				header := videoHeader()
				header.Timestamp, header.Payload = 40*i, append([]byte{0x17, 0, 0, 0, 0, byte(i), j}, make([]byte, 50<<10)...)
				feedAll(t, f, header)
			}
			feedAll(t, f, key(40*i))
			v.sink.grow(10)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		waiting := 0
		for _, b := range v.must {
			waiting += len(b)
		}
		if waiting > 3*maxHeader {
			t.Errorf("%d bytes wait for a player that takes 10 a second", waiting)
		}
		v.sink.grow(endless)
		synctest.Wait()
		got := describeAll(v.sink.messages(t))
		if n := len(got); n < 2 || got[n-1] != "video key@3960" {
			t.Errorf("the player got %q, want the newest keyframe at the end", got)
		}
	})
}

// TestWhatATricklingPlayerKeepsIsBounded: of a packet that it has a part of, when the log has long forgotten what is beside it.
func TestWhatATricklingPlayerKeepsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.MaxLag, o.LogBytes = time.Second, 8<<20
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		begin(t, f)
		big := func(ts uint32) *rtmp.Message {
			m := key(ts)
			m.Payload = append(m.Payload, make([]byte, 100<<10)...)
			return m
		}
		for ts := range uint32(40) { // until segments are large
			feedAll(t, f, big(ts))
		}
		v := play(t, h, newPipeSink(1000), nil)
		synctest.Wait()
		for ts := uint32(40); ts < 240; ts++ {
			feedAll(t, f, big(ts))
			time.Sleep(100 * time.Millisecond)
			v.sink.grow(10)
		}
		synctest.Wait()
		if v.hold == nil || cap(v.hold.bytes) > 200<<10 {
			t.Errorf("the player keeps %v", v.hold)
		}
		v.sink.grow(endless)
		synctest.Wait()
		if got := describeAll(v.sink.messages(t)); got[3] != "video key@39" || got[len(got)-1] != "video key@239" {
			t.Errorf("it got %q", got)
		}
	})
}

func TestStalledPlayerIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		stalled := play(t, h, newPipeSink(100), nil)
		feedAll(t, f, key(0))
		synctest.Wait()
		begun := time.Now()
		if r := <-stalled.ended; r != EndStalled {
			t.Errorf("ended by %q", r)
		}
		if d := time.Since(begun); d != 10*time.Second {
			t.Errorf("closed after %v", d)
		}
		if i := h.Streams(); len(i) != 1 || i[0].Viewers != 0 {
			t.Errorf("streams: %+v", i)
		}
	})
}

func TestSlowPlayerThatTakesBytesStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(100), nil)
		feedAll(t, f, key(0))
		for range 10 {
			time.Sleep(7 * time.Second)
			v.sink.ack(1)
		}
		select {
		case r := <-v.ended:
			t.Fatalf("ended by %q", r)
		default:
		}
		begun := time.Now()
		if r := <-v.ended; r != EndStalled || time.Since(begun) > 20*time.Second {
			t.Errorf("ended by %q after %v", r, time.Since(begun))
		}
	})
}

// TestSlowPlayerOfAGrowingSocket: the kernel lets the send queue grow while the peer reads steadily.
func TestSlowPlayerOfAGrowingSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(100), nil)
		feedAll(t, f, key(0), inter(40), inter(80))
		v.sink.grow(300)
		for range 10 {
			time.Sleep(6 * time.Second)
			v.sink.ack(10)
		}
		select {
		case r := <-v.ended:
			t.Fatalf("ended by %q", r)
		default:
		}
	})
}

func TestBrokenSocketEndsPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		idle, blocked := play(t, h, newPipeSink(endless), nil), play(t, h, newPipeSink(10), nil)
		feedAll(t, f, key(0))
		synctest.Wait()
		idle.sink.close()
		blocked.sink.close()
		feedAll(t, f, inter(40))
		for _, v := range []*viewer{idle, blocked} {
			if r := <-v.ended; r != EndGone {
				t.Errorf("ended by %q", r)
			}
		}
	})
}

// TestAnySplit lets sockets take random amounts, with control bytes in between, and checks that what comes out is whole and in order.
func TestAnySplit(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			h := newTestHub(t, testOptions())
			f := publish(t, h, "1")
			begin(t, f)
			v := play(t, h, newPipeSink(0), func(o *PlayOptions) { o.StreamID = uint32(1 + rnd.IntN(2)) })
			var want []string
			controls := uint32(0)
			for i := range uint32(150) {
				m := inter(i * 40)
				if i%25 == 0 {
					m = key(i * 40)
				}
				m.Payload = append(m.Payload, make([]byte, rnd.IntN(1+rnd.IntN(90000)))...)
				if err := f.Append(m); err != nil {
					t.Fatal(err)
				}
				want = append(want, describe(*m))
				if rnd.IntN(5) == 0 {
					controls++
					c := rtmp.Message{Type: rtmp.TypeUserControl, Timestamp: controls, Payload: make([]byte, 6)}
					if err := v.Control(rtmp.AppendMessage(nil, rtmp.CSIDControl, rtmp.DefaultChunkSize, &c)); err != nil {
						t.Fatal(err)
					}
				}
				v.sink.grow(rnd.IntN(200000))
				if rnd.IntN(3) > 0 {
					synctest.Wait()
				}
			}
			v.sink.grow(endless)
			synctest.Wait()
			checkSplit(t, v.sink.messages(t), want, controls)
		})
	}
}

func checkSplit(t *testing.T, got []rtmp.Message, want []string, controls uint32) {
	t.Helper()
	var media []string
	seen := uint32(0)
	for _, m := range got {
		if m.Type == rtmp.TypeUserControl {
			seen++
			if m.Timestamp != seen {
				t.Errorf("control message %d at place %d", m.Timestamp, seen)
			}
		} else {
			media = append(media, describe(m))
		}
	}
	if seen != controls {
		t.Errorf("%d control messages of %d", seen, controls)
	}
	if d := cmp.Diff(append([]string{"data header@0", "video header@0", "audio header@0"}, want...), media); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestControlBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		v := play(t, h, newPipeSink(0), nil)
		var err error
		for n := 0; err == nil; n++ {
			if n > 100 {
				t.Fatal("control bytes pile up without a bound")
			}
			err = v.Control(make([]byte, 4096))
			synctest.Wait() // a blocked player's flusher takes what is queued only when there is room
		}
		count.want(t, map[string]int{"control_backlog": 1})
	})
}

func TestPayloadIsNotCopiedPerPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		f := publish(t, h, "1")
		a, b := play(t, h, newPipeSink(endless), nil), play(t, h, newPipeSink(endless), nil)
		begin(t, f)
		feedAll(t, f, key(0), inter(40))
		synctest.Wait()
		if !bytes.Equal(a.sink.got.Bytes(), b.sink.got.Bytes()) {
			t.Error("two players got different bytes")
		}
	})
}
