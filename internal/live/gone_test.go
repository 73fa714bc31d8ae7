package live

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// A stream that the hub forgets is told of once more, with all it counted; and what a publisher sent is not what a relay brought, nor what went to
// viewers what went to relays.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone []Info
		o := testOptions()
		o.Gone = func(last Info) { gone = append(gone, last) }
		h := newTestHub(t, o)
		feed := publish(t, h, "1")
		v := play(t, h, newPipeSink(endless), nil)
		r := play(t, h, newPipeSink(endless), func(o *PlayOptions) { o.Relay = true })
		feedAll(t, feed, videoHeader(), key(0), inter(40), inter(90_000))
		synctest.Wait()
		before := h.Streams()[0]
		if before.Number != 1 || before.Published != before.BytesIn || before.Published == 0 || before.Viewed != v.Sent() ||
			before.BytesOut != v.Sent()+r.Sent() || before.AllJumps != 1 {
			t.Errorf("%+v; %d and %d sent", before, v.Sent(), r.Sent())
		}
		v.Leave()
		r.Leave()
		if len(gone) != 0 {
			t.Fatalf("%v", gone)
		}
		feed.Detach()
		if len(gone) != 1 {
			t.Fatalf("%d streams are gone", len(gone))
		}
		counts := func(i Info) [6]uint64 {
			return [6]uint64{i.Number, i.BytesIn, i.BytesOut, i.Published, i.Viewed, i.AllJumps}
		}
		if d := cmp.Diff(counts(before), counts(gone[0])); d != "" || gone[0].Key != before.Key || gone[0].Feed != "" {
			t.Errorf("%+v after %+v", gone[0], before)
		}
		relay, err := h.Relay(before.Key, "2")
		if err != nil {
			t.Fatal(err)
		}
		feedAll(t, relay, key(0), inter(90_000))
		again := h.Streams()[0]
		if again.Number != 2 || again.Published != 0 || again.BytesIn == 0 || again.AllJumps != 0 {
			t.Errorf("a relay: %+v", again)
		}
		relay.Detach()
		synctest.Wait()
	})
}
