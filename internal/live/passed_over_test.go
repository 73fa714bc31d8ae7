package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// Nobody is passed over, and nothing that came is overlooked, whoever comes, goes and blocks while the ring goes round.

func playTimed(t *testing.T, h *Hub, key string) (*Player, *timedSink) {
	t.Helper()
	s := &timedSink{}
	p := NewPlayer(PlayOptions{Sink: s, StreamID: 1})
	if err := h.Play(key, p); err != nil {
		t.Fatal(err)
	}
	return p, s
}

// TestPlayersLeave: others take their places in the ring.
func TestPlayersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flush := Flush{100 * ms, 100 * ms}
		h := newTestHub(t, flushOptions(flush))
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0))
		var sinks []*timedSink
		var players []*Player
		for range 200 {
			p, s := playTimed(t, h, "live/x")
			sinks, players = append(sinks, s), append(players, p)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		feedAll(t, f, inter(40))
		left := map[int]bool{}
		for tick := range 8 {
			var leave []*Player
			for i, s := range sinks { // those who had their turn
				if len(s.writes) == 2 && !left[i] && i%3 == tick%3 {
					leave = append(leave, players[i])
					left[i] = true
				}
			}
			for _, p := range leave {
				p.Leave()
			}
			synctest.Wait()
			time.Sleep(maxTick)
			synctest.Wait()
		}
		settled(flush)
		if len(left) < 50 {
			t.Fatalf("only %d players left", len(left))
		}
		for i, s := range sinks {
			if !left[i] && len(s.writes) != 2 {
				t.Errorf("player %d was written to %d times", i, len(s.writes))
			}
		}
	})
}

// TestPlayersCome: the round that is under way gets longer.
func TestPlayersCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flush := Flush{100 * ms, 100 * ms}
		h := newTestHub(t, flushOptions(flush))
		var last *Feed
		key0 := key(0)
		var sinks []*timedSink
		for _, key := range []string{"live/x", "live/y"} {
			f, err := h.Publish(key, "1")
			if err != nil {
				t.Fatal(err)
			}
			begin(t, f)
			feedAll(t, f, key0)
			sinks = nil
			for range 150 {
				_, s := playTimed(t, h, key)
				sinks = append(sinks, s)
				synctest.Wait()
			}
			last = f
		}
		for round := range uint32(5) {
			time.Sleep(3 * time.Second)
			want := len(sinks[0].writes) + 1
			feedAll(t, last, inter(40*(round+1)))
			time.Sleep(15 * ms)
			synctest.Wait()
			for range 7 {
				playTimed(t, h, "live/x") // whose turn is before the others'
				synctest.Wait()
			}
			settled(flush)
			for i, s := range sinks {
				if len(s.writes) != want {
					t.Errorf("round %d: player %d was written to %d times, want %d", round, i, len(s.writes), want)
				}
			}
		}
	})
}

// A hookSink is full, or takes everything, after something happened.
type hookSink struct {
	*pipeSink
	hook func() (full bool)
}

func (s *hookSink) TryWritev(iov [][]byte) (int, error) {
	if f := s.hook; f != nil {
		s.hook = nil
		if f() {
			return 0, nil
		}
	}
	return s.pipeSink.TryWritev(iov)
}

// TestFedWhileServing: what comes while the sender looks at the stream as it was reaches everybody all the same.
func TestFedWhileServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		feedAll(t, f, key(0))
		s := &hookSink{newPipeSink(endless), func() bool {
			if err := f.Append(inter(40)); err != nil {
				t.Error(err)
			}
			return false
		}}
		v := play(t, h, s.pipeSink, func(o *PlayOptions) { o.Sink = s })
		wantMessages(t, v, "data header@0", "video header@0", "audio header@0", "video key@0", "video@40")
	})
}

// TestFedWhileNobodyIsServed: likewise, when the stream's only player blocks meanwhile, and another one comes right behind it.
func TestFedWhileNobodyIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.Flush = func(key string) Flush { return Flush{Max: time.Duration(len(key))} } // a ring for each stream
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0))
		other, err := h.Publish("live/other", "2")
		if err != nil {
			t.Fatal(err)
		}
		begin(t, other)
		feedAll(t, other, key(0))
		blocks := &hookSink{newPipeSink(endless), func() bool {
			if err := f.Append(inter(40)); err != nil {
				t.Error(err)
			}
			return true
		}}
		var late *viewer
		first := &hookSink{newPipeSink(endless), func() bool { // both come in one slice of the sender
			if err := h.Play("live/x", NewPlayer(PlayOptions{Sink: blocks, StreamID: 1})); err != nil {
				t.Error(err)
			}
			late = play(t, h, newPipeSink(endless), nil)
			return false
		}}
		if err := h.Play("live/other", NewPlayer(PlayOptions{Sink: first, StreamID: 1})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantMessages(t, late, "data header@0", "video header@0", "audio header@0", "video key@0", "video@40")
	})
}

// TestNoWakeUpIsLost: each packet is the last for now, and comes whenever the sender is about to rest.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	for _, flush := range []Flush{{}, {Max: 300 * time.Microsecond}, {2 * ms, 2 * ms}} {
		o := flushOptions(flush)
		o.Senders = 2
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		var sinks [3]drain
		for i := range sinks {
			if err := h.Play("live/x", NewPlayer(PlayOptions{Sink: &sinks[i], StreamID: 1})); err != nil {
				t.Fatal(err)
			}
		}
		fed := int64(0)
		for n := range 200 {
			m := inter(uint32(n))
			if n == 0 {
				m = key(0)
			}
			if err := f.Append(m); err != nil {
				t.Fatal(err)
			}
			fed += int64(framedSize(Video, m.Timestamp, m.Payload))
			for i := range sinks {
				for end := time.Now().Add(20 * time.Second); sinks[i].bytes.Load() < fed; time.Sleep(20 * time.Microsecond) {
					if time.Now().After(end) {
						t.Fatalf("%v: player %d has %d of %d bytes, and waits", flush, i, sinks[i].bytes.Load(), fed)
					}
				}
			}
		}
		f.Detach()
	}
}

// A slowSink takes its time.
type slowSink struct {
	drain
	writes int
}

func (s *slowSink) TryWritev(iov [][]byte) (int, error) {
	s.writes++
	time.Sleep(100 * time.Microsecond) // of the bubble's clock
	return s.drain.TryWritev(iov)
}

// TestUrgentFasterThanAllCanBeServed: keyframes alone, three in the time that it takes to serve everybody. Nobody is left out for that.
func TestUrgentFasterThanAllCanBeServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, flushOptions(Flush{time.Second, time.Second}))
		f := publish(t, h, "1")
		sinks := make([]*slowSink, 300)
		for i := range sinks {
			sinks[i] = &slowSink{}
			if err := h.Play("live/x", NewPlayer(PlayOptions{Sink: sinks[i], StreamID: 1})); err != nil {
				t.Fatal(err)
			}
		}
		for ts := uint32(0); ts < 900; ts += 10 {
			if err := f.Append(key(ts)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * ms)
		}
		f.Detach()
		time.Sleep(time.Second)
		synctest.Wait() // until all have the end of it
		for i, s := range sinks {
			if s.writes < 15 {
				t.Errorf("player %d was written to %d times in 0.9 s", i, s.writes)
			}
		}
	})
}
