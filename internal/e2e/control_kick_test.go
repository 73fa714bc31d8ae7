package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outcomes is what became of a call on each worker.
type outcomes struct {
	coverage
	Workers []struct {
		Worker  int
		Outcome string
		Kicked  any
		Level   string
	}
}

// words is "outcome:kicked" for each worker.
func (o *outcomes) words() string {
	var words []string
	for i, w := range o.Workers {
		if i != w.Worker && len(o.Workers) == workers {
			return fmt.Sprintf("not in order: %+v", o)
		}
		words = append(words, fmt.Sprint(w.Outcome, ":", w.Kicked))
	}
	return strings.Join(words, " ")
}

// One session, all players, the publisher: each kick ends just those, and says what it did on each worker.
func TestControlKicks(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	stays := func(players ...*player) {
		t.Helper()
		for _, p := range players {
			p.awaitMore(soon, messagesPerSecond/2)
		}
	}
	ends := func(players ...*player) {
		t.Helper()
		for _, p := range players {
			p.awaitEnd(soon)
		}
	}
	expect := func(method, path string, status int, want string) {
		t.Helper()
		var got outcomes
		if g.call(shared, method, path, status, &got); got.words() != want {
			t.Errorf("%s %s: %s, want %s", method, path, got.words(), want)
		}
	}
	flv := g.sessions(0, "worker=3&protocol=http_flv")[0]
	expect(http.MethodDelete, "/api/v1/sessions/"+flv.ID, http.StatusOK, "done:true")
	ends(g.flv[3])
	rtmp := g.sessions(0, "worker=2&protocol=rtmp")[0]
	expect(http.MethodDelete, "/api/v1/sessions/"+rtmp.ID, http.StatusOK, "done:true")
	ends(g.rtmp[2])
	waitFor(t, soon, "the end of the session", func() string {
		if left := g.sessions(0, "worker=2&protocol=rtmp"); len(left) > 0 {
			return fmt.Sprintf("%+v", left)
		}
		return ""
	})
	expect(http.MethodDelete, "/api/v1/sessions/"+rtmp.ID, http.StatusNotFound, "")
	stays(slices.Concat(g.rtmp[:2], g.rtmp[3:], g.flv[:3])...)

	waits := play(t, g.s.rtmpURL(0, "live/con/nobody"))
	g.s.awaitPlayers(t, "live/con/nobody", 1)
	expect(http.MethodDelete, controlledPath+"/players", http.StatusOK, "done:2 done:2 done:1 done:1")
	ends(slices.Concat(g.rtmp, g.flv)...)
	waitFor(t, soon, "no players", func() string {
		if left := g.sessions(shared, "role=player&name=trolled"); len(left) > 0 {
			return fmt.Sprintf("%+v", left)
		}
		return ""
	})
	expect(http.MethodDelete, controlledPath+"/players", http.StatusNotFound, "")
	expect(http.MethodDelete, "/api/v1/streams/live%2Fcon/nobody/players", http.StatusOK, "done:1 nothing:0 nothing:0 nothing:0")
	ends(waits)

	again := play(t, g.s.rtmpURL(2, controlled))
	stays(again)
	expect(http.MethodDelete, controlledPath, http.StatusOK, "nothing:false done:true nothing:false nothing:false")
	if codes := g.publisher.told(soon); len(codes) == 0 {
		t.Error("the publisher was not told")
	}
	expect(http.MethodDelete, controlledPath, http.StatusNotFound, "")
	again.check()
}

// A worker that is stopped is named, and holds nothing up. What it was told meanwhile, it does not do when it goes on.
func TestControlOfAStoppedWorker(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	pids := g.s.pids(t)
	stopWorker(t, pids[1])
	var slowest time.Duration
	quick := func(method, path, content string, status int, into any) {
		t.Helper()
		began := time.Now()
		g.send(0, method, path, content, status, into)
		took := time.Since(began)
		slowest = max(slowest, took)
		if took > 4*time.Second { // one, as documented, and what a loaded machine may add
			t.Errorf("%s %s took %v", method, path, took)
		}
	}
	for _, path := range []string{"/api/v1/workers", "/api/v1/streams", controlledPath, "/api/v1/sessions", "/api/v1/zone", "/api/v1/log"} {
		var got coverage
		quick(http.MethodGet, path, "", http.StatusOK, &got)
		if got.Answered != workers-1 || len(got.Errors) != 1 || got.Errors[0].Worker != 1 || got.Errors[0].Reason != "timeout" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	var answer struct {
		Stream struct {
			OwnerWorker *int `json:"owner_worker"`
			Media       struct {
				Role  string
				Video struct{ Width int }
			}
		}
	}
	g.call(0, http.MethodGet, controlledPath, http.StatusOK, &answer)
	if got := answer.Stream; got.OwnerWorker != nil || got.Media.Role != "relay" {
		t.Errorf("it is not said that a relay tells of the stream: %+v", got)
	}
	var got outcomes
	quick(http.MethodPut, "/api/v1/log", `{"level":"info"}`, http.StatusOK, &got)
	if got.words() != "done:<nil> unknown:<nil> done:<nil> done:<nil>" {
		t.Error(got.words())
	}
	quick(http.MethodDelete, controlledPath, "", http.StatusServiceUnavailable, &got)
	quick(http.MethodPut, "/api/v1/workers/1/drain", "", http.StatusServiceUnavailable, &got)
	quick(http.MethodGet, "/api/v1/workers/1", "", http.StatusServiceUnavailable, &got)
	quick(http.MethodGet, "/api/v1/workers/2", "", http.StatusOK, &got)
	t.Logf("the slowest answer took %v", slowest)

	if err := syscall.Kill(pids[1], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	g.s.pids(t) // all answer again
	for _, p := range g.rtmp {
		p.awaitMore(soon, messagesPerSecond)
	}
	var log outcomes
	g.call(0, http.MethodGet, "/api/v1/log", http.StatusOK, &log)
	if log.Workers[1].Level != "debug" || log.Workers[2].Level != "info" {
		t.Errorf("%+v", log)
	}
	var worker struct{ Worker struct{ State string } }
	g.call(0, http.MethodGet, "/api/v1/workers/1", http.StatusOK, &worker)
	if worker.Worker.State != "ready" {
		t.Errorf("worker 1 is %s", worker.Worker.State)
	}
	g.publisher.check()
}
