package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A rival wants to publish what others publish.
type rival struct {
	*publisher
	name    string
	refused error
}

// race publishes at once when begin is closed, and then sends until it is taken over.
func (r *rival) race(ctx context.Context, begin <-chan struct{}, decided *sync.WaitGroup) {
	<-begin
	r.stream, r.refused = r.conn.Publish(ctx, r.name)
	if r.refused != nil {
		close(r.ended)
		decided.Done()
		return
	}
	go r.read()
	decided.Done()
	for _, m := range r.source.headers() {
		if r.write(m) != nil {
			return
		}
	}
	_ = r.pace(ctx) // its end is what the test waits for
}

// Many publishers take one name over at the same moment, on all workers. One has it in the end, the others were told or refused, and the players see
// the one that has it.
func TestTakeoverRace(t *testing.T) {
	t.Parallel()
	const (
		stream = "live/wanted"
		number = 20
	)
	s := start(t, options{apps: takeoverApps, rtmp: "limits: {publish_burst: 1000}"})
	first, _ := s.goLive(t, 0, stream)
	viewers := []*player{play(t, s.rtmpURL(1, stream)), play(t, s.rtmpURL(2, stream)), play(t, s.rtmpURL(3, stream))}
	for _, v := range viewers {
		v.awaitRun(soon, first.source.run)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	defer cancel()
	rivals := make([]*rival, number)
	for i := range rivals {
		conn, name, err := over(s.rtmpAddr(i%workers)).connect(ctx, stream)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		rivals[i] = &rival{name: name, publisher: &publisher{t: t, conn: conn, source: newSource(runs.Add(1)), ended: make(chan struct{})}}
	}
	begin := make(chan struct{})
	var racing, decided sync.WaitGroup
	decided.Add(number)
	for _, r := range rivals {
		racing.Go(func() { r.race(ctx, begin, &decided) })
	}
	t.Cleanup(racing.Wait)
	t.Cleanup(cancel)
	began := time.Now()
	close(begin)
	decided.Wait()
	t.Logf("all had their answer after %v", time.Since(began))

	survivor := lastOf(t, rivals)
	first.mustBeTakenOver(s)
	refused := 0
	for _, r := range rivals {
		switch {
		case r.refused == nil && r != survivor:
			r.mustBeTakenOver(s)
		case r.refused != nil && statusCode(r.refused) != rtmp.CodePublishBadName:
			t.Errorf("refused with %v, not with %s", r.refused, rtmp.CodePublishBadName)
		case r.refused != nil:
			refused++
		}
	}
	t.Logf("%d of %d were refused", refused, number)
	for _, v := range viewers {
		v.awaitRun(soon, survivor.source.run)
		v.awaitMore(soon, 50)
		if got, _ := v.seen(); got.last.run != survivor.source.run {
			t.Errorf("%s sees run %d, not that of the survivor, %d", v.name, got.last.run, survivor.source.run)
		}
	}
	if got, want := s.metric(t, "rtmpedge_connections_closed_total", "reason", "taken_over"), float64(number-refused); got != want {
		t.Errorf("%v connections are counted that were closed for another's sake, not %v", got, want)
	}
	// Who comes at the right moment finds the name free.
	if ok, accepted := s.metric(t, "rtmpedge_takeovers_total", "result", "ok"), float64(number-refused); ok < 1 || ok > accepted {
		t.Errorf("%v takeovers are counted as ok, and %v publishers were accepted", ok, accepted)
	}
	cancel()
}

// lastOf waits until just one of those that were accepted is left.
func lastOf(t *testing.T, rivals []*rival) (survivor *rival) {
	t.Helper()
	waitFor(t, soon, "one publisher", func() string {
		left := 0
		for _, r := range rivals {
			select {
			case <-r.ended:
			default:
				survivor, left = r, left+1
			}
		}
		if left == 0 {
			t.Fatal("no publisher is left")
		}
		if left > 1 {
			return fmt.Sprintf("%d of them", left)
		}
		return ""
	})
	return survivor
}
