package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

const (
	reloadSecret = "a-secret-of-this-test-long-enough"
	debugLog     = "log: {level: debug}"
)

// reloadPieces are what a test changes besides the addresses.
var reloadPieces = []string{
	debugLog, `log: {level: info}
live: {gop_cache: false, stall_timeout: 9s}
apps: [{name: closed, publish_secret: ` + reloadSecret + `}]
stream_zone: {buckets: 101, streams: 100}
metrics: {streams: 7}`,
	"shutdown_timeout: 5s", "shutdown_timeout: 4s",
}

// All that a running server takes changes at once, on all workers: no session ends, no player misses a message. What is wrong changes nothing.
// A worker that comes up later has it all.
func TestReload(t *testing.T) {
	t.Parallel()
	c := startChanging(t)
	scene := c.steady(t, 0, 1, 2)
	pids := c.pids(t)
	var viewers []*player
	for worker := range c.opt.workers {
		viewers = append(viewers, playFLV(t, c.flvURL(worker, "live/steady1")))
	}
	check := func() {
		t.Helper()
		scene.check()
		for _, p := range viewers {
			p.awaitMore(soon, 20)
			p.check()
		}
	}
	check()
	before := c.outcomes(1, 0)
	c.checkRefused("closed/x", false, 0, 1, 2)

	c.change(append(c.opened(), reloadPieces...)...)
	c.reloadBySignal("shutdown_timeout, stream_zone.buckets, stream_zone.streams, rtmp.listen, apps[0], http.listen, ")
	now := c.outcomes(1, before.at)
	c.checkSizes(t, sizes{101, 100})
	c.checkRefused("closed/x", true, 0, 1, 2)
	c.checkAdded("added")
	c.checkNoCache(viewers[0])
	for worker := range c.opt.workers {
		stream := fmt.Sprintf("closed/signed%d", worker)
		signed := sign.Query(reloadSecret, sign.Publish, "closed", fmt.Sprintf("signed%d", worker), time.Now().Add(time.Hour))
		publish(t, c.rtmpURL(worker, stream)+"?"+signed).end()
	}
	check()

	t.Log("a file that is wrong")
	c.change(debugLog, "log: {level: debug}\nlive: {gop_cahce: true}\nstream_zone: {streams: -1}")
	refused := c.askReload(t, 2, http.StatusUnprocessableEntity)
	if len(refused.Problems) != 2 || !strings.Contains(strings.Join(refused.Problems, " "), "rtmp-edge.yml:") || !strings.Contains(refused.Detail, "nothing has changed") {
		t.Errorf("refused with %+v", refused)
	}
	if same := c.outcomes(0, 0); same.at != now.at {
		t.Errorf("the last success was at %v, not at %v", same.at, now.at)
	}
	c.checkSizes(t, sizes{101, 100})
	c.checkRefused("closed/x", true, 0, 1, 2)

	t.Log("by a call; what is removed, and what only a restart changes")
	c.change(append([]string{
		debugLog, "log: {level: warn, format: json}\nrelay: {linger: 1s}\n" + strings.Join(strings.Split(reloadPieces[1], "\n")[1:], "\n"),
		"workers: 3", "workers: 2", "shutdown_timeout: 5s", "shutdown_timeout: 4s",
	}, c.opened()[2:]...)...)
	for i := range 2 {
		told := c.askReload(t, i, http.StatusOK)
		applied := []string{"relay.linger", "log.level"}
		if i > 0 {
			applied = []string{}
		}
		want(t, "applied", applied, told.Applied)
		want(t, "for a restart", []string{"workers", "rtmp.listen", "log.format"}, told.Restart)
		want(t, "kept", []string{fmt.Sprintf("127.0.0.1:%d", c.ports+addedRTMP)}, told.Kept)
	}
	c.outcomes(1, now.at)
	c.checkAdded("kept")
	check()
	c.samePIDs(pids)

	t.Log("a worker that comes up later")
	for _, p := range viewers {
		p.close()
	}
	killWorker(t, pids[1])
	waitFor(t, soon, "a new worker", func() string {
		if now := c.pids(t); now[1] == pids[1] {
			return "still the old one"
		}
		return ""
	})
	c.checkSizes(t, sizes{101, 100})
	c.checkRefused("closed/x", true, 1)
	c.checkAdded("later")
}

// checkNoCache says that who comes starts at a keyframe that is yet to come.
func (c *changing) checkNoCache(there *player) {
	c.t.Helper()
	p := playFLV(c.t, c.flvURL(0, "live/steady1")) // relayed since a while
	p.awaitMessages(soon, 1)
	first, _ := p.seen()
	p.close()
	c.t.Logf("a player that came started at number %d", first.first.number)
	for range 5 {
		was, _ := there.seen()
		late := playFLV(c.t, c.flvURL(0, "live/steady1"))
		late.awaitMessages(soon, 1)
		if got, _ := late.seen(); got.first.number <= was.last.number {
			c.t.Errorf("a player that came after number %d started at %d", was.last.number, got.first.number)
		}
		late.close()
	}
}

