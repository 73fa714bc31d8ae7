//go:build soak

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// soakAttacks are the attacks that can be repeated without end, beside each other: all but those on limits that only a
// server of their own has, and on a whole process.
func soakAttacks() []card {
	var cards []card
	for _, table := range [][]trial{handshakeTrials, chunkTrials, sizeTrials, amfTrials, floodTrials, strayTrials, slowTrials} {
		for i := range table {
			tr := table[i]
			if tr.reason == "idle" {
				tr.after = soakIdle
			}
			cards = append(cards, card{name: tr.name, act: func(t *testing.T, k *turnOf) {
				o := tr.order()
				o.Name, o.Targets = k.unique(o.Name), k.addrs(k.worker())
				r := k.over(t, k.assault(t, o))
				tr.judge(t, &r)
			}})
		}
	}
	for _, attack := range []string{"no keyframe", "endless GOP", "big headers", "many tracks", "never acknowledging"} {
		cards = append(cards, soakAttack(attack, 0, nil))
	}
	hostileText := []byte(strings.Join(hostileNames, string([]byte{textEnd})))
	for _, attack := range []string{"hostile publish", "hostile play", "hostile app"} {
		cards = append(cards, soakAttack(attack, 0, func(_ *turnOf, o *order) { o.Text = hostileText }))
	}
	return append(cards,
		soakAttack("hostile fields", 1, func(_ *turnOf, o *order) { o.Text = hostileText }),
		soakAttack("few large claims", 1, nil),
		soakAttack("many claims", 1, nil),
		soakAttack("republishing", 0, func(_ *turnOf, o *order) { o.Count = 60 }),
		soakAttack("many names", 0, func(k *turnOf, o *order) { o.Count, o.Targets = 500, k.addrs(everyWorker...) }),
		card{name: "pinging and never reading", act: pingAndIgnore},
		card{name: "crowd", act: comeInCrowds},
		card{name: "duel", act: duelForName},
		card{name: "duel for a takeover", act: duelForTakeover},
		card{name: "changing chunks", act: changeChunks},
		card{name: "odd timestamps", act: jumpInTime},
		card{name: "signed URLs", act: forgeURLs},
	)
}

// soakAttack is an attack that nothing has to be done about: it is let go wherever it holds.
func soakAttack(attack string, holds int, more func(k *turnOf, o *order)) card {
	return card{name: attack, act: func(t *testing.T, k *turnOf) {
		o := order{Attack: attack, App: attackApp, Name: k.unique("soak"), Targets: k.addrs(k.worker())}
		if more != nil {
			more(k, &o)
		}
		x := k.assault(t, o)
		for range holds {
			x.awaitReady(t)
			x.release(t)
		}
		k.over(t, x)
	}}
}

// over waits for an attack's end, and counts it.
func (k *turnOf) over(t *testing.T, x *assault) report {
	t.Helper()
	r := x.wait(t)
	k.attacks.Add(1)
	return r
}

// pingAndIgnore plays a bystander's stream: the pings are too many.
func pingAndIgnore(t *testing.T, k *turnOf) {
	before := k.metrics(t)
	app, name, _ := strings.Cut(soakBystander(0), "/")
	x := k.assault(t, order{Attack: "pinging and never reading", App: app, Name: name, Targets: k.addrs(k.worker())})
	x.awaitReady(t)
	k.countedSome(t, before, 1, errorsTotal, "kind", "flood")
	x.release(t)
	k.over(t, x)
}

// comeInCrowds comes from one address, which no other turn has.
func comeInCrowds(t *testing.T, k *turnOf) {
	const tooMany = soakPerAddress / 2
	from := fmt.Sprintf("127.%d.%d.%d", 1+k.round>>8&0x7f, k.round&0xff, 1+k.number)
	x := k.assault(t, order{Attack: "crowd", Count: soakPerAddress + tooMany, From: from, Targets: k.addrs(k.worker())})
	x.awaitReady(t)
	x.release(t)
	if r := k.over(t, x); r.Seen["served"] != soakPerAddress || r.Seen["closed"] != tooMany {
		t.Errorf("of %d connections from %s: %v", soakPerAddress+tooMany, from, r.Seen)
	}
}

