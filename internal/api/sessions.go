package api

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A sessionID is the id of a session, taken apart. Lists of sessions are in its order.
type sessionID struct {
	worker, restarts int
	number           uint64
}

// parseSessionID reads worker-restarts-number; there is one way to write each.
func parseSessionID(text string) (id sessionID, ok bool) {
	worker, rest, _ := strings.Cut(text, "-")
	restarts, number, _ := strings.Cut(rest, "-")
	w, okW := decimal(worker, 31)
	r, okR := decimal(restarts, 31)
	n, okN := decimal(number, 64)
	return sessionID{int(w), int(r), n}, okW && okR && okN
}

// decimal reads a number without a sign or leading zeros.
func decimal(text string, bits int) (n uint64, ok bool) {
	n, err := strconv.ParseUint(text, 10, bits)
	return n, err == nil && (len(text) == 1 || text[0] != '0')
}

func (i sessionID) compare(o sessionID) int {
	return cmp.Or(cmp.Compare(i.worker, o.worker), cmp.Compare(i.restarts, o.restarts), cmp.Compare(i.number, o.number))
}

// Bounds of one page of sessions.
const (
	sessionsLimit    = 100 // usual
	sessionsMaxLimit = 1000
)

// What sessions can be asked for, in so many words.
var (
	sessionsQuery    = []string{"app", "name", "role", "protocol", "worker", "state", "limit", "after"}
	sessionRoles     = []string{"publisher", roleRelay, "player", "none"}
	sessionStates    = []string{"handshake", "connected", "publishing", "playing", "waiting"}
	sessionProtocols = []string{"rtmp", "rtmps", "http_flv", "ws_flv", "http_fmp4"}
)

const roleRelay = "relay"

// A SessionsAnswer is the body of GET /api/v1/sessions.
type SessionsAnswer struct {
	Coverage
	Total    int       `json:"total"` // how many match, on this page and others
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"` // where the next page begins; absent on the last
}

// sessionsPart is what one worker says: no more sessions than it was asked for, in order.
type sessionsPart struct {
	Total    int       `json:"total"`
	Sessions []Session `json:"sessions"`
}

// sessions lists what matches, a page at a time. Each worker picks its own, and sends no more than fit on the page.
func (a *API) sessions(w http.ResponseWriter, r *http.Request) {
	q := reader{Values: r.URL.Query()}
	limit := q.number("limit", sessionsLimit, 1, sessionsMaxLimit)
	q.oneOf("role", sessionRoles...)
	q.oneOf("protocol", sessionProtocols...)
	q.oneOf("state", sessionStates...)
	worker := q.number("worker", 0, 0, maxWorker)
	if _, good := parseSessionID(q.Get("after")); q.Has("after") && !good {
		q.fail("after is no cursor: it must be what next was in an answer")
	}
	if q.refused(w) {
		return
	}
	ask := q.Values // strict, so there is nothing else in it
	ask.Set("limit", strconv.Itoa(limit+1))
	if q.Has("worker") {
		ask.Set("worker", strconv.Itoa(worker)) // it may have been 01
	}
	all, cov := askJSON[sessionsPart](r.Context(), a, broadcast.Request{Path: pathSessions, RawQuery: ask.Encode()})
	if nobody(w, cov) {
		return
	}
	out := SessionsAnswer{Coverage: *cov, Sessions: []Session{}}
	for _, s := range all { // the order of workers is the first part of the order of sessions
		out.Total += s.data.Total
		out.Sessions = append(out.Sessions, s.data.Sessions...)
	}
	if len(out.Sessions) > limit {
		out.Sessions = out.Sessions[:limit]
		out.Next = out.Sessions[limit-1].ID
	}
	ok(w, out)
}

// localSessions answers with the sessions of this worker that match: how many there are, and those behind the cursor, up to the limit.
func (a *API) localSessions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		badRequest(w, "limit is missing, or no number")
		return
	}
	after, paged := parseSessionID(q.Get("after"))
	part := sessionsPart{Sessions: []Session{}}
	if !matches(q, "worker", strconv.Itoa(a.self.worker)) {
		speak(w, a.self, part)
		return
	}
	type found struct {
		id sessionID
		at int
	}
	sessions := a.opts.Local.Sessions()
	var behind []found
	for i := range sessions {
		if s := &sessions[i]; sessionMatches(q, s) {
			part.Total++
			if id, good := parseSessionID(s.ID); good && (!paged || id.compare(after) > 0) {
				behind = append(behind, found{id, i})
			}
		}
	}
	slices.SortFunc(behind, func(x, y found) int { return x.id.compare(y.id) })
	for _, f := range behind[:min(limit, len(behind))] {
		part.Sessions = append(part.Sessions, sessions[f.at])
	}
	speak(w, a.self, part)
}

// sessionMatches leaves relays of siblings out, unless they are asked for: they are none of the viewers.
func sessionMatches(q url.Values, s *Session) bool {
	return matches(q, "app", s.App) && matches(q, "name", s.Name) && matches(q, "protocol", s.Protocol) && matches(q, "state", s.State) &&
		matches(q, "role", s.Role) && (s.Role != roleRelay || q.Has("role"))
}
