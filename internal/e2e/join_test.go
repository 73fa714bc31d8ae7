package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// With the GOP cache a player starts at the last keyframe, and is up to date at once: nothing more has to be published.
func TestGOPCache(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	publisher := publish(t, s.rtmpURL(0, "live/cached"))
	publisher.headers()
	publisher.send(100) // a GOP and half of the next
	publisher.awaitReceived(s, "live/cached")
	for _, place := range everywhere(s) {
		viewer := play(t, s.rtmpURL(place, "live/cached"))
		viewer.await(soon, "the GOP so far", func(got seen) string {
			if got.messages > 0 && got.last.number == 99 {
				return ""
			}
			return fmt.Sprintf("at number %d", got.last.number)
		})
		if got, _ := viewer.seen(); got.kinds[keyframe] != 1 || got.first.number == 0 {
			t.Errorf("%s started at number %d and got %d keyframes, not the last GOP", viewer.name, got.first.number, got.kinds[keyframe])
		}
	}
}

// Without it a player starts at the next keyframe.
func TestNoGOPCache(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "gop_cache: false"})
	publisher := publish(t, s.rtmpURL(0, "live/uncached"))
	publisher.headers()
	publisher.send(30)
	publisher.awaitReceived(s, "live/uncached")
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/uncached"))
	}
	s.awaitPlayers(t, "live/uncached", len(players))
	s.awaitRelays(t, "live/uncached", 1, 2, 3)
	publisher.feed(70, players)
	for _, viewer := range players {
		if got, _ := viewer.seen(); got.first.number < 30 {
			t.Errorf("%s started at number %d, of the GOP that had begun before", viewer.name, got.first.number)
		}
	}
}

// One relay serves all players of a stream on a worker. It ends some time after the last of them.
func TestRelayPerStreamAndWorker(t *testing.T) {
	t.Parallel()
	const stream = "live/relayed"
	s := start(t, options{relay: "linger: 1s"})
	publisher, _ := s.goLive(t, 2, stream)
	var viewers []*player
	for range 5 {
		viewers = append(viewers, play(t, s.rtmpURL(0, stream)))
	}
	for _, v := range viewers {
		v.awaitRun(soon, publisher.source.run)
	}
	s.awaitRelays(t, stream, 0)
	info, _, err := s.stream(shared, stream)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range info.Workers {
		if part.Worker == 2 && part.RelayPlayers != 1 {
			t.Errorf("the owner feeds %d relays for one worker: %+v", part.RelayPlayers, info)
		}
	}
	for _, v := range viewers[1:] {
		v.close()
	}
	viewers[0].awaitMore(soon, 100) // longer than the relay would linger
	viewers[0].close()
	s.awaitRelays(t, stream)
	back := play(t, s.rtmpURL(0, stream))
	back.awaitRun(soon, publisher.source.run)
}

// awaitRelays waits until just these workers relay a stream.
func (s *server) awaitRelays(t testing.TB, stream string, workers ...int) {
	t.Helper()
	s.awaitStream(t, stream, func(info streamInfo, _ bool) string {
		slices.Sort(info.Relays)
		if slices.Equal(info.Relays, workers) {
			return ""
		}
		return fmt.Sprintf("relayed to %v instead of %v", info.Relays, workers)
	})
}