// rivalry has two attackers publish the same names at the same time on two workers, and returns what all of them were told.
func (k *turnOf) rivalry(t *testing.T, app string, count int) (fates []fate) {
	t.Helper()
	o := order{Attack: "duel", App: app, Name: k.unique("duel"), Count: count, At: strikeSoon()}
	var rivals []*assault
	for _, worker := range k.two() {
		o.Targets = k.addrs(worker)
		rivals = append(rivals, k.assault(t, o))
	}
	for _, x := range rivals {
		x.awaitReady(t)
	}
	for _, x := range rivals {
		x.release(t)
		fates = append(fates, k.over(t, x).Fates...)
	}
	return fates
}

const soakDuels = 10

// duelForName looks at who has the name: one of two.
func duelForName(t *testing.T, k *turnOf) {
	won := 0
	for _, f := range k.rivalry(t, attackApp, soakDuels) {
		switch last := f.Codes[len(f.Codes)-1]; last {
		case "NetStream.Publish.Start":
			won++
		case "NetStream.Publish.BadName":
		default:
			t.Errorf("told %s", last)
		}
	}
	if won != soakDuels {
		t.Errorf("%d of %d names were won", won, soakDuels)
	}
}

// duelForTakeover looks at who was replaced: one of two, for all have published.
func duelForTakeover(t *testing.T, k *turnOf) {
	replaced := 0
	for _, f := range k.rivalry(t, soakApp, soakDuels) {
		if !slices.Contains(f.Codes, "NetStream.Publish.Start") {
			t.Errorf("has not published: %v", f.Codes)
		}
		if slices.Contains(f.Codes, "NetStream.Unpublish.Success") {
			replaced++
		}
	}
	k.takeovers.Add(int64(replaced))
	if replaced != soakDuels {
		t.Errorf("%d of %d were replaced", replaced, soakDuels)
	}
}

// changeChunks has players that get every byte.
func changeChunks(t *testing.T, k *turnOf) {
	o := order{Attack: "changing chunks", App: attackApp, Name: k.unique("chunks"), Run: runs.Add(1), Targets: k.addrs(k.worker())}
	viewers := k.watch(t, attackApp+"/"+streamName(o.Name, 0), everyWorker)
	x := k.assault(t, o)
	for _, n := range []int{1, 1 + 2*chunkPairs} {
		for _, viewer := range viewers {
			viewer.awaitMessages(soon, n)
		}
		x.awaitReady(t)
		x.release(t)
	}
	k.over(t, x)
}

// jumpInTime has players for whom no timestamp steps back.
func jumpInTime(t *testing.T, k *turnOf) {
	o := order{Attack: "odd timestamps", App: attackApp, Name: k.unique("odd"), Run: runs.Add(1), Targets: k.addrs(k.worker())}
	viewers := k.watch(t, attackApp+"/"+streamName(o.Name, 0), k.two(), keepAll, func(p *player) { p.unchecked = true })
	x := k.assault(t, o)
	for _, n := range []int{1, oddMessages} {
		for _, viewer := range viewers {
			waitFor(t, soon, viewer.name+": messages in order", func() string { return notInOrder(viewer.keptMessages(), n) })
		}
		x.awaitReady(t)
		x.release(t)
	}
	k.over(t, x)
}

// forgeURLs tries a signature that is good, and one that is not.
func forgeURLs(t *testing.T, k *turnOf) {
	name := k.unique("cam")
	for secret, want := range map[string]string{soakSecret: "NetStream.Publish.Start", "guess": "NetStream.Publish.Denied"} {
		query := "?" + sign.Query(secret, sign.Publish, soakSigned, name, time.Now().Add(time.Hour))
		x := k.assault(t, order{Attack: "publish query", App: soakSigned, Name: name, Text: []byte(query), Targets: k.addrs(k.worker())})
		for _, f := range k.over(t, x).Fates {
			if got := f.Codes[len(f.Codes)-1]; got != want {
				t.Errorf("answered with %s, not with %s", got, want)
			}
		}
	}
}
