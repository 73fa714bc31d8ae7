package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// Other bounds hold for who comes, and for streams from their next message on; a wait that has begun ends as it would have.
func TestSetBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		h := newTestHub(t, o)
		early, begun := play(t, h, newPipeSink(endless), nil), time.Now()
		b := o.Bounds
		b.GOPCache, b.PlayWait, b.RepublishWait, b.LogBytes = false, time.Second, 2*time.Second, 4000+2*packetOverhead
		h.SetBounds(b)
		if r := <-early.farewell; r != EndNotFound || time.Since(begun) != 30*time.Second {
			t.Errorf("who waited before got %q after %v", r, time.Since(begun))
		}
		begun = time.Now()
		late := play(t, h, newPipeSink(endless), nil)
		if r := <-late.farewell; r != EndNotFound || time.Since(begun) != time.Second {
			t.Errorf("who came then got %q after %v", r, time.Since(begun))
		}
		<-early.ended
		<-late.ended

		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0), inter(40))
		v := play(t, h, newPipeSink(endless), nil)
		feedAll(t, f, inter(80))
		wantMessages(t, v)
		b.GOPCache = true
		h.SetBounds(b)
		w := play(t, h, newPipeSink(endless), nil)
		wantMessages(t, w, "data header@0", "video header@0", "audio header@0", "video key@0", "video@40", "video@80")
		wantMessages(t, v)
		feedAll(t, f, key(120))
		wantMessages(t, v, "data header@0", "video header@120", "audio header@120", "video key@120")

		begun = time.Now()
		f.Detach()
		if r := <-w.farewell; r != EndUnpublished || time.Since(begun) != 2*time.Second {
			t.Errorf("after the publisher's end: %q after %v", r, time.Since(begun))
		}
		<-v.ended
		<-w.ended
	})
}

// A log that is longer than a lower bound lets is cut with the next message.
func TestSetBoundsCutsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(0))
		for i := range 100 {
			feedAll(t, f, inter(uint32(40+40*i)))
		}
		before := h.Streams()[0].GOP.Bytes
		b := testOptions().Bounds
		b.LogBytes = 10 * packetOverhead
		h.SetBounds(b)
		feedAll(t, f, inter(5000))
		if got := h.Streams()[0].GOP.Bytes; got >= before || before == 0 {
			t.Errorf("the log keeps %d bytes of a GOP, it kept %d", got, before)
		}
	})
}
