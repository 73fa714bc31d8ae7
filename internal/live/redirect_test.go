package live

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// publishAs publishes a stream of that name.
func publishAs(t *testing.T, h *Hub, stream, id string) *Feed {
	t.Helper()
	f, err := h.Publish(stream, id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A publisher that goes on under another name in the middle of a GOP: players who wait there get its headers, and everything from the next keyframe on.
func TestInherit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, old := published(t)
		v := newPipeSink(endless)
		p := NewPlayer(PlayOptions{Sink: v, StreamID: 1})
		if err := h.Play("live/y", p); err != nil {
			t.Fatal(err)
		}
		feedAll(t, old, key(1000), audio(1010), inter(1040))
		f := publishAs(t, h, "live/y", "2")
		if err := f.Inherit(old); err != nil {
			t.Fatal(err)
		}
		old.Detach()
		feedAll(t, f, inter(1080), audio(1090), &rtmp.Message{Type: rtmp.TypeData, Timestamp: 1090, Payload: []byte("\x02\x00\x01x")})
		if got := v.messages(t); len(got) != 0 {
			t.Errorf("before a keyframe: %v", describeAll(got))
		}
		feedAll(t, f, audio(1110), key(1120), audio(1130), inter(1160))
		want := []string{"data header@0", "video header@1120", "audio header@1120", "video key@1120", "audio@1130", "video@1160"}
		if diff := cmp.Diff(want, describeAll(v.messages(t))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// Without video there is no keyframe to wait for.
func TestInheritAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, testOptions())
		old := publish(t, h, "1")
		feedAll(t, old, audioHeader(), audio(10))
		f := publishAs(t, h, "live/y", "2")
		if err := f.Inherit(old); err != nil {
			t.Fatal(err)
		}
		sink := newPipeSink(endless)
		p := NewPlayer(PlayOptions{Sink: sink, StreamID: 1})
		if err := h.Play("live/y", p); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		feedAll(t, f, audio(30))
		if diff := cmp.Diff([]string{"audio header@0", "audio@30"}, describeAll(sink.messages(t))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// A player that goes on with another stream on the same socket: whatever the socket takes at once, the old stream ends behind a whole message, and
// all of it that was there is in; then comes the new one. What the player counts goes on.
func TestRedirectPlayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for round := range 50 {
			h, x := published(t)
			y := publishAs(t, h, "live/y", "2")
			begin(t, y)
			feedAll(t, x, key(1000), inter(1040))
			feedAll(t, y, key(70))
			sink := newPipeSink(rand.IntN(900))
			next := NewPlayer(PlayOptions{Sink: sink, StreamID: 1})
			v := play(t, h, sink, nil)
			v.opts.Ended = func(r EndReason) {
				if r != EndRedirected {
					t.Errorf("ended: %s", r)
				}
				next.Follow(v.Player)
				if err := h.Play("live/y", next); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait()
			feedAll(t, x, inter(1080))
			v.End(EndRedirected)
			feedAll(t, x, inter(1120))
			feedAll(t, y, inter(110))
			for range 100 {
				sink.grow(rand.IntN(100))
				synctest.Wait()
			}
			feedAll(t, y, inter(150))
			sink.grow(endless)
			synctest.Wait()
			want := []string{
				"data header@0", "video header@1000", "audio header@1000", "video key@1000", "video@1040", "video@1080",
				"data header@0", "video header@70", "audio header@70", "video key@70", "video@110", "video@150",
			}
			got := describeAll(sink.messages(t))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("round %d: -want +got:\n%s", round, diff)
			}
			given, dropped := next.Frames()
			if given != 6 || dropped != 0 || next.Sent() != uint64(sink.got.Len()) {
				t.Errorf("%d given, %d dropped, %d of %d bytes sent", given, dropped, next.Sent(), sink.got.Len())
			}
			x.Detach()
			y.Detach()
			next.Leave()
			sink.close()
		}
	})
}

func TestPlayerTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		sink := newPipeSink(endless)
		v := play(t, h, sink, nil)
		at := func(want uint32, begun bool) {
			t.Helper()
			if ts, ok := v.Timestamp(); ts != want || ok != begun {
				t.Errorf("timestamp %d, %v; want %d, %v", ts, ok, want, begun)
			}
		}
		at(0, false)
		feedAll(t, f, key(1000), audio(1015))
		at(1015, true)
		sink.change(func() { sink.room = 0 })
		feedAll(t, f, inter(1040), inter(1080))
		at(1015, true)
		if i := info(t, h); i.AVSync != 1080-1015 {
			t.Errorf("video is %d ms ahead of audio", i.AVSync)
		}
		sink.grow(endless)
		synctest.Wait()
		at(1080, true)
		time.Sleep(time.Hour)
		feedAll(t, f, audio(3600_000)) // forgets what was before
		at(3600_000, true)
		v.position.Store(1) // far behind: it gets what there is
		at(v.stream.log.packet[0].timestamp, true)
		if !slices.Contains(describeAll(sink.messages(t)), "audio@3600000") {
			t.Error("not sent")
		}
	})
}

// What is said to a player while the hub takes it on is not lost, nor does it wait for media.
func TestControlMeetsPlay(t *testing.T) {
	h := newTestHub(t, testOptions())
	for range 200 {
		sink := newPipeSink(endless)
		p := NewPlayer(PlayOptions{Sink: sink, StreamID: 1})
		began, done := make(chan struct{}), make(chan struct{})
		const words = 100
		go func() {
			defer close(done)
			close(began)
			for range words {
				_ = p.Control([]byte{1})
			}
		}()
		<-began
		if err := h.Play("live/x", p); err != nil {
			t.Fatal(err)
		}
		<-done
		for end := time.Now().Add(10 * time.Second); p.Sent() != words; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d words were sent", p.Sent())
			}
		}
		p.Leave()
	}
}
