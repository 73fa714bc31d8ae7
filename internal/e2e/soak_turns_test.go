//go:build soak

package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A card is something that a round may have.
type card struct {
	name  string
	act   func(t *testing.T, k *turnOf)
	alone bool
}

// A deck deals every card once, in random order, before any comes again.
type deck struct {
	random *rand.Rand
	all    []card
	left   []card
	dealt  int // different ones
}

func (d *deck) deal() card {
	if len(d.left) == 0 {
		d.left = slices.Clone(d.all)
		d.random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	c := d.left[0]
	d.left = d.left[1:]
	d.dealt = min(d.dealt+1, len(d.all))
	return c
}

// A turnOf is one card's part in a round.
type turnOf struct {
	*soak
	number int
	random *rand.Rand // its own: cards of a round are played at once
}

// unique is a name that no other turn has.
func (k *turnOf) unique(name string) string { return fmt.Sprintf("%s-%d-%d-", name, k.round, k.number) }

// worker is any.
func (k *turnOf) worker() int { return k.random.IntN(workers) }

// two are different workers.
func (k *turnOf) two() []int { return k.random.Perm(workers)[:2] }

// addrs are the addresses of workers.
func (k *turnOf) addrs(places ...int) []string {
	var addrs []string
	for _, worker := range places {
		addrs = append(addrs, k.s.rtmpAddr(worker))
	}
	return addrs
}

// watch plays a stream on some workers, and waits until it is watched there. What these players verify counts.
func (k *turnOf) watch(t *testing.T, stream string, places []int, configure ...func(*player)) []*player {
	t.Helper()
	var viewers []*player
	for _, worker := range places {
		viewer := play(t, k.s.rtmpURL(worker, stream), configure...)
		t.Cleanup(func() {
			got, _ := viewer.seen()
			k.verified.Add(int64(got.messages))
		})
		viewers = append(viewers, viewer)
	}
	k.s.awaitPlayers(t, stream, len(viewers))
	return viewers
}

// publish publishes on a worker in real time, and waits until all have seen some of it.
func (k *turnOf) publish(t *testing.T, worker int, stream string, viewers []*player) (*publisher, *live) {
	t.Helper()
	p, l := k.s.goLiveAgain(t, worker, stream)
	k.publications.Add(1)
	const some = 10
	for _, v := range viewers {
		v.await(soon, fmt.Sprintf("%d messages of run %d", some, p.source.run), func(got seen) string {
			if got.messages > 0 && got.last.run == p.source.run && got.last.number >= some {
				return ""
			}
			return fmt.Sprintf("run %d, number %d", got.last.run, got.last.number)
		})
	}
	return p, l
}

// soakTurns are what is no attack.
func soakTurns() []card {
	return []card{
		{name: "publishers come and go", act: comeAndGo},
		{name: "publishers come and go", act: comeAndGo},
		{name: "takeovers", act: takeTurns},
		{name: "takeovers", act: takeTurns},
		{name: "a publisher falls silent", act: fallSilent},
		{name: "slow readers", act: slowReaders},
		{name: "a worker is killed", act: loseWorker, alone: true},
	}
}

var everyWorker = []int{0, 1, 2, 3}

// comeAndGo publishes a stream on one worker after the other; the publishers end in order, or not. Players stay.
func comeAndGo(t *testing.T, k *turnOf) {
	stream := "live/" + k.unique("again")
	viewers := k.watch(t, stream, everyWorker)
	for range 5 {
		p, l := k.publish(t, k.worker(), stream, viewers)
		if err := l.stop(); err != nil {
			t.Errorf("a publisher was disturbed: %v", err)
		}
		if k.random.IntN(2) == 0 {
			p.end()
		} else {
			p.conn.Close()
		}
	}
}

// takeTurns takes a stream over on one worker after the other. Players stay.
func takeTurns(t *testing.T, k *turnOf) {
	stream := soakApp + "/" + k.unique("turns")
	viewers := k.watch(t, stream, everyWorker)
	old, _ := k.publish(t, k.worker(), stream, viewers)
	for range 5 {
		p, _ := k.publish(t, k.worker(), stream, viewers)
		k.takeovers.Add(1)
		if codes := old.told(soon); !slices.Contains(codes, rtmp.CodeUnpublishSuccess) {
			t.Errorf("a publisher that was replaced was told %v", codes)
		}
		old = p
	}
}

// fallSilent publishes, and then sends nothing. The name is free for the next one.
func fallSilent(t *testing.T, k *turnOf) {
	stream, two := "live/"+k.unique("silent"), k.two()
	viewers := k.watch(t, stream, two)
	p, l := k.publish(t, two[0], stream, viewers)
	if err := l.stop(); err != nil {
		t.Errorf("a publisher was disturbed: %v", err)
	}
	p.told(soakIdle + soon)
	k.publish(t, two[1], stream, viewers)
}

// slowReaders has players that read nothing, and others that read slowly, beside some that get every byte.
func slowReaders(t *testing.T, k *turnOf) {
	const count, bits = 6, 8_000_000
	name, two := k.unique("read"), k.two()
	p := publish(t, k.s.rtmpURL(two[0], "live/"+name))
	p.source.bitrate(bits)
	sending := p.goLive()
	k.publications.Add(1)
	viewers := k.watch(t, "live/"+name, two)
	before := k.metrics(t)
	o := order{App: "live", Name: name, Count: count, Targets: k.addrs(two...)}
	o.Attack = "never reading"
	stalled := k.assault(t, o)
	o.Attack = "reading slowly"
	slow := k.assault(t, o)
	stalled.awaitReady(t)
	slow.awaitReady(t)
	k.countedSome(t, before, messagesPerSecond, droppedTotal, "reason", "lag")
	waitFor(t, 2*soon, "the end of players that never read", func() string {
		info, _, err := k.s.stream(shared, "live/"+name)
		if err != nil {
			return err.Error()
		}
		if info.Players > len(viewers)+count {
			return fmt.Sprintf("%d players", info.Players)
		}
		return ""
	})
	stalled.release(t)
	slow.release(t)
	for _, f := range k.over(t, stalled).Fates {
		if !f.Closed {
			t.Errorf("a player that never reads is not closed: %+v", f)
		}
	}
	if r := k.over(t, slow); len(r.Seen) > 0 {
		t.Errorf("players that read slowly met %v", r.Seen)
	}
	for _, v := range viewers {
		v.awaitMore(soon, messagesPerSecond)
	}
	if err := sending.stop(); err != nil {
		t.Errorf("the publisher was disturbed: %v", err)
	}
}

// loseWorker kills the worker that has no bystander, with a stream that it owns. The players of that, who are on other workers, stay.
func loseWorker(t *testing.T, k *turnOf) {
	others := everyWorker[:soakExpendable]
	stream := "live/" + k.unique("survive")
	viewers := k.watch(t, stream, others)
	_, sending := k.publish(t, soakExpendable, stream, viewers)
	doomed := play(t, k.s.rtmpURL(soakExpendable, soakBystander(0)))
	doomed.awaitRun(soon, k.bystanders[0].source.run)

	pid := k.pids[soakExpendable]
	killWorker(t, pid)
	k.kills.Add(1)
	waitClosed(t, soon, "the end of the publisher", sending.done)
	waitClosed(t, soon, "the end of the killed worker's player", doomed.ended)
	waitFor(t, 2*soon, "the worker's successor", func() string {
		if now := k.s.pids(t); now[soakExpendable] != pid {
			k.pids[soakExpendable] = now[soakExpendable]
			return ""
		}
		return "not there"
	})
	k.publish(t, k.worker(), stream, viewers)
	again := play(t, k.s.rtmpURL(soakExpendable, soakBystander(1)))
	again.awaitRun(soon, k.bystanders[1].source.run)
	again.awaitMore(soon, messagesPerSecond)
}
