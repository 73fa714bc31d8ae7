package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Two publishers want one name at the same moment, on different workers: one of them gets it, the other is told that it is taken.
func TestTwoPublishersRaceForOneName(t *testing.T) {
	t.Parallel()
	rounds := scaled(300, 100)
	s := start(t, options{})
	wins := map[int]int{}
	for round := range rounds {
		a := round % workers
		b := (a + 1 + round/workers%(workers-1)) % workers
		winner := s.duel(t, fmt.Sprintf("live/duel%d", round), a, b)
		wins[winner]++
	}
	t.Logf("%d rounds, won by worker: %v", rounds, wins)
	if len(wins) < 2 {
		t.Errorf("the same worker won every round: nobody raced")
	}
}

// duel lets two connected clients publish the same name, and returns the worker of the one that may.
func (s *server) duel(t *testing.T, stream string, a, b int) (winner int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	rivals := [2]int{a, b}
	var conns [2]*rtmp.ClientConn
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	var name string
	for i, worker := range rivals {
		var err error
		if conns[i], name, err = rtmp.Dial(ctx, s.rtmpURL(worker, stream), nil); err != nil {
			t.Fatalf("%s: worker %d: %v", stream, worker, err)
		}
	}
	var errs [2]error
	start := make(chan struct{})
	var publishing sync.WaitGroup
	for i := range conns {
		publishing.Go(func() {
			<-start
			_, errs[i] = conns[i].Publish(ctx, name)
		})
	}
	close(start)
	publishing.Wait()

	winners := 0
	for i, err := range errs {
		switch {
		case err == nil:
			winners++
			winner = rivals[i]
		case statusCode(err) != rtmp.CodePublishBadName:
			t.Errorf("%s: worker %d refuses with %v, not with %s", stream, rivals[i], err, rtmp.CodePublishBadName)
		}
	}
	if winners != 1 {
		t.Fatalf("%s: %d publishers of %v were accepted: %v", stream, winners, rivals, errs)
	}
	return winner
}

// A name is refused as long as its publisher is there, on every worker, and free once it has gone.
func TestNameIsTakenAndFreed(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	first, sending := s.goLive(t, 0, "live/name")
	for _, place := range everywhere(s) {
		if p, err := dialPublish(t, s.rtmpURL(place, "live/name")); statusCode(err) != rtmp.CodePublishBadName {
			t.Errorf("%s: a second publisher: %v, %v instead of %s", placeName(place), p, err, rtmp.CodePublishBadName)
		}
	}
	viewer := play(t, s.rtmpURL(2, "live/name"))
	viewer.awaitRun(soon, first.source.run)
	if err := sending.stop(); err != nil {
		t.Errorf("the first publisher was disturbed: %v", err)
	}
	first.end()

	began := time.Now()
	second, _ := s.goLiveAgain(t, 3, "live/name")
	viewer.awaitRun(soon, second.source.run)
	t.Logf("free and seen again within %v", time.Since(began))
}
