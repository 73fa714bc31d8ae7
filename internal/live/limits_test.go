package live

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndlessGOP: without a keyframe for minutes, memory stays bounded, players miss nothing, and those that come start at the next keyframe.
func TestEndlessGOP(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"too many bytes": func(o *Options) { o.LogBytes, o.LogDuration = 100<<10, time.Hour },
		"too long":       func(o *Options) { o.LogDuration = 20 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, count := observed(t, change)
				f := publish(t, h, "1")
				begin(t, f)
				watching := play(t, h, newPipeSink(endless), nil)
				var want []string
				send := func(m ...string) { want = append(want, m...) }
				send("data header@0", "video header@0", "audio header@0")
				ts := uint32(0)
				gop := func(n int) {
					feedAll(t, f, key(ts))
					send(describe(*key(ts)))
					for range n {
						time.Sleep(40 * time.Millisecond)
						ts += 40
						feedAll(t, f, inter(ts), audio(ts))
						send(describe(*inter(ts)), describe(*audio(ts)))
						checkLog(t, f.stream)
					}
					ts += 40
				}
				gop(5 * 60 * 25)
				late := play(t, h, newPipeSink(endless), nil)
				synctest.Wait()
				if got := late.sink.messages(t); len(got) != 0 {
					t.Errorf("a player starts in the middle of a GOP, with %q", describeAll(got))
				}
				count.want(t, map[string]int{"gop": 1})
				gop(3)
				wantMessages(t, watching, want...)
				if got := describeAll(late.sink.messages(t)); len(got) != 3+7 || got[3] != want[len(want)-7] {
					t.Errorf("the one that came got %q", got)
				}
				gop(2 * 60 * 25)
				count.want(t, map[string]int{"gop": 2})
			})
		})
	}
}

func checkLog(t *testing.T, s *Stream) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.hub.opts
	if most := o.LogBytes / packetOverhead; s.log.bytes > o.LogBytes || len(s.log.packet) > most || cap(s.log.packet) > 4*most {
		t.Fatalf("the log holds %d bytes in %d packets, with room for %d", s.log.bytes, len(s.log.packet), cap(s.log.packet))
	}
	if p := s.log.packet; len(p) > 0 && s.hub.clock.now()-p[0].arrived > int64(o.LogDuration) {
		t.Fatalf("the log's oldest is %v old", time.Duration(s.hub.clock.now()-p[0].arrived))
	}
}

// TestHeadersTooMany: they reach those who watch, but are not kept.
func TestHeadersTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, count := observed(t, nil)
		f := publish(t, h, "1")
		v := play(t, h, newPipeSink(endless), nil)
		huge := start0 + strings.Repeat("x", maxHeader)
		many := []byte("\x96\x10hvc1")
		for id := range maxTracks + 1 {
			many = append(many, byte(id), 0, 0, 1, 'h')
		}
		feedAll(t, f, video(start0), video("\x91hvc1K"), video(huge), video(string(many)))
		if got := payloads(t, v); len(got) != 4 {
			t.Errorf("the player got %d messages", len(got))
		}
		count.want(t, map[string]int{"header_size": 1, "tracks": 1})
		late := play(t, h, newPipeSink(endless), nil)
		if got := payloads(t, late); len(got) != 4 || got[0] != quote(start0, 0) {
			t.Errorf("the one that came got %d messages, first %.40s", len(got), got[0])
		}
	})
}
