package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// duel publishes one name after the other, each at a moment that the other attacker strikes too, and keeps what it gets until the test lets go.
func duel(a *attacker) error {
	wires := make([]*wire, a.Count)
	for i := range wires {
		w, err := a.dial(i, 0)
		if err != nil {
			return err
		}
		wires[i] = w
		go w.read()
		if err := w.connected(); err != nil {
			return err
		}
		w.command(amfCommand("createStream", 2, amfNull))
	}
	const apart = 10 * time.Millisecond
	for i, w := range wires {
		time.Sleep(time.Until(time.Unix(0, a.At).Add(time.Duration(i) * apart)))
		w.message(4, typeCommand, 1, 0, amfCommand("publish", 3, amfNull, amfString(w.stream()), amfString("live")))
	}
	for _, w := range wires {
		if err := w.await("NetStream.Publish."); err != nil {
			return err
		}
	}
	a.hold()
	for _, w := range wires {
		if !w.hasEnded() {
			w.leave()
		}
		w.conclude()
	}
	return nil
}

// strikeSoon is when two attackers that start now are both ready.
func strikeSoon() int64 { return time.Now().Add(time.Duration(scaled(1, 3)) * time.Second).UnixNano() }

// Row 19: of two publishers of one name at the same instant, on two workers and from two processes, one has it and the other is told so.
func TestAttackSameName(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before := sc.metrics(t)
	o := order{Attack: "duel", App: attackApp, Name: "duel", Count: 40, At: strikeSoon()}
	won := [attackWorkers]int{}
	for i, x := range sc.rivals(t, o) {
		r := x.wait(t)
		for _, f := range r.Fates {
			switch last := f.Codes[len(f.Codes)-1]; last {
			case "NetStream.Publish.Start":
				won[i]++
			case "NetStream.Publish.BadName":
			default:
				t.Errorf("told %s", last)
			}
		}
		sc.quiet(t, &r)
	}
	t.Logf("won by worker: %v", won)
	if won[0]+won[1] != o.Count {
		t.Errorf("%v of %d names were won", won, o.Count)
	}
	sc.counted(t, before, o.Count, publishesTotal, "result", "ok")
	sc.counted(t, before, o.Count, publishesTotal, "result", "taken")
}

// rivals are two attackers with the same order on two workers, which hold until both have struck.
func (sc *scene) rivals(t *testing.T, o order) []*assault {
	t.Helper()
	var rivals []*assault
	for worker := range attackWorkers {
		o.Targets = []string{sc.s.rtmpAddr(worker)}
		rivals = append(rivals, sc.assault(t, o))
	}
	for _, x := range rivals {
		x.awaitReady(t)
	}
	for _, x := range rivals {
		x.release(t)
	}
	return rivals
}

// Row 19, where the configuration lets the newer one have it: both get it, one after the other, and the older is told to go.
func TestAttackTakeovers(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{apps: "{name: " + attackApp + ", on_conflict: takeover}"})
	before := sc.metrics(t)
	o := order{Attack: "duel", App: attackApp, Name: "taken", Count: 20, At: strikeSoon()}
	rivals := sc.rivals(t, o)
	started, told := 0, 0
	for _, x := range rivals {
		r := x.wait(t)
		for _, f := range r.Fates {
			switch {
			case slices.Contains(f.Codes, "NetStream.Unpublish.Success"):
				told++
				if !f.Closed {
					t.Errorf("a publisher that was replaced is not closed: %v", f.Codes)
				}
			case !slices.Contains(f.Codes, "NetStream.Publish.Start"):
				t.Errorf("neither published nor replaced: %v", f.Codes)
			}
			started += strings.Count(strings.Join(f.Codes, " "), "NetStream.Publish.Start")
		}
		sc.quiet(t, &r)
	}
	if started != 2*o.Count || told != o.Count {
		t.Errorf("of %d rivals %d published and %d were replaced", 2*o.Count, started, told)
	}
	sc.counted(t, before, o.Count, closedTotal, "reason", "taken_over")
	sc.counted(t, before, o.Count, takeoversTotal, "result", "ok")
}

// republish publishes one name again and again, each time on a new connection.
func republish(a *attacker) error {
	for range a.Count {
		w, err := a.dial(0, 0)
		if err != nil {
			return err
		}
		go w.read()
		w.send(c0c1c2())
		w.command(connectCommand(a.App, "", ""))
		w.publish(a.Name)
		if err := w.await("NetStream.Publish."); err != nil {
			return err
		}
		if w.said([]byte("NetStream.Publish.Start")) > 0 {
			a.saw("published", 1)
		} else {
			a.saw("refused", 1)
		}
		w.leave()
		w.conclude()
	}
	return nil
}

// Row 20: who publishes and unpublishes in a tight loop is slowed down, and nothing is left of it.
func TestAttackRepublishing(t *testing.T) {
	t.Parallel()
	const burst, loops = 20, 200
	sc := newScene(t, options{})
	before, worker, heap := sc.metrics(t), sc.observe(t, sc.target), sc.heap(t, sc.target)
	watching := play(t, sc.s.rtmpURL(1, attackApp+"/again")) // each publication is relayed
	r := sc.assault(t, order{Attack: "republishing", App: attackApp, Name: "again", Count: loops}).wait(t)
	watching.close()
	if most := burst + 1 + int(r.took/time.Second); r.Seen["published"] > most || r.Seen["published"] < 2 {
		t.Errorf("published %d times within %v, at most %d are allowed", r.Seen["published"], r.took, most)
	}
	sc.counted(t, before, r.Seen["published"], publishesTotal, "result", "ok")
	// The name of the last connection may not be free yet.
	taken := of(sc.metrics(t), publishesTotal, "result", "taken") - of(before, publishesTotal, "result", "taken")
	sc.counted(t, before, r.Seen["refused"]-taken, publishesTotal, "result", "backoff")
	sc.quiet(t, &r)
	worker.within(t, bound{memory: memoryPerByte * r.Sent})
	if grown := sc.heap(t, sc.target) - heap; grown > keptOfNames {
		t.Errorf("the worker keeps %d KiB", grown>>10)
	}
}

// reuse does the same on one connection: there, it is the commands that are too many.
func reuse(w *wire) {
	var all []byte
	for range floodSize {
		all = append(all, frame(w.chunkSize, 4, typeCommand, 1, 0, amfCommand("publish", 3, amfNull, amfString(w.stream())))...)
		all = append(all, frame(w.chunkSize, 3, typeCommand, 1, 0, amfCommand("closeStream", 0, amfNull))...)
	}
	w.send(all)
}
