package api

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// aSession is one of a worker, with what its number says.
func aSession(worker, restarts, number int) Session {
	s := Session{
		ID: fmt.Sprintf("%d-%d-%d", worker, restarts, number), Worker: worker, Slot: 10 + worker, Protocol: sessionProtocols[number%5],
		Role: "player", State: "playing", Address: "192.0.2.1:5000", App: "live", Name: "cam", Since: epoch,
		Frames: 7, Join: new(0.25), Source: "worker",
	}
	switch number % 10 {
	case 7:
		s.Role, s.State, s.App, s.Name = "none", "handshake", "", ""
	case 8:
		s.Role, s.Address, s.Protocol = roleRelay, "unix", "rtmp"
	case 9:
		s.Role, s.State, s.Name = "publisher", "publishing", fmt.Sprint("own/", number)
	}
	return s
}

// withSessions gives every worker so many, in no order; worker i has been replaced i times meanwhile.
func (c *cluster) withSessions(each int) {
	for i, l := range c.locals {
		for n := range each {
			l.sessions = append(l.sessions, aSession(i, i*n/each, n+1))
		}
		rand.Shuffle(each, func(x, y int) { l.sessions[x], l.sessions[y] = l.sessions[y], l.sessions[x] })
	}
}

// ids asks for sessions, page by page, and returns their ids.
func (c *cluster) ids(t *testing.T, query string) (ids []string, total int) {
	t.Helper()
	for after := ""; ; {
		path := "/api/v1/sessions?" + query
		if after != "" {
			path += "&after=" + url.QueryEscape(after)
		}
		var page SessionsAnswer
		c.call(t, "GET", strings.TrimSuffix(path, "?")).into(t, 200, &page)
		for _, s := range page.Sessions {
			ids = append(ids, s.ID)
		}
		if total = page.Total; page.Next == "" {
			return ids, total
		}
		if page.Next != ids[len(ids)-1] || len(ids) > 10_000 {
			t.Fatalf("next is %q after %d", page.Next, len(ids))
		}
		after = page.Next
	}
}

// Sessions are listed by worker and number, whatever the size of a page; relays only where they are asked for.
func TestSessions(t *testing.T) {
	c := newCluster(t, 3)
	c.withSessions(60)
	want := func(which func(worker, number int, s *Session) bool) (ids []string) {
		for worker := range c.locals {
			for n := range 60 {
				if s := aSession(worker, worker*n/60, n+1); which(worker, n+1, &s) {
					ids = append(ids, s.ID)
				}
			}
		}
		return ids
	}
	for query, which := range map[string]func(worker, number int, s *Session) bool{
		"limit=1000":                             func(_, _ int, s *Session) bool { return s.Role != roleRelay },
		"limit=1":                                func(_, _ int, s *Session) bool { return s.Role != roleRelay },
		"limit=7":                                func(_, _ int, s *Session) bool { return s.Role != roleRelay },
		"limit=54":                               func(_, _ int, s *Session) bool { return s.Role != roleRelay }, // one worker's
		"":                                       func(_, _ int, s *Session) bool { return s.Role != roleRelay },
		"role=relay&limit=4":                     func(_, n int, _ *Session) bool { return n%10 == 8 },
		"role=none":                              func(_, n int, _ *Session) bool { return n%10 == 7 },
		"role=player&limit=5":                    func(_, _ int, s *Session) bool { return s.Role == "player" },
		"worker=1&limit=10":                      func(w, _ int, s *Session) bool { return w == 1 && s.Role != roleRelay },
		"worker=1&role=relay":                    func(w, n int, _ *Session) bool { return w == 1 && n%10 == 8 },
		"worker=%2B01&role=relay":                func(w, n int, _ *Session) bool { return w == 1 && n%10 == 8 },
		"worker=9":                               func(int, int, *Session) bool { return false },
		"protocol=ws_flv":                        func(_, _ int, s *Session) bool { return s.Protocol == "ws_flv" && s.Role != roleRelay },
		"state=publishing":                       func(_, n int, _ *Session) bool { return n%10 == 9 },
		"app=live&name=own%2F19":                 func(_, n int, _ *Session) bool { return n == 19 },
		"app=other":                              func(int, int, *Session) bool { return false },
		"name=cam&protocol=rtmp&state=playing":   func(_, n int, s *Session) bool { return s.Name == "cam" && s.Protocol == "rtmp" && n%10 != 8 },
		"role=publisher&state=playing&app=live":  func(int, int, *Session) bool { return false },
		"name=cam&worker=2&role=player&limit=13": func(w, _ int, s *Session) bool { return w == 2 && s.Role == "player" },
	} {
		ids, total := c.ids(t, query)
		if diff := cmp.Diff(want(which), ids); diff != "" || total != len(ids) {
			t.Errorf("%s: %d in all: %s", query, total, diff)
		}
	}
	var got SessionsAnswer
	c.call(t, "GET", "/api/v1/sessions").into(t, 200, &got)
	if len(got.Sessions) != sessionsLimit || got.Total != 3*54 || got.summary() != "3/3" {
		t.Errorf("%d of %d, %s", len(got.Sessions), got.Total, got.summary())
	}
	if diff := cmp.Diff(aSession(0, 0, 1), got.Sessions[0]); diff != "" {
		t.Error(diff)
	}
}

