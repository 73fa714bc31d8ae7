package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Players that come before their stream wait for it on every worker, and are woken when it appears on any.
func TestPlayBeforePublish(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 60s"})
	for owner := range workers {
		stream := fmt.Sprintf("live/later%d", owner)
		players := map[int]*player{}
		for _, place := range everywhere(s) {
			players[place] = play(t, s.rtmpURL(place, stream))
		}
		s.awaitStream(t, stream, func(info streamInfo, found bool) string {
			if found && info.State == "waiting" && info.OwnerSlot == nil && info.Players == len(players) {
				return ""
			}
			return fmt.Sprintf("%v, %+v", found, info)
		})
		began := time.Now()
		publisher := publish(t, s.rtmpURL(owner, stream))
		publisher.headers()
		publisher.send(1)
		for _, player := range players {
			player.awaitRun(soon, publisher.source.run)
		}
		// Woken, not found by looking from time to time. The bound is generous; a poll of seconds fails it.
		if took := time.Since(began); took > time.Duration(scaled(1, 3))*time.Second {
			t.Errorf("worker %d: players on all workers had the first frame only %v after the publish", owner, took)
		}
	}
}

// A player whose stream never comes is told so after play_wait.
func TestPlayWaitEnds(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 1s"})
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/never"))
	}
	for place, viewer := range players {
		codes := viewer.awaitEnd(soon)
		if code := statusCode(viewer.err); code != "" {
			codes = append(codes, code)
		}
		if !slices.Contains(codes, rtmp.CodePlayStreamNotFound) {
			t.Errorf("%s: the player was told %v (%v), not %s", placeName(place), codes, viewer.err, rtmp.CodePlayStreamNotFound)
		}
	}
}

// A player whose publisher does not come back is told so after republish_wait.
func TestRepublishWaitEnds(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 1s"})
	publisher, sending := s.goLive(t, 0, "live/gone")
	players := map[int]*player{}
	for _, place := range everywhere(s) {
		players[place] = play(t, s.rtmpURL(place, "live/gone"))
	}
	for _, player := range players {
		player.awaitRun(soon, publisher.source.run)
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
	publisher.end()
	for _, player := range players {
		codes := player.awaitEnd(soon)
		if !slices.Contains(codes, rtmp.CodePlayUnpublishNotify) {
			t.Errorf("%s was told %v, not %s", player.name, codes, rtmp.CodePlayUnpublishNotify)
		}
	}
	s.awaitStream(t, "live/gone", func(info streamInfo, found bool) string {
		if found {
			return fmt.Sprintf("still listed: %+v", info)
		}
		return ""
	})
}

// A publisher that comes back within republish_wait, to the same worker or another, goes on for the players that waited.
func TestRepublish(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 60s"})
	viewers := []*player{play(t, s.rtmpURL(0, "live/back")), play(t, s.rtmpURL(1, "live/back"))}
	for _, owner := range []int{0, 0, 1, 2, 0} {
		publisher, sending := s.goLiveAgain(t, owner, "live/back")
		for _, viewer := range viewers {
			viewer.awaitRun(soon, publisher.source.run)
			viewer.awaitMore(soon, 70)
		}
		if err := sending.stop(); err != nil {
			t.Error(err)
		}
		publisher.end()
	}
	for _, viewer := range viewers {
		viewer.check()
	}
}
