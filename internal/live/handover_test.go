package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// noWaits is a configuration where players don't wait for anybody.
func noWaits(o *Options) { o.RepublishWait, o.PlayWait = 0, 0 }

// TestHandOver: players see the next publisher come, though the server would not have them wait. It goes on at its keyframe.
func TestHandOver(t *testing.T) {
	for name, next := range map[string]func(h *Hub) (*Feed, error){
		"here":      func(h *Hub) (*Feed, error) { return h.Publish("live/x", "2") },
		"elsewhere": func(h *Hub) (*Feed, error) { return h.Relay("live/x", "2") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, count := observed(t, noWaits)
				f := publish(t, h, "1")
				begin(t, f)
				v, r := play(t, h, newPipeSink(endless), nil), play(t, h, newPipeSink(endless), func(o *PlayOptions) { o.Relay = true })
				feedAll(t, f, key(90_000), audio(90_010))
				f.HandOver(10 * time.Second)
				if got := <-r.ended; got != EndTakenOver {
					t.Errorf("the relay ended by %q", got)
				}
				late := play(t, h, newPipeSink(endless), nil)
				late.Leave()
				time.Sleep(9 * time.Second)
				f.Detach() // as its session does at the end
				g, err := next(h)
				if err != nil {
					t.Fatal(err)
				}
				begin(t, g)
				feedAll(t, g, inter(460), audio(480), key(500), audio(503), inter(540))
				time.Sleep(time.Minute)
				wantMessages(t, v, "data header@0", "video header@90000", "audio header@90000", "video key@90000", "audio@90010",
					"data header@0", "video header@90110", "audio header@90110", "audio@90110", "video key@90130", "audio@90133", "video@90170")
				wantRising(t, v)
				count.want(t, map[string]int{"no_keyframe": 1})
			})
		})
	}
}

// TestHandOverToARelayedPublisher: where a relay fed the stream, it is replaced in the same way.
func TestHandOverOfARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := observed(t, noWaits)
		f, err := h.Relay("live/x", "1")
		if err != nil {
			t.Fatal(err)
		}
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, key(1000))
		f.HandOver(10 * time.Second)
		time.Sleep(time.Second)
		g, err := h.Relay("live/x", "2")
		if err != nil {
			t.Fatal(err)
		}
		feedAll(t, g, at(7000, videoHeader()), key(7000))
		wantMessages(t, v, "data header@0", "video header@1000", "audio header@1000", "video key@1000", "video header@1100", "video key@1100")
	})
}

func TestHandOverToNobody(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		stay   time.Duration
	}{
		"nobody came":                   {noWaits, 3 * time.Second},
		"the server would wait longer":  {func(*Options) {}, 10 * time.Second},
		"published, but nothing comes":  {func(o *Options) { noWaits(o); o.Published = func(string) bool { return true } }, 13 * time.Second},
		"published, the wait is longer": {func(o *Options) { o.Published = func(string) bool { return true } }, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := observed(t, c.change)
				f := publish(t, h, "1")
				begin(t, f)
				v := play(t, h, newPipeSink(endless), nil)
				feedAll(t, f, key(0))
				begun := time.Now()
				f.HandOver(3 * time.Second)
				if r := <-v.ended; r != EndUnpublished || time.Since(begun) != c.stay {
					t.Errorf("ended by %q after %v, want %v", r, time.Since(begun), c.stay)
				}
			})
		})
	}
}

// TestWaitingThroughAHandOver: a player that has not seen anything yet waits for the next publisher too.
func TestWaitingThroughAHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := observed(t, noWaits)
		f := publish(t, h, "1")
		begin(t, f)
		v := play(t, h, newPipeSink(endless), nil) // there is no keyframe
		synctest.Wait()
		f.HandOver(10 * time.Second)
		time.Sleep(9 * time.Second)
		g := publish(t, h, "2")
		feedAll(t, g, key(500))
		wantMessages(t, v, "video key@500")
	})
}

// TestRelayGetsOnePublicationOnly: all of it, and nothing of the next, however soon that comes.
func TestRelayGetsOnePublicationOnly(t *testing.T) {
	for name, waiting := range map[string]bool{"playing": false, "not playing yet": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := observed(t, noWaits)
				f := publish(t, h, "1")
				begin(t, f)
				if !waiting {
					feedAll(t, f, key(1000))
				}
				r := play(t, h, newPipeSink(endless), func(o *PlayOptions) { o.Relay = true })
				synctest.Wait()
				if !waiting {
					feedAll(t, f, inter(1040), inter(1080))
				}
				f.HandOver(time.Second)
				feedAll(t, publish(t, h, "2"), key(0), inter(40)) // before the relay's loop had a chance to run
				if got := <-r.ended; got != EndTakenOver {
					t.Errorf("ended by %q", got)
				}
				var want []string
				if !waiting {
					want = []string{"data header@0", "video header@1000", "audio header@1000", "video key@1000", "video@1040", "video@1080"}
				}
				wantMessages(t, r, want...)
			})
		})
	}
}
