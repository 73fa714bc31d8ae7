package e2e

import (
	"fmt"
	"testing"
)

// What a publisher sent before it ended reaches players on other workers too, up to the last message.
func TestLastMessagesThroughRelay(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 300ms"})
	for i := range scaled(40, 10) {
		stream := fmt.Sprintf("live/tail%d", i)
		p := publish(t, s.rtmpURL(0, stream))
		players := map[int]*player{}
		for worker := range workers {
			players[worker] = play(t, s.rtmpURL(worker, stream))
		}
		s.awaitPlayers(t, stream, len(players))
		p.headers()
		p.feed(30, players)
		p.send(5)
		p.end()
		for worker, player := range players {
			player.awaitEnd(soon)
			if got, _ := player.seen(); got.last.number != p.source.number-1 {
				t.Errorf("round %d: worker %d: last message %d of %d", i, worker, got.last.number, p.source.number-1)
			}
		}
	}
}
