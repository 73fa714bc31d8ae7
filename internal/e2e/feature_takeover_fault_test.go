package e2e

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// takeoverTime is how long a publisher waits for the one before it to give way.
const takeoverTime = 5 * time.Second

// The owner's worker is stopped and does not answer: the new publisher is refused in time. When the worker goes on, what it was asked meanwhile counts
// no more: the old publisher keeps the stream, until it is asked again.
func TestTakeoverFromStoppedWorker(t *testing.T) {
	t.Parallel()
	const stream = "live/stopped"
	s := start(t, options{apps: takeoverApps})
	pid := s.pids(t)[0]
	old, sending := s.goLive(t, 0, stream)
	viewer := play(t, s.rtmpURL(2, stream))
	viewer.awaitRun(soon, old.source.run)
	stopWorker(t, pid)
	began := time.Now()
	_, err := dialPublish(t, s.rtmpURL(1, stream))
	took := time.Since(began)
	if statusCode(err) != rtmp.CodePublishBadName {
		t.Errorf("the new publisher got %v, not %s", err, rtmp.CodePublishBadName)
	}
	if took < takeoverTime/2 || took > takeoverTime+2*time.Second {
		t.Errorf("it was refused after %v, not after about %v", took, takeoverTime)
	}
	samples, err := s.metrics(1)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := sum(samples, "rtmpedge_takeovers_total", labelSet([]string{"result", "timeout"})); got != 1 {
		t.Errorf("%v takeovers that timed out are counted", got)
	}

	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	viewer.awaitMore(soon, 50)
	stays(t, 2*time.Second, "the old publisher after its worker went on", func() string {
		select {
		case <-sending.done:
			return fmt.Sprintf("ended: %v, told %v", sending.err, old.told(soon))
		default:
			return ""
		}
	})
	viewer.awaitMore(soon, 50)
	if got, _ := viewer.seen(); got.last.run != old.source.run {
		t.Errorf("the player sees run %d, not %d", got.last.run, old.source.run)
	}
	again, _ := s.goLive(t, 1, stream)
	old.mustBeTakenOver(s)
	viewer.awaitRun(soon, again.source.run)
}

// The owner's worker is killed while it is asked to give way: the new publisher has the stream.
func TestTakeoverFromKilledWorker(t *testing.T) {
	t.Parallel()
	t.Run("that did not answer", func(t *testing.T) {
		t.Parallel()
		const stream = "live/stuck"
		s := start(t, options{apps: takeoverApps})
		pid := s.pids(t)[0]
		old, _ := s.goLive(t, 0, stream)
		viewer := play(t, s.rtmpURL(2, stream))
		viewer.awaitRun(soon, old.source.run)
		stopWorker(t, pid)
		next := s.publishSoon(t, 1, stream)
		stays(t, time.Second, "the new publisher of a stream whose owner does not answer", func() string {
			select {
			case <-next.done:
				return fmt.Sprintf("had its answer: %v", next.err)
			default:
				return ""
			}
		})
		killWorker(t, pid)
		viewer.awaitRun(soon, next.mustBeAccepted().source.run)
	})
	t.Run("at any moment", func(t *testing.T) {
		t.Parallel()
		const stream = "live/moving"
		s := start(t, options{apps: takeoverApps})
		old, _ := s.goLive(t, 0, stream)
		viewers := []*player{play(t, s.rtmpURL(2, stream)), play(t, s.rtmpURL(3, stream))}
		for _, v := range viewers {
			v.awaitRun(soon, old.source.run)
		}
		for round := range 6 { // between workers 0 and 1
			owner, pids := round%2, s.pids(t)
			next := s.publishSoon(t, 1-owner, stream)
			if round > 1 { // in the first two, about when it connects
				waitClosed(t, soon, "the connect of the new publisher", next.connected)
			}
			killWorker(t, pids[owner])
			run := next.mustBeAccepted().source.run
			for _, v := range viewers {
				v.awaitRun(soon, run)
			}
		}
	})
}

