package api

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Every worker that was asked has an outcome, in order, whoever of them answered.
func TestOutcomes(t *testing.T) {
	cov := &Coverage{Expected: 6, Answered: 2, Errors: []WorkerError{
		{Worker: 0, Reason: "timeout"}, {Worker: 2, Reason: "missing"}, {Worker: 3, Reason: "status"}, {Worker: 5, Reason: "unreachable"},
	}}
	all := []said[int]{{worker: 1, data: 7}, {worker: 4}}
	got := outcomes(all, cov, func(s *said[int]) WorkerOutcome {
		return WorkerOutcome{s.worker, doneIf(s.data > 0)}
	}, func(o WorkerOutcome) WorkerOutcome { return o })
	want := []WorkerOutcome{
		{0, OutcomeUnknown}, {1, OutcomeDone}, {2, OutcomeFailed}, {3, OutcomeFailed}, {4, OutcomeNothing}, {5, OutcomeFailed},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An order that comes late, or does not say until when it counts, is not carried out. A worker that was stopped finds such in its socket.
func TestLateOrders(t *testing.T) {
	c := newCluster(t, 1)
	c.locals[0].streams = []LocalStream{{App: "live", Name: "x", Role: RolePublisher}}
	c.locals[0].sessions = []Session{{ID: "0-0-1", Role: "player", App: "live", Name: "x"}}
	values := func() url.Values {
		return url.Values{"app": {"live"}, "name": {"x"}, "id": {"0-0-1"}, "on": {"true"}, "level": {"debug"}}
	}
	for _, r := range c.apis[0].internalRoutes() {
		if r.method == http.MethodGet || r.pattern == pathTakeover {
			continue
		}
		late := order(r.method, r.pattern, values())
		q := values()
		q.Set("until", "1000")
		late.RawQuery = q.Encode()
		never := broadcast.Request{Method: r.method, Path: r.pattern, RawQuery: values().Encode()}
		for want, ask := range map[int]broadcast.Request{http.StatusGone: late, http.StatusBadRequest: never} {
			if ans := c.apis[0].opts.Group.DoOne(t.Context(), 0, ask); ans.Status != want {
				t.Errorf("%s %s: %d %v, want %d", r.method, r.pattern, ans.Status, ans.Err, want)
			}
		}
		if len(c.locals[0].kicked) != 0 || len(c.locals[0].sessions) != 1 || len(c.locals[0].drains) != 0 || c.locals[0].level != 0 {
			t.Fatalf("%s %s was carried out", r.method, r.pattern)
		}
		if ans := c.apis[0].opts.Group.DoOne(t.Context(), 0, order(r.method, r.pattern, values())); ans.Status != http.StatusOK {
			t.Errorf("%s %s in time: %d %v", r.method, r.pattern, ans.Status, ans.Err)
		}
		c.locals[0].kicked, c.locals[0].drains, c.locals[0].level = nil, nil, 0
		c.locals[0].sessions = []Session{{ID: "0-0-1", Role: "player", App: "live", Name: "x"}}
	}
	// The deadline is that of whoever waits.
	at, err := until(&http.Request{URL: &url.URL{RawQuery: order("PUT", "/", url.Values{}).RawQuery}})
	if left := time.Until(at); err != nil || left > broadcast.DefaultTimeout || left < broadcast.DefaultTimeout/2 {
		t.Errorf("%v left, %v", left, err)
	}
}
