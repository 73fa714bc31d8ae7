package e2e

import (
	"fmt"
	"testing"
)

// everywhere is the shared port and each worker's own.
func everywhere(s *server) []int {
	places := []int{shared}
	for worker := range s.opt.workers {
		places = append(places, worker)
	}
	return places
}

func placeName(worker int) string {
	if worker == shared {
		return "shared"
	}
	return fmt.Sprintf("worker%d", worker)
}

// ffmpeg publishes to each worker in turn, and ffmpeg plays from every port: what came through a relay is the same,
// packet by packet, as what came from the owner.
func TestFFmpegEveryPublisherEveryPlayer(t *testing.T) {
	const frames = 100
	s := start(t, options{})
	for owner := range workers {
		t.Run(placeName(owner), func(t *testing.T) {
			stream := fmt.Sprintf("live/ffmpeg%d", owner)
			publisher := ffmpegPublish(t, s.rtmpURL(owner, stream))
			s.awaitStream(t, stream, func(info streamInfo, found bool) string {
				publisher.mustRun()
				switch {
				case !found || info.State != "live" || info.VideoCodec == "" || info.AudioCodec == "":
					return fmt.Sprintf("not live yet: %+v", info)
				case info.OwnerSlot == nil || *info.OwnerSlot != owner:
					t.Fatalf("published to worker %d, owned by %v", owner, info.OwnerSlot)
				}
				return ""
			})
			players := map[int]*ffmpegPlayer{}
			for _, place := range everywhere(s) {
				players[place] = ffmpegPlay(t, s.rtmpURL(place, stream), frames)
			}
			for _, place := range everywhere(s) {
				players[place].wait(ffmpegTime(frames))
				players[place].check(frames)
			}
			publisher.mustRun()
			for _, place := range everywhere(s) {
				if place != owner {
					samePackets(t, players[owner], players[place])
				}
			}
		})
	}
}
