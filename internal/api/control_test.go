package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

func TestHealthzAsksNobody(t *testing.T) {
	c := newCluster(t, 2)
	c.replace(1, stopped(t))
	r := c.call(t, "GET", "/healthz")
	if r.status != 200 || string(r.body) != "ok\n" || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v %q", r.status, r.header, r.body)
	}
}

func TestWorkers(t *testing.T) {
	c := newCluster(t, 3)
	var got WorkersAnswer
	c.call(t, "GET", "/api/v1/workers").into(t, 200, &got)
	if got.summary() != "3/3" || len(got.Workers) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, w := range got.Workers {
		if diff := cmp.Diff(c.locals[i].info, w); diff != "" {
			t.Error(diff)
		}
	}
}

// Every way for a worker not to answer is named, in every list; nothing that looks whole is not.
func TestIncompleteAnswers(t *testing.T) {
	put := func(peer func(*testing.T) broadcast.Peer) func(*testing.T, *cluster) {
		return func(t *testing.T, c *cluster) { t.Helper(); c.replace(2, peer(t)) }
	}
	answer := func(status int, body string) func(*testing.T, *cluster) {
		return put(func(t *testing.T) broadcast.Peer { t.Helper(); return says(t, status, "application/json", body) })
	}
	for name, tt := range map[string]struct {
		spoil func(*testing.T, *cluster)
		want  string
	}{
		"stopped":      {put(stopped), "3/4 2:timeout"},
		"dead":         {func(_ *testing.T, c *cluster) { c.stops[2]() }, "3/4 2:unreachable"},
		"not listed":   {func(_ *testing.T, c *cluster) { c.forget(2) }, "3/4 2:missing"},
		"fails":        {answer(500, "x"), "3/4 2:status"},
		"redirects":    {answer(302, "x"), "3/4 2:status"},
		"no JSON":      {answer(200, "<html>"), "3/4 2:bad_answer"},
		"other JSON":   {answer(200, "{}"), "3/4 2:bad_answer"},
		"wrong type":   {answer(200, `{"worker":2,"data":7}`), "3/4 2:bad_answer"},
		"wrong worker": {func(_ *testing.T, c *cluster) { c.replace(2, c.peers[3]) }, "3/4 2:wrong_worker"},
		"two": {func(t *testing.T, c *cluster) {
			t.Helper()
			c.replace(1, stopped(t))
			c.replace(3, says(t, 404, "text/plain", ""))
		}, "2/4 1:timeout 3:status"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 4)
			tt.spoil(t, c)
			for _, path := range []string{"/api/v1/workers", "/api/v1/streams", "/api/v1/zone"} {
				r := c.call(t, "GET", path)
				var got Coverage
				if err := json.Unmarshal(r.body, &got); err != nil || r.status != 200 {
					t.Fatalf("%s: %d %v %s", path, r.status, err, r.body)
				}
				if got.summary() != tt.want {
					t.Errorf("%s: %s, want %s", path, got.summary(), tt.want)
				}
				for _, e := range got.Errors {
					if e.Detail == "" {
						t.Errorf("%s: no detail for worker %d", path, e.Worker)
					}
				}
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	c := newCluster(t, 2)
	c.replace(0, stopped(t))
	c.stops[1]()
	for _, path := range []string{"/api/v1/workers", "/api/v1/streams", "/api/v1/zone"} {
		var got problemBody
		c.call(t, "GET", path).into(t, 503, &got)
		if got.summary() != "0/2 0:timeout 1:unreachable" {
			t.Errorf("%s: %s", path, got.summary())
		}
	}
}

// A worker beyond the expected ones, listed all the same, counts.
func TestMoreThanExpected(t *testing.T) {
	c := newCluster(t, 3, func(o *Options) { o.Expected = func() int { return 2 } })
	var got WorkersAnswer
	c.call(t, "GET", "/api/v1/workers").into(t, 200, &got)
	if got.summary() != "3/3" {
		t.Error(got.summary())
	}
}

func TestZone(t *testing.T) {
	c := newCluster(t, 3)
	var got ZoneAnswer
	c.call(t, "GET", "/api/v1/zone").into(t, 200, &got)
	if diff := cmp.Diff(ZoneAnswer{Coverage: Coverage{Expected: 3, Answered: 3}, Zone: c.locals[0].zone}, got); diff != "" {
		t.Error(diff)
	}
	// The one that answers sees no zone: it shows another's view and says whose.
	c.locals[0].zoneErr = errors.New("header is damaged")
	got = ZoneAnswer{}
	c.call(t, "GET", "/api/v1/zone").into(t, 200, &got)
	if got.SeenBy != 1 || got.summary() != "2/3 0:status" {
		t.Errorf("%+v", got)
	}
}

func TestKick(t *testing.T) {
	c := newCluster(t, 3)
	c.locals[2].streams = []LocalStream{
		{App: "live/inst", Name: "a b/ü?%", Role: RolePublisher, Owner: 12},
		{App: "live", Name: "x", Role: RolePublisher, Owner: 12},
	}
	c.locals[1].streams = []LocalStream{{App: "live", Name: "x", Role: RoleRelay, Owner: 12}}

	var got KickAnswer
	c.call(t, "DELETE", "/api/v1/streams/live%2Finst/a%20b%2F%C3%BC%3F%25").into(t, 200, &got)
	want := KickAnswer{
		Coverage: Coverage{Expected: 3, Answered: 3}, App: "live/inst", Name: "a b/ü?%", Kicked: true,
		Workers: []KickOutcome{{WorkerOutcome: WorkerOutcome{0, OutcomeNothing}}, {WorkerOutcome: WorkerOutcome{1, OutcomeNothing}}, {WorkerOutcome{2, OutcomeDone}, true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, l := range c.locals {
		if diff := cmp.Diff([]string{"live/inst a b/ü?%"}, l.kicked); diff != "" {
			t.Errorf("worker %d: %s", i, diff)
		}
	}

	// Gone by now, and all say so.
	var none problemBody
	c.call(t, "DELETE", "/api/v1/streams/live%2Finst/a%20b%2F%C3%BC%3F%25").into(t, 404, &none)
	if none.summary() != "3/3" || none.Title != "Not Found" || none.Type != "about:blank" || none.Status != 404 {
		t.Errorf("%+v", none)
	}

	// Found, although somebody did not answer: done, and the answer says who is missing.
	c.replace(0, stopped(t))
	got = KickAnswer{}
	c.call(t, "DELETE", "/api/v1/streams/live/x").into(t, 200, &got)
	if !got.Kicked || got.summary() != "2/3 0:timeout" || got.Workers[0].Outcome != OutcomeUnknown || got.Workers[0].Kicked {
		t.Errorf("%+v", got)
	}

	// Not found, but somebody did not answer: nobody knows.
	none = problemBody{}
	c.call(t, "DELETE", "/api/v1/streams/live/x").into(t, 503, &none)
	if none.summary() != "2/3 0:timeout" {
		t.Errorf("%+v", none)
	}
}

// Names that a path could trip over reach the worker as they are.
func TestKickOddNames(t *testing.T) {
	c := newCluster(t, 2)
	for escaped, name := range map[string]string{
		"%2e%2e": "..", "%2E": ".", "a%0d%0ab": "a\r\nb", "a%00": "a\x00", "%7Bname%7D": "{name}", "a;b=c": "a;b=c", "a+b": "a+b", "%252F": "%2F",
	} {
		c.locals[1].kicked = nil
		if r := c.call(t, "DELETE", "/api/v1/streams/live/"+escaped); r.status != 404 {
			t.Errorf("%s: %d %s", escaped, r.status, r.body)
		}
		if diff := cmp.Diff([]string{"live " + name}, c.locals[1].kicked); diff != "" {
			t.Errorf("%s: %s", escaped, diff)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	c := newCluster(t, 1)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/v1", 404, ""},
		{"GET", "/api/v1/streams/", 404, ""},
		{"GET", "/api//v1/streams", 404, ""},
		{"GET", "/api/v1/../v1/streams", 404, ""},
		{"DELETE", "/api/v1/streams/live", 404, ""},
		{"DELETE", "/api/v1/streams/live/a/b", 404, ""},
		{"GET", "/internal/v1/worker", 404, ""}, // on the private socket only
		{"DELETE", "/internal/v1/streams/live/x", 404, ""},
		{"GET", "/internal/v1/metrics", 404, ""},
		{"POST", "/api/v1/streams", 405, "GET, HEAD"},
		{"OPTIONS", "/api/v1/streams", 405, "GET, HEAD"},
		{"POST", "/api/v1/streams/live/x", 405, "DELETE, GET, HEAD"},
		{"GET", "/api/v1/streams/live/x/players", 405, "DELETE"},
		{"DELETE", "/healthz", 405, "GET, HEAD"},
		{"PUT", "/metrics", 405, "GET, HEAD"},
	} {
		r := c.call(t, tt.method, tt.path)
		var got problemBody
		r.into(t, tt.status, &got)
		if got.Status != tt.status || got.Detail == "" || got.Title != http.StatusText(tt.status) || r.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %+v, Allow %q", tt.method, tt.path, got, r.header.Get("Allow"))
		}
	}
	if r := c.call(t, "HEAD", "/api/v1/streams"); r.status != 200 || len(r.body) != 0 || r.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %d %v", r.status, r.header)
	}
	if len(c.locals[0].kicked) != 0 {
		t.Errorf("kicked %v", c.locals[0].kicked)
	}
}

// What is already part of a broadcast is never broadcast again, wherever it arrives.
func TestLoopGuard(t *testing.T) {
	c := newCluster(t, 2)
	for _, path := range []string{"/api/v1/workers", "/api/v1/streams", "/api/v1/zone", "/metrics"} {
		var got problemBody
		c.call(t, "GET", path, "Rtmpedge-Broadcast", "1").into(t, 508, &got)
	}
	var got problemBody
	c.call(t, "DELETE", "/api/v1/streams/live/x", "Rtmpedge-Broadcast", "1").into(t, 508, &got)
}

// A silent worker is logged once when it falls silent and once when it is back, whoever asks.
func TestLogTellsChangesOnly(t *testing.T) {
	c := newCluster(t, 2)
	before := c.peers[1]
	for _, p := range []int{0, 1, 0} {
		if p == 1 {
			c.replace(1, says(t, 500, "text/plain", ""))
		} else {
			c.replace(1, before)
		}
		for range 3 {
			c.call(t, "GET", "/api/v1/streams")
			c.call(t, "GET", "/metrics")
		}
	}
	log := c.logs.String()
	if n := strings.Count(log, "worker does not answer"); n != 1 || !strings.Contains(log, "peer=1 reason=status") {
		t.Errorf("%d complaints:\n%s", n, log)
	}
	if n := strings.Count(log, "worker answers again"); n != 1 {
		t.Errorf("%d returns:\n%s", n, log)
	}
}
