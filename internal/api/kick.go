package api

import (
	"net/http"
	"net/url"
)

// A KickAnswer is the body of DELETE /api/v1/streams/{app}/{name}.
type KickAnswer struct {
	Coverage
	App     string        `json:"app"`
	Name    string        `json:"name"`
	Kicked  bool          `json:"kicked"`
	Workers []KickOutcome `json:"workers"`
}

// A KickOutcome says whether the publisher, or the session, was on that worker.
type KickOutcome struct {
	WorkerOutcome
	Kicked bool `json:"kicked"`
}

// kickResult is one worker's answer to a kick.
type kickResult struct {
	Kicked bool `json:"kicked"`
}

func kickOutcomes(all []said[kickResult], cov *Coverage) []KickOutcome {
	return outcomes(all, cov, func(s *said[kickResult]) KickOutcome {
		return KickOutcome{WorkerOutcome{s.worker, doneIf(s.data.Kicked)}, s.data.Kicked}
	}, func(o WorkerOutcome) KickOutcome { return KickOutcome{WorkerOutcome: o} })
}

// kickPublisher asks every worker, not only the owner that the zone names: the zone may be a moment behind.
func (a *API) kickPublisher(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[kickResult](r.Context(), a, order(http.MethodDelete, pathPublisher, ofPath(r)))
	out := KickAnswer{Coverage: *cov, App: r.PathValue("app"), Name: r.PathValue("name"), Workers: kickOutcomes(all, cov)}
	for _, s := range all {
		out.Kicked = out.Kicked || s.data.Kicked
	}
	if !out.Kicked {
		absent(w, cov, "has a publisher of this stream")
		return
	}
	ok(w, out)
}

func (a *API) localKickPublisher(w http.ResponseWriter, r *http.Request) {
	app, name := r.URL.Query().Get("app"), r.URL.Query().Get("name")
	kicked := a.opts.Local.KickPublisher(app, name)
	if kicked {
		a.log.Info("publisher kicked", "app", app, "name", name)
	}
	speak(w, a.self, kickResult{Kicked: kicked})
}

// A KickPlayersAnswer is the body of DELETE /api/v1/streams/{app}/{name}/players.
type KickPlayersAnswer struct {
	Coverage
	App     string           `json:"app"`
	Name    string           `json:"name"`
	Kicked  int              `json:"kicked"`
	Workers []PlayersOutcome `json:"workers"`
}

// A PlayersOutcome says how many players were kicked on that worker.
type PlayersOutcome struct {
	WorkerOutcome
	Kicked int `json:"kicked"`
}

// playersResult is one worker's answer to a kick of players.
type playersResult struct {
	Kicked int `json:"kicked"`
}

func (a *API) kickPlayers(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[playersResult](r.Context(), a, order(http.MethodDelete, pathPlayers, ofPath(r)))
	out := KickPlayersAnswer{Coverage: *cov, App: r.PathValue("app"), Name: r.PathValue("name")}
	out.Workers = outcomes(all, cov, func(s *said[playersResult]) PlayersOutcome {
		out.Kicked += s.data.Kicked
		return PlayersOutcome{WorkerOutcome{s.worker, doneIf(s.data.Kicked > 0)}, s.data.Kicked}
	}, func(o WorkerOutcome) PlayersOutcome { return PlayersOutcome{WorkerOutcome: o} })
	if out.Kicked == 0 {
		absent(w, cov, "has players of this stream")
		return
	}
	ok(w, out)
}

func (a *API) localKickPlayers(w http.ResponseWriter, r *http.Request) {
	app, name := r.URL.Query().Get("app"), r.URL.Query().Get("name")
	kicked := a.opts.Local.KickPlayers(app, name)
	if kicked > 0 {
		a.log.Info("players kicked", "app", app, "name", name, "players", kicked)
	}
	speak(w, a.self, playersResult{Kicked: kicked})
}

// A KickSessionAnswer is the body of DELETE /api/v1/sessions/{id}. One worker is asked: the one that the id names.
type KickSessionAnswer struct {
	Coverage
	ID      string        `json:"id"`
	Kicked  bool          `json:"kicked"`
	Workers []KickOutcome `json:"workers"`
}

func (a *API) kickSession(w http.ResponseWriter, r *http.Request) {
	id, good := parseSessionID(r.PathValue("id"))
	if !good {
		badRequest(w, badSessionID)
		return
	}
	ask := order(http.MethodDelete, pathSession, url.Values{"id": {r.PathValue("id")}})
	s, answered, cov := askOne[kickResult](r.Context(), a, id.worker, ask)
	if !answered || !s.data.Kicked {
		a.noSession(w, id, cov)
		return
	}
	ok(w, KickSessionAnswer{
		Coverage: *cov, ID: r.PathValue("id"), Kicked: true, Workers: kickOutcomes([]said[kickResult]{s}, cov),
	})
}

func (a *API) localKickSession(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	kicked := a.opts.Local.KickSession(id)
	if kicked {
		a.log.Info("session kicked", "session", id)
	}
	speak(w, a.self, kickResult{Kicked: kicked})
}
