package live

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A timedSink takes everything, and remembers when.
type timedSink struct {
	drain
	writes []time.Time
}

func (s *timedSink) TryWritev(iov [][]byte) (int, error) {
	s.writes = append(s.writes, time.Now())
	return s.drain.TryWritev(iov)
}

// crowd is many players of the stream live/x, which have what it had so far.
func crowd(t *testing.T, h *Hub, n int) []*timedSink {
	t.Helper()
	sinks := make([]*timedSink, n)
	for i := range sinks {
		sinks[i] = &timedSink{}
		if err := h.Play("live/x", NewPlayer(PlayOptions{Sink: sinks[i], StreamID: 1})); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	return sinks
}

func flushOptions(f Flush) Options {
	o := testOptions()
	o.Flush = func(string) Flush { return f }
	return o
}

const ms = time.Millisecond

// settled waits until what was fed last had time to reach everybody: at most an interval and the two ticks that begin and end it.
func settled(f Flush) {
	time.Sleep(f.Max + 2*maxTick)
	synctest.Wait()
}

// TestRingSpreads: while packets keep coming, each player is written to once in an interval, and the writes of all are spread over it.
func TestRingSpreads(t *testing.T) {
	for _, players := range []int{1, 7, 500} {
		for _, interval := range []time.Duration{100 * ms, 350 * ms} {
			t.Run(fmt.Sprintf("%d players, %v", players, interval), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newTestHub(t, flushOptions(Flush{interval, interval}))
					f := publish(t, h, "1")
					begin(t, f)
					feedAll(t, f, key(0))
					sinks := crowd(t, h, players)
					begun, rounds := time.Now(), 20
					for ts := uint32(7); time.Since(begun) < time.Duration(rounds)*interval; ts += 7 {
						feedAll(t, f, inter(ts))
						time.Sleep(7 * ms)
					}
					settled(Flush{Max: interval})
					checkSpread(t, sinks, begun, rounds, interval)
					for i, s := range sinks {
						if got, want := s.bytes.Load(), sinks[0].bytes.Load(); got != want {
							t.Errorf("player %d got %d bytes, another one %d", i, got, want)
						}
					}
				})
			})
		}
	}
}

func checkSpread(t *testing.T, sinks []*timedSink, begun time.Time, rounds int, interval time.Duration) {
	t.Helper()
	ticks := map[int64]int{} // writes in each of them
	for i, s := range sinks {
		writes := slices.DeleteFunc(slices.Clone(s.writes), func(at time.Time) bool { return at.Sub(begun) < interval }) // the first round catches up
		if n := len(writes); n < rounds-2 || n > rounds+2 {
			t.Errorf("player %d was written to %d times in %d intervals", i, n, rounds)
		}
		for j, at := range writes {
			ticks[int64(at.Sub(begun)/maxTick)]++
			if j > 0 && at.Sub(writes[j-1]) > interval+maxTick {
				t.Errorf("player %d waits for %v", i, at.Sub(writes[j-1]))
			}
		}
	}
	for tick, n := range ticks {
		if even := float64(len(sinks)) * float64(maxTick) / float64(interval); float64(n) > 2*even+2 {
			t.Errorf("%d of %d writes in the tick %d: not spread", n, len(sinks), tick)
		}
	}
}

// TestRingsRest: nothing happens while streams have nothing to send, and what comes then is not forgotten.
func TestRingsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flush := Flush{50 * ms, 100 * ms}
		h := newTestHub(t, flushOptions(flush))
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0))
		sinks := crowd(t, h, 200)
		for i := range uint32(20) {
			feedAll(t, f, inter(40*i))
			fed, atOnce := time.Now(), 0
			settled(flush)
			for n, s := range sinks {
				if got, want := len(s.writes), int(i)+2; got != want {
					t.Fatalf("player %d was written to %d times, want %d", n, got, want)
				}
				if s.writes[i+1].Equal(fed) {
					atOnce++
				}
			}
			if atOnce > burst {
				t.Errorf("%d of %d players were written to at once", atOnce, len(sinks))
			}
			time.Sleep(time.Duration(i) * time.Second)
		}
	})
}

