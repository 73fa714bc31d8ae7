package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A request reaches the worker that it names, by whatever worker it comes; that one may ask all.
func TestProxyReachesWorker(t *testing.T) {
	c := newCluster(t, 3)
	for i := range 3 {
		prefix := fmt.Sprintf("/workers/%d", i)
		if r := c.call(t, "GET", prefix+"/healthz"); r.status != 200 || string(r.body) != "ok\n" {
			t.Errorf("worker %d: %d %s", i, r.status, r.body)
		}
		var zone ZoneAnswer
		c.call(t, "GET", prefix+"/api/v1/zone").into(t, 200, &zone)
		if zone.SeenBy != i || zone.Answered != 3 {
			t.Errorf("worker %d: seen by %d, %d answered", i, zone.SeenBy, zone.Answered)
		}
		if r := c.call(t, "GET", prefix+"/"); r.status != 302 || r.header.Get("Location") != "console/" {
			t.Errorf("worker %d: the way to the console: %d %v", i, r.status, r.header)
		}
	}
}

// No path of a client's leads to what a worker says for itself alone, nor round in circles.
func TestNotPassedOn(t *testing.T) {
	c := newCluster(t, 2)
	for _, path := range []string{
		"/internal/v1/worker", "/internal", "/debug/pprof/", "/debug/pprof/cmdline", "/workers/1/healthz", "/workers/", "/broadcast/healthz",
		"/%69nternal/v1/worker", "/internal%2Fv1%2Fworker", "/%2Finternal/v1/worker", "/..%2Finternal/v1/worker", "/%64ebug/pprof/", "/%77orkers/1/healthz",
		"//internal/v1/worker", "/./internal/v1/worker", "/x/../internal/v1/worker", "/x/%2e%2e/internal/v1/worker", "/nothing",
	} {
		for _, prefix := range []string{"/workers/1", "/broadcast"} {
			r := c.call(t, "GET", prefix+path)
			if r.status != 404 && (prefix != "/broadcast" || !strings.Contains(string(r.body), `"status":404`)) {
				t.Errorf("%s%s: %d %s", prefix, path, r.status, r.body)
			}
			if strings.Contains(string(r.body), `"pid"`) {
				t.Errorf("%s%s: %s", prefix, path, r.body)
			}
		}
	}
	// The same behind the check of paths: what is marked as passed on is served by the public routes alone.
	for _, path := range []string{"/internal/v1/worker", "/debug/pprof/cmdline", "/workers/0/healthz", "/broadcast/healthz"} {
		a := c.apis[0].opts.Group.DoOne(t.Context(), 1, broadcast.Request{Path: path, Header: http.Header{broadcast.ProxyHeader: {""}}})
		if a.Status != 404 {
			t.Errorf("%s: %d %v", path, a.Status, a.Err)
		}
	}
}

func TestProxyProblems(t *testing.T) {
	c := newCluster(t, 5)
	c.stops[1]()
	c.replace(2, stopped(t))
	c.replace(3, says(t, 500, "text/plain", "broken"))
	for _, tt := range []struct {
		path, header string
		want         int
		summary      string
	}{
		{"/workers/7/healthz", "", 404, "0/0"},
		{"/workers/-1/healthz", "", 404, "0/0"},
		{"/workers/01/healthz", "", 404, "0/0"},
		{"/workers/x/healthz", "", 404, "0/0"},
		{"/workers/4/healthz", broadcast.ProxyHeader, 508, "0/0"},
		{"/workers/1/healthz", "", 502, "0/1 1:unreachable"},
		{"/workers/2/healthz", "", 504, "0/1 2:timeout"},
		{"/broadcast/healthz", broadcast.Header, 508, "0/0"},
		{"/broadcast/healthz?as=xml", "", 400, "0/0"},
		{"/broadcast/nothing?as=concat", "", 502, "0/5 0:status 1:unreachable 2:timeout 3:status 4:status"},
	} {
		var header []string
		if tt.header != "" {
			header = []string{tt.header, "1"}
		}
		var p problemBody
		start := time.Now()
		c.call(t, "GET", tt.path, header...).into(t, tt.want, &p)
		if p.Status != tt.want || p.Detail == "" || p.summary() != tt.summary {
			t.Errorf("%s: %+v", tt.path, p)
		}
		if took := time.Since(start); took > 10*testTimeout {
			t.Errorf("%s took %v, a worker's deadline is %v", tt.path, took, testTimeout)
		}
	}
	if r := c.call(t, "GET", "/workers/3/healthz"); r.status != 500 || string(r.body) != "broken" {
		t.Errorf("a worker's own error: %d %s", r.status, r.body)
	}
}

func TestBroadcastRenderings(t *testing.T) {
	c := newCluster(t, 4)
	c.replace(2, stopped(t))
	type entry struct {
		Worker, Status int
		Body           json.RawMessage
		Reason, Error  string
		ContentType    string `json:"content_type"`
	}
	var list []entry
	r := c.call(t, "GET", "/broadcast/healthz")
	r.into(t, 207, &list)
	if len(list) != 4 || list[2].Reason != "timeout" || string(list[3].Body) != `"ok\n"` || r.header.Get(broadcast.HeaderErrors) != "2=timeout" {
		t.Errorf("%v %s", r.header, r.body)
	}
	r = c.call(t, "GET", "/broadcast/healthz?as=concat")
	if r.status != 207 || string(r.body) != "ok\nok\nok\n" || r.header.Get(broadcast.HeaderAnswered) != "3" || r.header.Get(broadcast.HeaderExpected) != "4" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	c.forget(3) // expected, but not listed
	if r = c.call(t, "GET", "/broadcast/healthz?as=concat"); r.header.Get(broadcast.HeaderErrors) != "2=timeout, 3=missing" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	for _, path := range []string{"/metrics", "/api/v1/workers"} { // speak for all themselves
		if r = c.call(t, "GET", "/broadcast"+path); !strings.Contains(string(r.body), `"status":508`) || r.status != 502 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if n := strings.Count(c.logs.String(), "worker does not answer"); n != 2 || !strings.Contains(c.logs.String(), "reason=timeout") {
		t.Errorf("the log tells %d times of two workers:\n%s", n, c.logs.String())
	}
}

// What is passed on is a control call: it is refused before it is.
func TestPassingIsControl(t *testing.T) {
	c := newCluster(t, 2)
	outside := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080}
	for path, want := range map[string]int{
		"/workers/1/healthz": 403, "/workers/1/live/cam.flv": 403, "/broadcast/healthz": 403, "/%77orkers/1/healthz": 403, "/console/": 403, "/stat": 403,
		"/control/drop/publisher": 403, "/api": 403, "/workersx": 404, "/healthz": 200, "/": 302, "/apiary": 404,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://192.0.2.1:8080"+path, http.NoBody)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(outside)))
		w := httptest.NewRecorder()
		c.apis[0].Public().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	for _, path := range []string{"/workers/1/healthz", "/broadcast/healthz"} {
		if r := c.call(t, "POST", path, "Origin", "http://evil.example"); r.status != 403 {
			t.Errorf("%s from another site: %d", path, r.status)
		}
		if r := c.call(t, "GET", path, "Host", "evil.example"); r.status != 403 {
			t.Errorf("%s by a rebound name: %d", path, r.status)
		}
	}
}

// A stream comes through as it is sent: here the console's events.
func TestProxyStreamsEvents(t *testing.T) {
	c := newCluster(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.public+"/workers/1/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got []byte
	for !slices.Contains(strings.Split(string(got), "\n"), "event: state") {
		piece := make([]byte, 1000)
		n, err := resp.Body.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, piece[:n]...)
	}
}