// While one worker hangs nothing changes, on no worker; and nobody waits for it for long, however often it is asked. When it goes on, all have it.
func TestReloadWithStoppedWorker(t *testing.T) {
	t.Parallel()
	c := startChanging(t)
	pids := c.pids(t)
	scene := c.steady(t, 0, 2)
	stopWorker(t, pids[1])
	c.change(append(c.opened(), reloadPieces...)...)
	for i := range scaled(4, 2) {
		begun := time.Now()
		refused := c.askReload(t, 2*(i%2), http.StatusServiceUnavailable)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %v to refuse", took)
		}
		if !containsAll(refused.Detail, "nothing has changed", "worker 1", "see why the worker hangs") {
			t.Errorf("refused with %+v", refused)
		}
		c.checkClosed()
		c.checkPublishes("closed/x", 0, 2)
		if lines := c.log.find(resized); len(lines) > 0 {
			t.Errorf("it says %q", lines)
		}
		scene.check()
	}
	c.continueWorker(pids[1])
	told := c.askReload(t, 1, http.StatusOK)
	if len(told.Applied) < 8 || len(told.Restart) > 0 {
		t.Errorf("%+v", told)
	}
	c.checkSizes(t, sizes{101, 100})
	c.checkRefused("closed/x", true, 0, 1, 2)
	c.checkAdded("added")
	scene.check()
	c.samePIDs(pids)
}

// checkPublishes publishes on some workers what nobody needs a signature for, while another one does not answer.
func (c *changing) checkPublishes(stream string, workers ...int) {
	c.t.Helper()
	for _, worker := range workers {
		waitFor(c.t, soon, "publish "+stream, func() string {
			p, err := dialPublish(c.t, c.rtmpURL(worker, stream))
			if err != nil {
				return err.Error()
			}
			p.end()
			return ""
		})
	}
}

// One reload after the other, while streams play across workers and publishers come and go: no player misses a message, nobody is refused.
func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	c := startChanging(t)
	scene := c.steady(t, 0, 1, 2)
	pids := c.pids(t)
	viewer := playFLV(t, c.flvURL(0, "live/steady2"))
	viewer.awaitMessages(soon, 1)
	passing := c.churn(t, 0, 1, 2)
	const times = 20
	for i := range times {
		more := fmt.Sprintf(`
live: {gop_cache: %v, play_wait: %ds, log_bytes: %dMiB, flush: {max: %dms}}
apps: [{name: "app%d", publish_secret: %s}]
stream_zone: {buckets: %d, streams: %d}
metrics: {streams: %d}
`, i%2 == 0, 10+i, 32+i, 20+10*(i%5), i, reloadSecret, 100+i, 200-i, i%3)
		levels := []string{"debug", "info"}
		pieces := []string{
			debugLog, "log: {level: " + levels[i%2] + "}" + more, fmt.Sprintf(`["127.0.0.1:%d"]}`, c.base),
			fmt.Sprintf(`["127.0.0.1:%d"], limits: {connections: %d, accept_rate: %d, media_size: %dMiB}}`, c.base, 1000+i, 5000+i, 8+i%3),
		}
		c.change(pieces...)
		if i%2 == 0 {
			c.reloadBySignal(fmt.Sprintf("apps[0]%s", map[bool]string{true: "", false: ".name"}[i == 0]))
		} else {
			c.askReload(t, i%3, http.StatusOK)
		}
	}
	c.checkSizes(t, sizes{100 + times - 1, 200 - times + 1})
	done, _, problem := passing.end()
	if problem != nil || done < times {
		t.Errorf("%d publishes: %v", done, problem)
	}
	scene.findable()
	scene.check()
	viewer.awaitMore(soon, 20)
	viewer.check()
	c.samePIDs(pids)
	c.log.wait(t, soon, reloaded, times)
}

// Many signals and calls at once are few reloads, and everybody who asked is answered.
func TestReloadsAtOnce(t *testing.T) {
	t.Parallel()
	c := startChanging(t)
	scene := c.steady(t, 0, 1, 2)
	c.change(append(c.opened(), reloadPieces...)...)
	answers := make(chan string)
	const each = 10
	for i := range 3 * each {
		go func() {
			status, body, err := c.call(i%3, http.MethodPost, "/api/v1/reload")
			answers <- fmt.Sprintf("%d %v %s", status, err, body)
		}()
		c.signal(syscall.SIGHUP)
	}
	applied := 0
	for range 3 * each {
		answer := <-answers // the call has a timeout
		if !strings.HasPrefix(answer, "200 <nil>") {
			t.Errorf("answered %s", answer)
		}
		if !strings.Contains(answer, `"applied":[]`) {
			applied++
		}
	}
	if applied == 0 && len(c.log.find(reloaded)) == 0 {
		t.Error("nobody was told of what is applied")
	}
	if n := len(c.log.find(reloaded)); n != 1 {
		t.Errorf("it was applied %d times", n)
	}
	c.checkAdded("added")
	scene.check()
}