// While sessions come and go between two pages, none of the others is left out or shown twice.
func TestSessionsChangeBetweenPages(t *testing.T) {
	c := newCluster(t, 2)
	c.withSessions(40)
	stay := func(s *Session) bool { return s.Protocol == "rtmp" || s.Protocol == "rtmps" } // others go
	seen := map[string]int{}
	next := 1000
	for after := ""; ; {
		path := "/api/v1/sessions?limit=5"
		if after != "" {
			path += "&after=" + after
		}
		var page SessionsAnswer
		c.call(t, "GET", path).into(t, 200, &page)
		for _, s := range page.Sessions {
			seen[s.ID]++
		}
		if after = page.Next; after == "" {
			break
		}
		for i, l := range c.locals {
			gone := false
			l.sessions = slices.DeleteFunc(l.sessions, func(s Session) bool {
				goes := !gone && !stay(&s)
				gone = gone || goes
				return goes
			})
			if len(seen) < 30 {
				l.sessions = append(l.sessions, aSession(i, 50, next))
				next += 10
			}
		}
	}
	for i := range c.locals {
		for n := range 40 {
			if s := aSession(i, i*n/40, n+1); stay(&s) && s.Role != roleRelay && seen[s.ID] != 1 {
				t.Errorf("%s was there all the time, and listed %d times", s.ID, seen[s.ID])
			}
		}
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("%s is listed %d times", id, n)
		}
	}
}

// A worker that doesn't answer is named; what the others have is listed.
func TestSessionsIncomplete(t *testing.T) {
	c := newCluster(t, 3)
	c.withSessions(10)
	c.replace(1, stopped(t))
	var got SessionsAnswer
	c.call(t, "GET", "/api/v1/sessions?limit=12").into(t, 200, &got)
	if got.summary() != "2/3 1:timeout" || got.Total != 18 || len(got.Sessions) != 12 || got.Next != "2-0-3" {
		t.Errorf("%+v", got)
	}
}

// Workers send no more than a page needs, however many sessions they have.
func TestSessionsAreSentSparingly(t *testing.T) {
	c := newCluster(t, 1)
	c.withSessions(5000)
	q := url.Values{"limit": {"11"}, "after": {"0-0-100"}}
	rec := c.private(t, pathSessions+"?"+q.Encode())
	var env envelope[sessionsPart]
	rec.into(t, 200, &env)
	if n := len(env.Data.Sessions); n != 11 || env.Data.Total != 4500 || env.Data.Sessions[0].ID != "0-0-101" {
		t.Errorf("%d of %d", n, env.Data.Total)
	}
	q.Set("worker", "3")
	if c.private(t, pathSessions+"?"+q.Encode()); c.locals[0].sessionsSeen != 1 {
		t.Error("a worker that is not asked for looks through its sessions")
	}
	if r := c.private(t, pathSessions); r.status != 400 {
		t.Error(r.status)
	}
}

// private asks worker 0 as a sibling does.
func (c *cluster) private(t *testing.T, path string) reply {
	t.Helper()
	tr := httpTransport(c.peers[0])
	return request(t, tr, "GET", "http://worker"+path)
}

func TestSessionIDs(t *testing.T) {
	good := map[string]sessionID{"0-0-1": {0, 0, 1}, "12-3-18446744073709551615": {12, 3, 1<<64 - 1}}
	for text, want := range good {
		if got, ok := parseSessionID(text); !ok || got != want {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
	order := []sessionID{{0, 0, 2}, {0, 0, 10}, {0, 1, 1}, {1, 0, 0}, {10, 0, 0}}
	shuffled := slices.Collect(maps.Values(map[int]sessionID{0: order[3], 1: order[0], 2: order[4], 3: order[2], 4: order[1]}))
	slices.SortFunc(shuffled, sessionID.compare)
	if !slices.Equal(order, shuffled) {
		t.Errorf("%v", shuffled)
	}
}
