package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// The zone gets other sizes while streams are watched across workers and publishers come and go: no stream is lost or changed, no player misses
// a message, no publisher is refused.
func TestResizeLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	c := s.steady(t, 0, 1, 2, 3)
	passing := s.churn(t, 0, 1, 2, 3)
	for _, z := range []sizes{{40009, 20000}, {7, 60}, {1, 20}, {97, 20}, {1009, 20}, {20011, 10000}} {
		s.resize(t, z)
		c.findable()
		c.check()
	}
	// Without a pause: each of several finds the streams where the last one left them.
	before := len(s.log.find(resized))
	for i := range 10 {
		s.configureZone(t, sizes{11 + i%2, 30 + i})
		s.signal(syscall.SIGHUP)
	}
	s.log.wait(t, soon, resized+" buckets=12 streams=39", 1)
	t.Logf("%d resizes of 10 signals", len(s.log.find(resized))-before)
	s.checkSizes(t, sizes{12, 39})
	c.findable()
	c.check()

	done, took, problem := passing.end()
	if problem != nil || done < 100 {
		t.Errorf("%d publishes: %v", done, problem)
	}
	t.Logf("%d publishes came and went; the longest took, by worker: %v; of that they waited for the zone %v at most", done, took, slices.Max(s.freezes(t)))
	if lines := s.log.find(notResized); len(lines) > 0 {
		t.Errorf("refused: %q", lines)
	}
	s.awaitNothingPassing(t)
}

// awaitNothingPassing waits until what a churn published is gone.
func (s *server) awaitNothingPassing(t *testing.T) {
	t.Helper()
	waitFor(t, soon, "the end of what came and went", func() string {
		for stream := range s.zone(t) {
			if strings.HasPrefix(stream, "live/passing") {
				return stream
			}
		}
		return ""
	})
}

// Who holds a claim from before can still give it up, and take it over: the stream's identity is the same.
func TestResizeKeepsPublications(t *testing.T) {
	t.Parallel()
	s := start(t, options{apps: "{name: live, on_conflict: takeover}"})
	first, _ := s.goLive(t, 0, "live/x")
	viewer := play(t, s.rtmpURL(2, "live/x"))
	viewer.awaitRun(soon, first.source.run)
	s.resize(t, sizes{5, 3})
	second, live := s.goLive(t, 1, "live/x")
	first.told(soon)
	viewer.awaitRun(soon, second.source.run)
	s.resize(t, sizes{50, 30})
	if err := live.stop(); err != nil {
		t.Error(err)
	}
	second.end()
	waitFor(t, soon, "an empty zone", func() string {
		if entries := s.zone(t); len(entries) > 0 {
			return "there is still a stream"
		}
		return ""
	})
	viewer.check()
	third, _ := s.goLive(t, 3, "live/x")
	viewer.awaitRun(soon, third.source.run)
}

// A full zone takes more when it is enlarged, and can't become smaller than what it holds.
func TestResizeAFullZone(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.resize(t, sizes{3, 2})
	publishers := map[string]*publisher{}
	players := map[string]*player{}
	add := func(worker int, stream string) {
		t.Helper()
		publishers[stream], _ = s.goLive(t, worker, stream)
		players[stream] = play(t, s.rtmpURL((worker+1)%workers, stream))
		players[stream].awaitRun(soon, publishers[stream].source.run)
	}
	full := func(worker int, stream string) {
		t.Helper()
		if _, err := dialPublish(t, s.rtmpURL(worker, stream)); statusCode(err) != rtmp.CodePublishFailed {
			t.Errorf("publish %s to a full zone: %v", stream, err)
		}
	}
	add(0, "live/a")
	add(1, "live/b")
	full(2, "live/c")
	waiting := play(t, s.rtmpURL(3, "live/c"))
	s.awaitPlayers(t, "live/c", 1)

	s.resize(t, sizes{3, 4})
	add(2, "live/c")
	waiting.awaitRun(soon, publishers["live/c"].source.run)
	add(3, "live/d")
	full(0, "live/e")

	s.configureZone(t, sizes{3, 3})
	line := s.reload(t, notResized)
	if !containsAll(line, "nothing is applied", "too small", "4 live", "3 buckets for 3 streams", "ask for more room") {
		t.Errorf("it says %q", line)
	}
	s.checkSizes(t, sizes{3, 4})
	full(1, "live/e")
	for _, p := range players {
		p.awaitMore(soon, 20)
		p.check()
	}
	publishers["live/b"].end()
	s.awaitStream(t, "live/b", func(info streamInfo, found bool) string {
		if found && info.State == "live" {
			return "still live"
		}
		return ""
	})
	s.reload(t, resized)
	s.checkSizes(t, sizes{3, 3})
	full(1, "live/e")
}

