package e2e

import (
	"fmt"
	"testing"
	"time"
)

// 200 players watch one stream on two workers for half a minute, and each gets every message. One more never reads: it is
// closed, and nobody else feels it.
func TestManyPlayersOneStalled(t *testing.T) {
	const stream = "live/crowd"
	var (
		players  = scaled(200, 60)
		watching = time.Duration(scaled(30, 10)) * time.Second
		bits     = scaled(2_000_000, 1_000_000)
	)
	s := start(t, options{live: "stall_timeout: 5s"})
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(bits)
	sending := publisher.goLive()

	crowd := make([]*player, players)
	for i := range crowd {
		crowd[i] = play(t, s.rtmpURL(i%2, stream))
	}
	for _, p := range crowd {
		p.awaitRun(2*soon, publisher.source.run)
	}
	stuck := playStalled(t, s.rtmpURL(1, stream))
	s.awaitPlayers(t, stream, players+1)
	publisher.slowestWrite() // as everybody was coming
	for _, p := range crowd {
		p.longestPause()
	}

	for _, p := range crowd {
		p.awaitMessages(watching+soon, int(watching/time.Second)*messagesPerSecond)
	}
	slowest := publisher.slowestWrite()
	if err := sending.stop(); err != nil {
		t.Fatalf("the publisher was disturbed: %v", err)
	}
	var pause time.Duration
	for _, p := range crowd {
		p.check()
		pause = max(pause, p.longestPause())
	}
	t.Logf("the publisher's longest write took %v, the players' longest pause %v", slowest, pause)
	if pause > heldUp {
		t.Errorf("a player waited %v for a message", pause)
	}
	if slowest > heldUp {
		t.Errorf("the publisher was held up for %v", slowest)
	}
	// The stalled one is gone by now, or the stream was too thin to fill the kernel's buffers: TestStalledPlayer tells.
	stuck.conn.Close()
	s.awaitPlayers(t, stream, players)
}

// heldUp is a write of a publisher that took too long: something waited for a player.
var heldUp = time.Duration(scaled(1, 3)) * time.Second

// messagesPerSecond is somewhat less than what a source makes: 25 video, 43 audio, 1 data.
const messagesPerSecond = 65

// A player that never reads is closed after stall_timeout, on the owner's worker and on one that relays; its neighbours
// get every message, in time.
func TestStalledPlayer(t *testing.T) {
	const stream = "live/stalled"
	s := start(t, options{live: "stall_timeout: 5s"}) // longer than heldUp: who waits for the stalled is seen
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(scaled(40_000_000, 20_000_000)) // fills the kernel's buffers within a second or two
	sending := publisher.goLive()
	neighbours := []*player{play(t, s.rtmpURL(0, stream)), play(t, s.rtmpURL(1, stream))}
	for _, p := range neighbours {
		p.awaitRun(soon, publisher.source.run)
	}
	stuck := []*stalled{playStalled(t, s.rtmpURL(0, stream)), playStalled(t, s.rtmpURL(1, stream))}
	s.awaitPlayers(t, stream, len(neighbours)+len(stuck))
	for _, p := range neighbours {
		p.longestPause() // from here on
	}

	waitFor(t, 2*soon, "the stalled players' end", func() string {
		info, _, err := s.stream(shared, stream)
		if err != nil {
			return err.Error()
		}
		if info.Players != len(neighbours) {
			return fmt.Sprintf("%d players", info.Players)
		}
		return ""
	})
	for _, p := range stuck {
		if err := p.drain(); err != nil {
			t.Errorf("a stalled player was taken from the list, but %v", err)
		}
	}
	for _, p := range neighbours {
		p.awaitMore(soon, 2*messagesPerSecond)
		if pause := p.longestPause(); pause > heldUp {
			t.Errorf("%s waited %v for a message", p.name, pause)
		}
	}
	if err := sending.stop(); err != nil {
		t.Fatalf("the publisher was disturbed: %v", err)
	}
	if slowest := publisher.slowestWrite(); slowest > heldUp {
		t.Errorf("the publisher was held up for %v", slowest)
	}
}

// A player that reads too slowly misses whole GOPs, and goes on at a keyframe: when it is behind by too much time.
func TestSlowPlayerBehindInTime(t *testing.T) {
	const stream = "live/slow"
	s := start(t, options{live: "max_lag: 1s, stall_timeout: 60s"})
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(20_000_000)
	sending := publisher.goLive()
	slow := playWithPauses(t, s.rtmpURL(1, stream))
	slow.awaitRun(soon, publisher.source.run)
	for want := 1; want <= 2; want++ {
		slow.reading.shut()
		began := publisher.written()
		waitFor(t, soon, "six seconds of stream", func() string {
			if n := publisher.written() - began; n < 6*messagesPerSecond {
				return fmt.Sprintf("%d messages", n)
			}
			return ""
		})
		slow.reading.open()
		slow.awaitGaps(2*soon, want)
	}
	slow.awaitMore(soon, messagesPerSecond)
	if err := sending.stop(); err != nil {
		t.Fatalf("the publisher was disturbed: %v", err)
	}
}

// The same when it is behind by too many bytes.
func TestSlowPlayerBehindInBytes(t *testing.T) {
	t.Parallel()
	const stream = "live/slow"
	s := start(t, options{live: "log_bytes: 4MiB, stall_timeout: 60s"})
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(20_000_000)
	publisher.headers()
	publisher.send(messagesPerSecond)
	slow := playWithPauses(t, s.rtmpURL(1, stream))
	slow.awaitRun(soon, publisher.source.run)
	for want := 1; want <= 2; want++ {
		slow.reading.shut()
		publisher.send(10 * messagesPerSecond) // 25 MB: more than the log and the kernel hold
		slow.reading.open()
		slow.awaitGaps(2*soon, want)
	}
	publisher.send(messagesPerSecond)
	slow.await(soon, "the last message", func(got seen) string {
		if got.last.number == publisher.source.number-1 {
			return ""
		}
		return fmt.Sprintf("at number %d", got.last.number)
	})
}

// playWithPauses starts a player that reads while its gate is open, and whose kernel does not read much ahead of it.
func playWithPauses(t *testing.T, url string) *player {
	t.Helper()
	const buffer = 256 << 10
	return play(t, url, func(p *player) { p.mayLag, p.reading, p.buffer = true, newGate(), buffer })
}

// awaitGaps waits until the player was moved to a keyframe so many times in all.
func (p *player) awaitGaps(within time.Duration, gaps int) {
	p.t.Helper()
	p.await(within, fmt.Sprintf("jump number %d", gaps), func(got seen) string {
		if got.gaps >= gaps {
			return ""
		}
		return fmt.Sprintf("%d gaps, at number %d", got.gaps, got.last.number)
	})
}
