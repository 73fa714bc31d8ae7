package api

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One worker is asked alone: what the others do does not hold it up.
func TestWorker(t *testing.T) {
	c := newCluster(t, 3)
	c.replace(0, stopped(t))
	var got WorkerAnswer
	c.call(t, "GET", "/api/v1/workers/2").into(t, 200, &got)
	if diff := cmp.Diff(WorkerAnswer{Coverage{Expected: 1, Answered: 1}, c.locals[2].info}, got); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[string]string{
		"0": "503 0/1 0:timeout", "3": "404 0/0", "-1": "404 0/0", "x": "404 0/0", "01": "404 0/0", "1.0": "404 0/0", "99999999999999999999": "404 0/0",
	} {
		for _, call := range []string{"GET /api/v1/workers/%s", "PUT /api/v1/workers/%s/drain?force=true", "DELETE /api/v1/workers/%s/drain"} {
			method, path, _ := strings.Cut(fmt.Sprintf(call, id), " ")
			r := c.call(t, method, path)
			var p problemBody
			r.into(t, r.status, &p)
			if said := fmt.Sprint(r.status, " ", p.summary()); said != want {
				t.Errorf("%s %s: %s, want %s", method, path, said, want)
			}
		}
	}
	c.forget(1)
	var p problemBody
	c.call(t, "GET", "/api/v1/workers/1").into(t, 503, &p)
	if p.summary() != "0/1 1:missing" {
		t.Errorf("a worker that should run: %+v", p)
	}
}

func TestDrain(t *testing.T) {
	c := newCluster(t, 3)
	put := func(id int, query string) reply {
		t.Helper()
		return c.call(t, "PUT", fmt.Sprintf("/api/v1/workers/%d/drain%s", id, query))
	}
	is := func(id int, r reply, outcome Outcome, state WorkerState) {
		t.Helper()
		var got DrainAnswer
		r.into(t, 200, &got)
		want := DrainAnswer{Coverage{Expected: 1, Answered: 1}, id, state, []DrainOutcome{{WorkerOutcome{id, outcome}, state}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	is(1, put(1, ""), OutcomeDone, WorkerDraining)
	is(1, put(1, ""), OutcomeNothing, WorkerDraining)
	var all WorkersAnswer
	c.call(t, "GET", "/api/v1/workers").into(t, 200, &all)
	if all.Workers[0].State != WorkerReady || all.Workers[1].State != WorkerDraining {
		t.Errorf("%+v", all)
	}
	is(2, put(2, "?force=false"), OutcomeDone, WorkerDraining)

	// The last that is ready: not without force. Those that don't answer are not counted on.
	var p problemBody
	put(0, "").into(t, 409, &p)
	if p.summary() != "3/3" || !strings.Contains(p.Detail, "force=true") {
		t.Errorf("%+v", p)
	}
	is(2, c.call(t, "DELETE", "/api/v1/workers/2/drain"), OutcomeDone, WorkerReady)
	is(2, c.call(t, "DELETE", "/api/v1/workers/2/drain"), OutcomeNothing, WorkerReady)
	before := c.peers[2]
	c.replace(2, stopped(t))
	p = problemBody{}
	put(0, "").into(t, 409, &p)
	if p.summary() != "2/3 2:timeout" {
		t.Errorf("%+v", p)
	}
	if n := len(c.locals[0].drains); n != 0 {
		t.Errorf("worker 0 was told %d times", n)
	}
	is(0, put(0, "?force=true"), OutcomeDone, WorkerDraining)
	c.replace(2, before)

	// A worker whose sockets fail.
	c.locals[2].drainErr = errors.New("no such thing")
	p = problemBody{}
	put(2, "?force=true").into(t, 503, &p)
	if p.summary() != "0/1 2:status" || !strings.Contains(c.logs.String(), "no such thing") {
		t.Errorf("%+v", p)
	}
}

// When two are drained at the same time, each by somebody who saw the other ready, at least one is ready at the end.
func TestDrainAtTheSameTime(t *testing.T) {
	c := newCluster(t, 2)
	var both sync.WaitGroup
	both.Add(2)
	for _, l := range c.locals {
		l.onDrain = func() { both.Done(); both.Wait() }
	}
	var calls sync.WaitGroup
	statuses := make([]int, 2)
	for i := range 2 {
		calls.Go(func() { statuses[i] = c.call(t, "PUT", fmt.Sprintf("/api/v1/workers/%d/drain", i)).status })
	}
	calls.Wait()
	ready := 0
	for i, l := range c.locals {
		if !l.draining {
			ready++
		}
		if want := 409; !l.draining && statuses[i] != want || l.draining && statuses[i] != 200 {
			t.Errorf("worker %d: draining %v, status %d", i, l.draining, statuses[i])
		}
	}
	if ready == 0 {
		t.Error("nobody is ready")
	}
}

func TestReadyz(t *testing.T) {
	c := newCluster(t, 2)
	c.replace(1, stopped(t)) // it asks nobody
	is := func(status int, body string) {
		t.Helper()
		if r := c.call(t, "GET", "/readyz"); r.status != status || string(r.body) != body {
			t.Errorf("%d %q, want %d %q", r.status, r.body, status, body)
		}
		if r := c.call(t, "GET", "/healthz"); r.status != 200 {
			t.Errorf("healthz: %d", r.status)
		}
	}
	is(200, "ok\n")
	c.locals[0].draining = true
	is(503, "draining\n")
	c.locals[0].draining = false
	c.locals[0].info.State = WorkerEnding
	is(503, "ending\n")
}

func TestLogLevel(t *testing.T) {
	c := newCluster(t, 3)
	var got LogAnswer
	c.call(t, "GET", "/api/v1/log").into(t, 200, &got)
	if diff := cmp.Diff(LogAnswer{Coverage{Expected: 3, Answered: 3}, []LogLevel{{0, "info"}, {1, "info"}, {2, "info"}}}, got); diff != "" {
		t.Error(diff)
	}
	c.locals[0].SetLogLevel(logWords["debug"])
	c.replace(2, stopped(t))
	var set SetLogAnswer
	c.send(t, "PUT", "/api/v1/log", `{"level":"debug"}`, "Content-Type", "application/json").into(t, 200, &set)
	if set.summary() != "2/3 2:timeout" || set.Level != "debug" {
		t.Errorf("%+v", set)
	}
	want := []LogOutcome{{WorkerOutcome{0, OutcomeNothing}, "debug"}, {WorkerOutcome{1, OutcomeDone}, "debug"}, {WorkerOutcome{2, OutcomeUnknown}, ""}}
	if diff := cmp.Diff(want, set.Workers); diff != "" {
		t.Error(diff)
	}
	if log := c.logs.String(); strings.Count(log, "log level changed") != 1 || !strings.Contains(log, `msg="log level changed" from=info to=debug`) {
		t.Errorf("not told, or also where nothing changed:\n%s", log)
	}
	for word, level := range logWords {
		c.send(t, "PUT", "/api/v1/log", `{"level":"`+word+`"}`, "Content-Type", "application/json")
		if got := c.locals[1].LogLevel(); got != level || levelWord(got) != word {
			t.Errorf("%s: %v", word, got)
		}
	}
	c.replace(0, stopped(t))
	c.stops[1]()
	var p problemBody
	c.call(t, "GET", "/api/v1/log").into(t, 503, &p)
	c.send(t, "PUT", "/api/v1/log", `{"level":"debug"}`, "Content-Type", "application/json").into(t, 503, &p)
}
