package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One session is asked of its worker alone; kicking it says what became of it there.
func TestSession(t *testing.T) {
	c := newCluster(t, 3)
	c.withSessions(10)
	c.replace(0, stopped(t)) // none of its business
	want := aSession(2, 0, 3)
	var got SessionAnswer
	c.call(t, "GET", "/api/v1/sessions/2-0-3").into(t, 200, &got)
	if diff := cmp.Diff(SessionAnswer{Coverage{Expected: 1, Answered: 1}, want}, got); diff != "" {
		t.Error(diff)
	}
	var kicked KickSessionAnswer
	c.call(t, "DELETE", "/api/v1/sessions/2-0-3").into(t, 200, &kicked)
	if diff := cmp.Diff(KickSessionAnswer{
		Coverage: Coverage{Expected: 1, Answered: 1}, ID: "2-0-3", Kicked: true,
		Workers: []KickOutcome{{WorkerOutcome{2, OutcomeDone}, true}},
	}, kicked); diff != "" {
		t.Error(diff)
	}
	if n := len(c.locals[2].sessions); n != 9 || !strings.Contains(c.logs.String(), `msg="session kicked" session=2-0-3`) {
		t.Errorf("%d are left, log:\n%s", n, &c.logs)
	}
	for id, status := range map[string]int{
		"2-0-3": 404, "2-1-4": 404, "9-0-1": 404, "0-0-1": 503, "1-0-999999": 404,
		"x": 400, "2-0": 400, "2-0-3-4": 400, "2--3": 400, "02-0-3": 400, "+2-0-3": 400, "2-0-%203": 400, "-2-0-3": 400, "2-0-99999999999999999999": 400,
	} {
		for _, method := range []string{"GET", "DELETE"} {
			var p problemBody
			c.call(t, method, "/api/v1/sessions/"+id).into(t, status, &p)
			if covered := p.Expected == 1; covered != (status != 400 && id != "9-0-1") || (p.Answered == 1) != (covered && status == 404) {
				t.Errorf("%s %s: %+v", method, id, p)
			}
		}
	}
	if n := len(c.locals[1].sessions) + len(c.locals[2].sessions); n != 19 {
		t.Errorf("%d are left", n)
	}
}

// All players of a stream, on all workers, are kicked, and only those.
func TestKickPlayers(t *testing.T) {
	c := newCluster(t, 3)
	c.withSessions(10)
	c.locals[1].sessions = nil
	var got KickPlayersAnswer
	c.call(t, "DELETE", "/api/v1/streams/live/cam/players").into(t, 200, &got)
	want := KickPlayersAnswer{
		Coverage: Coverage{Expected: 3, Answered: 3}, App: "live", Name: "cam", Kicked: 14,
		Workers: []PlayersOutcome{{WorkerOutcome{0, OutcomeDone}, 7}, {WorkerOutcome{1, OutcomeNothing}, 0}, {WorkerOutcome{2, OutcomeDone}, 7}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	left := map[string]int{}
	for _, l := range c.locals {
		for _, s := range l.sessions {
			left[s.Role]++
		}
	}
	if diff := cmp.Diff(map[string]int{"none": 2, "relay": 2, "publisher": 2}, left); diff != "" {
		t.Error(diff)
	}
	var p problemBody
	c.call(t, "DELETE", "/api/v1/streams/live/cam/players").into(t, 404, &p)
	if p.summary() != "3/3" {
		t.Error(p.summary())
	}
	c.stops[0]()
	c.replace(1, stopped(t))
	p = problemBody{}
	c.call(t, "DELETE", "/api/v1/streams/live/cam/players").into(t, 503, &p)
	if p.summary() != "1/3 0:unreachable 1:timeout" {
		t.Error(p.summary())
	}
	c.locals[2].sessions = []Session{aSession(2, 0, 1)}
	got = KickPlayersAnswer{}
	c.call(t, "DELETE", "/api/v1/streams/live/cam/players").into(t, 200, &got)
	if diff := cmp.Diff([]PlayersOutcome{{WorkerOutcome{0, OutcomeFailed}, 0}, {WorkerOutcome{1, OutcomeUnknown}, 0}, {WorkerOutcome{2, OutcomeDone}, 1}}, got.Workers); diff != "" {
		t.Error(diff)
	}
}