// An attempt is a publish that is not decided yet.
type attempt struct {
	t         *testing.T
	connected chan struct{}
	done      chan struct{}
	publisher *publisher
	err       error
	took      time.Duration
}

// publishSoon starts to publish on a worker.
func (s *server) publishSoon(t *testing.T, worker int, stream string) *attempt {
	t.Helper()
	a := &attempt{t: t, connected: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	go func() {
		defer close(a.done)
		conn, name, err := over(s.rtmpAddr(worker)).connect(ctx, stream)
		close(a.connected)
		if err != nil {
			a.err = err
			return
		}
		a.publisher = &publisher{t: t, conn: conn, source: newSource(runs.Add(1)), ended: make(chan struct{})}
		began := time.Now()
		a.publisher.stream, a.err = conn.Publish(ctx, name)
		a.took = time.Since(began)
	}()
	t.Cleanup(func() {
		cancel()
		<-a.done
		if a.publisher != nil {
			a.publisher.conn.Close()
		}
	})
	return a
}

// mustBeAccepted waits for the publisher to have the stream, and lets it send.
func (a *attempt) mustBeAccepted() *publisher {
	a.t.Helper()
	waitClosed(a.t, soon, "the new publisher's answer", a.done)
	if a.err != nil {
		a.t.Fatalf("the new publisher was refused after %v: %v", a.took, a.err)
	}
	if a.took > takeoverTime {
		a.t.Errorf("it took %v", a.took)
	}
	go a.publisher.read()
	a.publisher.goLive()
	return a.publisher
}

// A connection that publishes a stream does not take it over from itself.
func TestTakeoverFromItself(t *testing.T) {
	t.Parallel()
	const stream = "live/twice"
	s := start(t, options{apps: takeoverApps, workers: 2})
	p, sending := s.goLive(t, 0, stream)
	for again := range 3 {
		command := append(amfString("publish"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 5) // transaction 0, null
		command = append(append(command, amfString("twice")...), amfString("live")...)
		// On a message stream of its own, which need not be created.
		if err := p.conn.WriteMessage(&rtmp.Message{Type: rtmp.TypeCommand, StreamID: p.stream + 1, Payload: command}); err != nil {
			t.Fatal(err)
		}
		waitFor(t, soon, "the answer to another publish", func() string {
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.statuses) == again {
				return "none"
			}
			if last := p.statuses[len(p.statuses)-1]; last.Code != rtmp.CodePublishBadName {
				t.Fatalf("the same stream once more: %+v instead of %s", last, rtmp.CodePublishBadName)
			}
			return ""
		})
	}
	for worker := range s.opt.workers {
		viewer := play(t, s.rtmpURL(worker, stream))
		viewer.awaitRun(soon, p.source.run)
		viewer.awaitMore(soon, 50)
	}
	if err := sending.stop(); err != nil {
		t.Error(err)
	}
	if got := s.metric(t, "rtmpedge_takeovers_total"); got != 0 {
		t.Errorf("%v takeovers are counted", got)
	}
}

// Players stay for a new publisher that takes its time until the first frame, even where none may wait for one to come back.
func TestTakeoverSlowStart(t *testing.T) {
	t.Parallel()
	const stream = "live/slow"
	s := start(t, options{apps: takeoverApps, live: "republish_wait: 0s"})
	old, _ := s.goLive(t, 0, stream)
	viewers := []*player{play(t, s.rtmpURL(0, stream)), play(t, s.rtmpURL(1, stream)), play(t, s.rtmpURL(2, stream))}
	for _, v := range viewers {
		v.awaitRun(soon, old.source.run)
	}
	next := publish(t, s.rtmpURL(1, stream))
	old.mustBeTakenOver(s)
	stays(t, 1500*time.Millisecond, "players while the new publisher sends nothing", func() string {
		for _, v := range viewers {
			v.check()
		}
		return ""
	})
	next.goLive()
	for _, v := range viewers {
		v.awaitRun(soon, next.source.run)
		if got, _ := v.seen(); !slices.Equal(got.runs, []uint32{old.source.run, next.source.run}) {
			t.Errorf("%s saw %v", v.name, got.runs)
		}
	}
}