// TestFlushMin: a packet waits for others, but not alone.
func TestFlushMin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, flushOptions(Flush{40 * ms, 100 * ms}))
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0))
		s := crowd(t, h, 1)[0]
		time.Sleep(time.Second)
		for range 10 {
			feedAll(t, f, inter(0))
			time.Sleep(10 * ms)
		}
		settled(Flush{Max: 100 * ms})
		if n := len(s.writes); n < 3 || n > 5 {
			t.Errorf("ten packets in 100 ms were written in %d writes", n-1)
		}
	})
}

// TestWhatDoesNotWait: however long packets gather, keyframes, players that come, control messages and the end don't.
func TestWhatDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := flushOptions(Flush{time.Second, time.Second})
		o.RepublishWait = 0
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		begin(t, f)
		feedAll(t, f, key(0))
		others := crowd(t, h, 100)
		time.Sleep(time.Second)
		feedAll(t, f, inter(40)) // some may have it
		begun := time.Now()
		v := play(t, h, newPipeSink(endless), nil)
		headers := []string{"data header@0", "video header@0", "audio header@0"}
		wantMessages(t, v, append(headers, "video key@0", "video@40")...)
		if err := v.Control(rtmp.AppendMessage(nil, rtmp.CSIDControl, 128, &rtmp.Message{Type: rtmp.TypeAcknowledgement, Payload: make([]byte, 4)})); err != nil {
			t.Fatal(err)
		}
		wantMessages(t, v, append(headers, "video key@0", "video@40", "control@0")...)
		feedAll(t, f, key(80))
		wantMessages(t, v, append(headers, "video key@0", "video@40", "control@0", "video key@80")...)
		for i, s := range others {
			if !slices.Contains(s.writes, begun) {
				t.Errorf("player %d waits for the keyframe", i)
			}
		}
		f.Detach()
		if r := <-v.ended; r != EndUnpublished {
			t.Errorf("ended by %q", r)
		}
		if d := time.Since(begun); d != 0 {
			t.Errorf("%v have passed", d)
		}
	})
}

// TestRingsOfStreams: many streams with different bounds, whose players come and go, on several senders: everybody gets everything, and at the end
// nothing is left.
func TestRingsOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.Senders = 3
		o.Flush = func(key string) Flush { return Flush{Max: time.Duration(len(key)) * 10 * ms} }
		h := newTestHub(t, o)
		var feeds []*Feed
		var all [][]*timedSink
		var players []*Player
		for i := range 20 {
			key := "live/" + string(make([]byte, i%3)) + fmt.Sprint(i)
			f, err := h.Publish(key, "1")
			if err != nil {
				t.Fatal(err)
			}
			begin(t, f)
			feeds, all = append(feeds, f), append(all, nil)
			for range 1 + i%4 {
				s := &timedSink{}
				p := NewPlayer(PlayOptions{Sink: s, StreamID: 1})
				if err := h.Play(key, p); err != nil {
					t.Fatal(err)
				}
				all[i], players = append(all[i], s), append(players, p)
			}
		}
		for n := range uint32(30) {
			for _, f := range feeds {
				m := inter(40 * n)
				if n == 0 {
					m = key(0)
				}
				if err := f.Append(m); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(13 * ms)
		}
		settled(Flush{Max: 100 * ms})
		for i, sinks := range all {
			for _, s := range sinks {
				if got, want := s.bytes.Load(), all[0][0].bytes.Load(); got != want {
					t.Errorf("a player of stream %d got %d bytes, want %d", i, got, want)
				}
			}
		}
		for _, s := range h.senders {
			if s.players < len(players)/3 || s.players > len(players)/3+1 {
				t.Errorf("a sender has %d of %d players", s.players, len(players))
			}
		}
		for _, p := range players {
			p.Leave()
		}
		synctest.Wait()
		for _, s := range h.senders {
			if s.running || s.players != 0 || len(s.rings) != 0 {
				t.Errorf("a sender runs: %v, %d players, %d rings", s.running, s.players, len(s.rings))
			}
		}
	})
}