// What is wrong, or not applied, is said. Nothing else changes.
func TestReloadSays(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	c := s.steady(t, 0, 1, 2, 3)
	var answer zoneAnswer
	if err := s.get(shared, "/api/v1/zone", &answer); err != nil {
		t.Fatal(err)
	}
	usual := sizes{answer.Zone.Buckets, answer.Zone.Capacity}

	s.reload(t, `msg="reload: nothing changed"`)
	s.configure(t, "stream_zone: {streams: many}", "live_: {}")
	s.signal(syscall.SIGHUP)
	s.log.wait(t, soon, `msg="reload refused, nothing changes" error="\S+/rtmp-edge.yml:\d+: (stream_zone.streams|live_): `, 2)
	s.checkSizes(t, usual)
	s.configure(t, "live: {play_wait: 1s}", "apps: [{name: live, publish_secret: confidential-of-16-bytes}]")
	s.reload(t, `msg="reload: applied" keys="apps\[0\], live.play_wait"`)
	s.checkSizes(t, usual)
	s.configure(t, "live: {play_wait: 1s}", "stream_zone: {buckets: 17, streams: 18, name_max: 99}")
	s.reload(t, `msg="reload: not applied until a restart" keys=stream_zone.name_max`)
	s.checkSizes(t, sizes{17, 18})
	if lines := s.log.find("confidential"); len(lines) > 0 {
		t.Errorf("a secret is in the log: %q", lines)
	}
	c.findable()
	c.check()
	for worker, pid := range s.pids(t) {
		if pid != pids[worker] {
			t.Errorf("worker %d was replaced", worker)
		}
	}
}

// A worker that is stopped can't follow: the zone stays as it is, and nobody waits for that worker longer than a while. When it goes on, it follows.
func TestResizeWithStoppedWorker(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	c := s.steady(t, 0, 1, 3)
	passing := s.churn(t, 0, 1, 3)
	stopWorker(t, pids[2])
	s.configureZone(t, sizes{101, 100})
	begun := time.Now()
	line := s.reload(t, notResized)
	if took := time.Since(begun); took > 5*time.Second || !containsAll(line, "worker 2", "does not answer", "see why the worker hangs") || strings.Contains(line, "worker 0") {
		t.Errorf("after %v it says %q", took, line)
	}
	c.check()
	if err := syscall.Kill(pids[2], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.reload(t, resized)
	s.checkSizes(t, sizes{101, 100})
	c.findable()
	c.check()
	done, took, problem := passing.end()
	if problem != nil {
		t.Error(problem)
	}
	t.Logf("%d publishes came and went; the longest took, by worker: %v", done, took)
	if now := s.pids(t); now[2] != pids[2] {
		t.Error("the stopped worker was replaced")
	}
}

// Workers are killed just before a reload, and in the middle of it. What the others have stays, what the killed ones had is free again.
func TestResizeWhileWorkersDie(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	c := s.steady(t, 0, 1)
	for i := range scaled(12, 6) {
		victim := 2 + i/2%2
		lost, _ := s.goLiveAgain(t, victim, "live/lost")
		z := sizes{100 + i, 200 + i}
		s.configureZone(t, z)
		pid := s.pids(t)[victim]
		if i%2 == 0 {
			killWorker(t, pid)
			s.signal(syscall.SIGHUP)
		} else {
			s.signal(syscall.SIGHUP)
			time.Sleep(time.Duration(i) * 300 * time.Microsecond) // into the reload, which takes a few milliseconds
			killWorker(t, pid)
		}
		s.log.wait(t, soon, resized+" "+z.String(), 1)
		waitClosed(t, soon, "the end of the killed worker's publisher", lost.ended)
		waitFor(t, soon, "a new worker", func() string {
			if now := s.pids(t); now[victim] == pid {
				return "still the old one"
			}
			return ""
		})
		c.check()
	}
	s.resize(t, sizes{11, 13})
	c.findable()
	c.check()
	if lines := s.log.find(notResized); len(lines) > 0 {
		t.Errorf("refused: %q", lines)
	}
	s.signal(syscall.SIGHUP)
	s.stop() // at once
}
