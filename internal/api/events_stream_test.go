package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// An eventSource reads events as a browser does.
type eventSource struct {
	t      *testing.T
	header http.Header
	lines  *bufio.Scanner
}

func (c *cluster) listen(t *testing.T) *eventSource {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.public+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return &eventSource{t: t, header: resp.Header, lines: lines}
}

// next returns the fields of the next event, or nil at the end.
func (s *eventSource) next() map[string]string {
	s.t.Helper()
	fields := map[string]string{}
	for s.lines.Scan() {
		line := s.lines.Text()
		if line == "" {
			return fields
		}
		name, value, _ := strings.Cut(line, ": ")
		fields[name] = value
	}
	return nil
}

// stateBody is a StateEvent whose parts are as they were sent.
type stateBody struct {
	Time                   time.Time
	Workers, Streams, Zone json.RawMessage
	Sessions               SessionCounts
}

func (s *eventSource) state() (body stateBody) {
	s.t.Helper()
	event := s.next()
	if event["event"] != "state" || len(event) != 2 {
		s.t.Fatalf("event %q", event)
	}
	d := json.NewDecoder(strings.NewReader(event["data"]))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		s.t.Fatal(err)
	}
	return body
}

var uptime = regexp.MustCompile(`"uptime":[0-9.e+]+`)

// The parts of a state are what the other calls answer.
func TestEventsState(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.locals[1].streams = []LocalStream{{App: "live", Name: "<b>", Role: RolePublisher, Owner: 11, Players: 2, Since: epoch}}
	c.locals[2].streams = []LocalStream{{App: "live", Name: "<b>", Role: RoleRelay, Owner: 11, Players: 3, Since: epoch}}
	for i, l := range c.locals {
		l.info.Players, l.info.Publishers = i, 1
	}
	source := c.listen(t)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no",
	} {
		if got := source.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if first := source.next(); first["retry"] != "2000" {
		t.Errorf("first %q", first)
	}
	got := source.state()
	if age := time.Since(got.Time); age < 0 || age > 10*time.Second {
		t.Errorf("the state is %v old", age)
	}
	if want := (SessionCounts{Sessions: 0 + 1 + 2, Publishers: 3, Players: 0 + 1 + 2}); got.Sessions != want {
		t.Errorf("sessions %+v, want %+v", got.Sessions, want)
	}
	for path, part := range map[string]json.RawMessage{"workers": got.Workers, "streams": got.Streams, "zone": got.Zone} {
		want := bytes.TrimSpace(c.call(t, http.MethodGet, "/api/v1/"+path).body)
		a, b := uptime.ReplaceAllString(string(part), ""), uptime.ReplaceAllString(string(want), "")
		if a != b {
			t.Errorf("%s: the event has\n%s\nand the call answers\n%s", path, part, want)
		}
	}
	if !strings.Contains(string(got.Streams), `"players":5`) {
		t.Errorf("streams are not merged: %s", got.Streams)
	}
}

// States go on when a worker stops answering, and name it; also when nobody answers.
func TestEventsIncomplete(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	source := c.listen(t)
	source.next()
	want := func(summary string, zone bool) {
		t.Helper()
		for range 20 {
			state := source.state()
			var cov, streams Coverage
			if err := json.Unmarshal(state.Workers, &cov); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(state.Streams, &streams); err != nil {
				t.Fatal(err)
			}
			if cov.summary() == summary && streams.summary() == summary && (string(state.Zone) != "null") == zone {
				return
			}
		}
		t.Errorf("never %s", summary)
	}
	want("2/2", true)
	c.replace(1, stopped(t))
	want("1/2 1:timeout", true)
	c.forget(0)
	c.forget(1)
	want("0/2 0:missing 1:missing", false)
}

// Closing the API ends event streams, so that http.Server.Shutdown can end, and refuses new ones.
func TestEventsShutdown(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	source := c.listen(t)
	source.next()
	source.state()
	c.apis[0].Close()
	for range 5 {
		if source.next() == nil {
			var p problemBody
			c.call(t, http.MethodGet, "/api/v1/events").into(t, http.StatusServiceUnavailable, &p)
			return
		}
	}
	t.Error("the event stream goes on")
}

func TestEventsRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	for range eventListeners {
		join(t, c.apis[0].hub)
	}
	var p problemBody
	r := c.call(t, http.MethodGet, "/api/v1/events")
	if r.into(t, http.StatusServiceUnavailable, &p); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	c.apis[0].Close()
	if r := c.call(t, http.MethodHead, "/api/v1/events"); r.status != http.StatusOK || r.header.Get("Content-Type") != eventType {
		t.Errorf("HEAD: %d %v", r.status, r.header)
	}
	if r := c.call(t, http.MethodGet, "/api/v1/events", "Origin", "http://elsewhere.example"); r.status != http.StatusForbidden {
		t.Errorf("another site listens: %d", r.status)
	}
}

// A client that is gone without a word, or never reads, is let go.
func TestEventsClientGone(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	conn, err := net.Dial("tcp", c.public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	h := c.apis[0].hub
	awaitListeners(t, h, 1)
	conn.Close()
	awaitListeners(t, h, 0)
}

func awaitListeners(t *testing.T, h *eventHub, want int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		h.mu.Lock()
		n := len(h.listeners)
		h.mu.Unlock()
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d listeners, want %d", n, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
