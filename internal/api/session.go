package api

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A SessionAnswer is the body of GET /api/v1/sessions/{id}. One worker is asked: the one that the id names.
type SessionAnswer struct {
	Coverage
	Session Session `json:"session"`
}

// sessionPart is what the worker says: nothing when it has no such session.
type sessionPart struct {
	Session *Session `json:"session"`
}

func (a *API) session(w http.ResponseWriter, r *http.Request) {
	id, good := parseSessionID(r.PathValue("id"))
	if !good {
		badRequest(w, badSessionID)
		return
	}
	ask := broadcast.Request{Path: pathSession, RawQuery: url.Values{"id": {r.PathValue("id")}}.Encode()}
	s, answered, cov := askOne[sessionPart](r.Context(), a, id.worker, ask)
	if answered && s.data.Session != nil {
		ok(w, SessionAnswer{Coverage: *cov, Session: *s.data.Session})
		return
	}
	a.noSession(w, id, cov)
}

const badSessionID = "this is no id of a session, which is three numbers: worker-restarts-number"

// noSession answers that there is no such session, or that the worker that would know did not say.
func (a *API) noSession(w http.ResponseWriter, id sessionID, cov *Coverage) {
	switch {
	case cov.Complete():
		problem(w, problemDetails{Status: http.StatusNotFound, Detail: "the worker has no such session, or has it no longer", Coverage: cov})
	case !a.knows(id.worker):
		problem(w, problemDetails{Status: http.StatusNotFound, Detail: noWorker})
	default:
		problem(w, problemDetails{Status: http.StatusServiceUnavailable, Detail: "the worker of this session did not answer", Coverage: cov})
	}
}

func (a *API) localSession(w http.ResponseWriter, r *http.Request) {
	var part sessionPart
	sessions := a.opts.Local.Sessions()
	id := r.URL.Query().Get("id")
	if i := slices.IndexFunc(sessions, func(s Session) bool { return s.ID == id }); i >= 0 {
		part.Session = &sessions[i]
	}
	speak(w, a.self, part)
}
