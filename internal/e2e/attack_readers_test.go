package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// smallBuffer is a player's receive buffer that is soon full.
const smallBuffer = 4096

// readers makes an attack of players of one stream that read as they like, once their play was accepted, until the test lets go.
func readers(read func(w *wire, released <-chan struct{}) error) func(*attacker) error {
	return func(a *attacker) error {
		released := make(chan struct{})
		var playing, reading sync.WaitGroup
		for i := range a.Count {
			w, err := a.dial(i, smallBuffer)
			if err != nil {
				return err
			}
			playing.Add(1)
			reading.Go(func() {
				if err := w.playUnread(); err != nil {
					a.saw("not playing", 1)
				}
				playing.Done()
				if err := read(w, released); err != nil {
					a.saw(err.Error(), 1)
				}
				w.conclude()
			})
		}
		playing.Wait()
		a.hold()
		close(released)
		reading.Wait()
		return nil
	}
}

// playUnread plays, and reads no more than up to the acceptance.
func (w *wire) playUnread() error {
	w.send(c0c1c2())
	w.command(connectCommand(w.a.App, "", ""))
	w.play(w.a.Name)
	few := make([]byte, 512)
	for w.said([]byte("NetStream.Play.Start")) == 0 {
		n, err := w.conn.Read(few)
		if err != nil {
			return err
		}
		w.took(few[:n])
	}
	return nil
}

// neverRead waits until the test lets go, and then looks whether the server has closed.
func neverRead(w *wire, released <-chan struct{}) error {
	<-released
	w.conn.SetReadDeadline(time.Now().Add(soon))
	err := w.drain(0, nil)
	w.closed = !errors.Is(err, os.ErrDeadlineExceeded)
	close(w.ended)
	return nil
}

// readSlowly reads a tenth of what comes.
func readSlowly(w *wire, released <-chan struct{}) error {
	err := w.drain(20*time.Millisecond, released)
	w.leave()
	return err
}

// readNothingAndPing asks for answers all the time, and reads none.
func readNothingAndPing(w *wire, released <-chan struct{}) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	pings := bytes.Repeat(frame(w.chunkSize, 2, typeUserControl, 0, 0, pingRequest(1)), 500)
	for {
		w.send(pings)
		select {
		case <-released:
			w.leave()
			return nil
		case <-tick.C:
		}
	}
}

// Row 16: what waits for a player besides media is bounded too.
func TestAttackPingsOfSlowReaders(t *testing.T) {
	t.Parallel()
	sc := newSceneAt(t, options{live: "stall_timeout: 15s", rtmp: "limits: {command_rate: 1000000, command_burst: 1000000}"}, scaled(16_000_000, 8_000_000))
	before, worker := sc.metrics(t), sc.observe(t, sc.target)
	x := sc.assault(t, order{Attack: "pinging and never reading", App: "live", Name: "bystander"})
	x.awaitReady(t)
	sc.countedSome(t, before, 1000, limitsTotal, "limit", "control_backlog")
	x.release(t)
	r := x.wait(t)
	sc.counted(t, before, len(r.Fates), closedTotal, "reason", "gone")
	sc.quiet(t, &r)
	worker.within(t, bound{memory: 32 << 20, cpu: 2 * cpuSlack})
}

// Row 16: players that read nothing are closed, those that read slowly miss whole GOPs, and neither costs memory.
func TestAttackSlowReaders(t *testing.T) {
	t.Parallel()
	const logBytes = 16 << 20
	sc := newSceneAt(t, options{live: "stall_timeout: 3s, max_lag: 3s, log_bytes: 16MiB"}, scaled(16_000_000, 8_000_000))
	before := sc.metrics(t)
	var observed []observation
	for worker := range attackWorkers {
		observed = append(observed, sc.observe(t, worker))
	}
	o := order{App: "live", Name: "bystander", Count: scaled(40, 20), Targets: []string{sc.s.rtmpAddr(0), sc.s.rtmpAddr(1)}}
	o.Attack = "never reading"
	stalled := sc.assault(t, o)
	o.Attack = "reading slowly"
	slow := sc.assault(t, o)
	stalled.awaitReady(t)
	slow.awaitReady(t)

	sc.counted(t, before, o.Count, closedTotal, "reason", "stalled")
	sc.countedSome(t, before, messagesPerSecond, droppedTotal, "reason", "lag")
	stalled.release(t)
	r := stalled.wait(t)
	for _, f := range r.Fates {
		if !f.Closed {
			t.Errorf("a player that never reads is not closed: %+v", f)
		}
	}
	sc.quiet(t, &r)
	slow.release(t)
	r = slow.wait(t)
	sc.counted(t, before, o.Count, closedTotal, "reason", "gone")
	sc.quiet(t, &r)
	if len(r.Seen) > 0 {
		t.Errorf("players that read slowly met %v", r.Seen)
	}
	for worker := range observed {
		t.Run(fmt.Sprintf("worker %d", worker), func(t *testing.T) { observed[worker].within(t, bound{memory: 2 * logBytes, cpu: 5 * cpuSlack}) })
	}
}

// neverAcknowledging plays and publishes more than any window, without an acknowledgement.
func neverAcknowledging(a *attacker) error {
	a.Count = 1
	return each(func(w *wire) error {
		if err := w.publishing(); err != nil {
			return err
		}
		w.setChunkSize(64 << 10)
		viewer, err := a.dial(0, 0)
		if err != nil {
			return err
		}
		defer viewer.conclude()
		go viewer.read()
		if err := viewer.connected(); err != nil {
			return err
		}
		viewer.play(w.stream())
		for i := range uint32(400) {
			w.message(6, typeVideo, 1, i, video(i%20 == 0, 20<<10)) // 8 MB: three windows of 2.5 MB
		}
		missing := waitUntil(soon, func() string {
			viewer.mu.Lock()
			defer viewer.mu.Unlock()
			return map[bool]string{false: "too few bytes"}[viewer.received > 3<<20]
		})
		if missing != "" {
			return fmt.Errorf("the player: %s", missing)
		}
		if viewer.leave(); viewer.closed {
			return errors.New("the player was closed")
		}
		return w.alive()
	})(a)
}

// Row 13: who never acknowledges is not ended for it.
func TestAttackNoAcknowledgements(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before := sc.metrics(t)
	r := sc.assault(t, order{Attack: "never acknowledging", App: attackApp, Name: "unacknowledged"}).wait(t)
	sc.counted(t, before, len(r.Fates), closedTotal, "reason", "gone")
	sc.quiet(t, &r)
}
