package live

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNobodyPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		begun := time.Now()
		v := play(t, h, newPipeSink(endless), nil)
		if r := <-v.farewell; r != EndNotFound || time.Since(begun) != 30*time.Second {
			t.Errorf("farewell %q after %v", r, time.Since(begun))
		}
		if r := <-v.ended; r != EndNotFound {
			t.Errorf("ended by %q", r)
		}
		synctest.Wait()
		if n := len(h.Streams()); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

func TestPublisherComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(5000), audio(5010), inter(5040))
		synctest.Wait()
		f.Detach()
		if err := f.Append(inter(5080)); !errors.Is(err, ErrDetached) {
			t.Errorf("a detached feed took a message: %v", err)
		}
		time.Sleep(9 * time.Second)
		g := publish(t, h, "2")
		feedAll(t, g, metadata(), videoHeader(), audioHeader(), audio(23), inter(10), key(40), audio(46), inter(80))
		want := []string{
			"data header@0", "video header@5000", "audio header@5000", "video key@5000", "audio@5010", "video@5040",
			"data header@0", "video header@5140", "audio header@5140", "audio@5140", "video key@5157", "audio@5163", "video@5197",
		}
		wantMessages(t, v, want...)
		time.Sleep(time.Minute)
		feedAll(t, g, inter(120))
		wantMessages(t, v, append(want, "video@5237")...)
	})
}

func TestPublisherStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(0))
		v := play(t, h, newPipeSink(endless), nil)
		r := play(t, h, newPipeSink(endless), func(o *PlayOptions) { o.Relay = true })
		synctest.Wait()
		begun := time.Now()
		f.Detach()
		if got := <-r.ended; got != EndUnpublished || time.Since(begun) != 0 {
			t.Errorf("the relay ended by %q after %v", got, time.Since(begun))
		}
		if got := <-v.farewell; got != EndUnpublished || time.Since(begun) != 10*time.Second {
			t.Errorf("the viewer's farewell %q after %v", got, time.Since(begun))
		}
		<-v.ended
		if n := len(h.Streams()); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// TestSamePublicationAgain: a relay that broke and came back brings what players had already.
func TestSamePublicationAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		f, err := h.Relay("live/x", "7")
		if err != nil {
			t.Fatal(err)
		}
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(1000), audio(1010), inter(1040))
		synctest.Wait()
		f.Detach()
		g, err := h.Relay("live/x", "7")
		if err != nil {
			t.Fatal(err)
		}
		begin(t, g)
		feedAll(t, g, key(1000), audio(1010), inter(1040), audio(1033), inter(1080), key(1120))
		wantMessages(t, v, "data header@0", "video header@1000", "audio header@1000", "video key@1000", "audio@1010", "video@1040",
			"audio@1033", "video@1080", "video key@1120")
	})
}

func TestLocalPublisherReplacesRelay(t *testing.T) {
	h := newTestHub(t, testOptions())
	r, err := h.Relay("live/x", "1")
	if err != nil {
		t.Fatal(err)
	}
	f := publish(t, h, "2")
	if err := r.Append(audio(0)); !errors.Is(err, ErrDetached) {
		t.Errorf("the replaced relay: %v", err)
	}
	if _, err := h.Relay("live/x", "1"); !errors.Is(err, ErrPublishing) {
		t.Errorf("a stale relay: %v", err)
	}
	if _, err := h.Publish("live/x", "3"); !errors.Is(err, ErrPublishing) {
		t.Errorf("a second publisher: %v", err)
	}
	r.Detach() // does not take the stream from its publisher
	if i := h.Streams(); len(i) != 1 || i[0].Feed != "publisher" || i[0].FeedID != "2" {
		t.Errorf("streams: %+v", i)
	}
	f.Detach()
	if n := len(h.Streams()); n != 0 {
		t.Errorf("%d streams are left", n)
	}
}

func TestDemandFollowsViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, runs atomic.Int32
		o := testOptions()
		var h *Hub
		o.Demand = func(ctx context.Context, s *Stream) {
			running.Add(1)
			defer running.Add(-1)
			f, err := h.Relay(s.Key(), "1")
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Detach()
			if err := f.Append(metadata()); err != nil {
				t.Error(err)
			}
			runs.Add(1)
			<-ctx.Done()
		}
		h = newTestHub(t, o)
		expect := func(wantRunning, wantRuns int32) {
			t.Helper()
			synctest.Wait()
			if running.Load() != wantRunning || runs.Load() != wantRuns {
				t.Fatalf("%d pulls run of %d, want %d of %d", running.Load(), runs.Load(), wantRunning, wantRuns)
			}
		}
		play(t, h, newPipeSink(endless), func(o *PlayOptions) { o.Relay = true }).Leave()
		expect(0, 0) // a relay is no viewer
		a, b := play(t, h, newPipeSink(endless), nil), play(t, h, newPipeSink(endless), nil)
		expect(1, 1)
		a.Leave()
		b.Leave()
		time.Sleep(4 * time.Second)
		expect(1, 1) // lingers
		c := play(t, h, newPipeSink(endless), nil)
		time.Sleep(time.Hour)
		expect(1, 1)
		c.Leave()
		time.Sleep(5 * time.Second)
		expect(0, 1)
		if n := len(h.Streams()); n != 0 {
			t.Errorf("%d streams are left", n)
		}
		d := play(t, h, newPipeSink(endless), nil)
		expect(1, 2)
		d.Leave()
	})
}

func TestCloseTellsPlayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(0))
		v, stuck := play(t, h, newPipeSink(endless), nil), play(t, h, newPipeSink(3), nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		begun := time.Now()
		h.Close(ctx)
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("closed after %v, although a player is stuck", d)
		}
		for _, p := range []*viewer{v, stuck} {
			if r := <-p.farewell; r != EndShutdown {
				t.Errorf("farewell %q", r)
			}
			if r := <-p.ended; r != EndShutdown {
				t.Errorf("ended by %q", r)
			}
		}
		stuck.sink.close() // as its session does
		f.Detach()
		if err := h.Play("live/x", NewPlayer(PlayOptions{})); !errors.Is(err, ErrClosed) {
			t.Errorf("play after close: %v", err)
		}
		if _, err := h.Publish("live/x", "9"); !errors.Is(err, ErrClosed) {
			t.Errorf("publish after close: %v", err)
		}
	})
}

func TestFarewellFollowsWhatWasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(200), nil)
		feedAll(t, f, key(0), inter(40))
		synctest.Wait()
		f.Detach()
		time.Sleep(9 * time.Second)
		v.sink.grow(50)
		synctest.Wait()
		time.Sleep(2 * time.Second) // the republish wait ends; the keyframe is half out
		v.sink.grow(endless)
		synctest.Wait()
		if r := <-v.ended; r != EndUnpublished {
			t.Errorf("ended by %q", r)
		}
		got := describeAll(v.sink.messages(t))
		if len(got) == 0 || got[len(got)-1] != "video@40" {
			t.Errorf("the player got %q, want all that the log has", got)
		}
	})
}

// TestRelayThatBreaksBeforeItsFirstFrame: coming back, it is still another publication than the one that players watched.
func TestRelayThatBreaksBeforeItsFirstFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(900_000))
		f.Detach()
		for range 2 {
			g, err := h.Relay("live/x", "2")
			if err != nil {
				t.Fatal(err)
			}
			begin(t, g)
			g.Detach()
		}
		g, err := h.Relay("live/x", "2")
		if err != nil {
			t.Fatal(err)
		}
		feedAll(t, g, key(40), inter(80))
		synctest.Wait()
		got := describeAll(v.sink.messages(t))
		last := []string{"video key@900300", "video@900340"} // each time the headers went out
		if n := len(got); n < 2 || !slices.Equal(got[n-2:], last) {
			t.Errorf("the player got %q, want the end %q", got, last)
		}
		wantRising(t, v)
	})
}

// wantRising checks that timestamps never step back, but for those of metadata.
func wantRising(t *testing.T, v *viewer) {
	t.Helper()
	newest := uint32(0)
	for _, m := range v.sink.messages(t) {
		if c, ok := classify(&m); !ok || c.kind == Data && c.header() {
			continue
		}
		if m.Timestamp < newest {
			t.Errorf("%s after %d", describe(m), newest)
		}
		newest = m.Timestamp
	}
}

func TestHeaderThatChangedWhileTheRelayWasBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		relay := func() *Feed {
			f, err := h.Relay("live/x", "1")
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := relay()
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(1000), inter(2000))
		f.Detach()
		g := relay()
		changed := videoHeader()
		changed.Timestamp, changed.Payload = 1000, []byte{0x17, 0, 0, 0, 0, 9}
		feedAll(t, g, metadata(), changed, audioHeader(), key(1000), inter(2000), inter(2040))
		wantMessages(t, v, "data header@0", "video header@1000", "audio header@1000", "video key@1000", "video@2000",
			"video header@2000", "video@2040")
	})
}

func TestLatecomerWhileTheRelayIsReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		f, err := h.Relay("live/x", "1")
		if err != nil {
			t.Fatal(err)
		}
		begin(t, f)
		feedAll(t, f, key(1000), inter(1040))
		f.Detach()
		v := play(t, h, newPipeSink(endless), nil)
		g, err := h.Relay("live/x", "1")
		if err != nil {
			t.Fatal(err)
		}
		begin(t, g)
		feedAll(t, g, key(1000), inter(1040))
		wantMessages(t, v, "data header@0", "video header@0", "audio header@0", "video key@1000", "video@1040")
	})
}

func TestPlayWaitOfAPublishedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.PlayWait = 0
		published := true
		o.Published = func(string) bool { return published }
		h := newTestHub(t, o)
		v := play(t, h, newPipeSink(endless), nil)
		time.Sleep(9 * time.Second)
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0))
		<-v.started
		v.Leave()
		f.Detach()
		begun := time.Now()
		if r := <-play(t, h, newPipeSink(endless), nil).ended; r != EndNotFound || time.Since(begun) != 10*time.Second {
			t.Errorf("published, but nothing came: ended by %q after %v", r, time.Since(begun))
		}
		published = false
		begun = time.Now()
		if r := <-play(t, h, newPipeSink(endless), nil).ended; r != EndNotFound || time.Since(begun) != 0 {
			t.Errorf("not published: ended by %q after %v", r, time.Since(begun))
		}
	})
}
