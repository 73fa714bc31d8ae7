package api

import (
	"net/http"
	"net/url"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A WorkersAnswer is the body of GET /api/v1/workers.
type WorkersAnswer struct {
	Coverage
	Workers []WorkerInfo `json:"workers"`
}

func (a *API) workers(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[WorkerInfo](r.Context(), a, broadcast.Request{Path: pathWorker})
	if nobody(w, cov) {
		return
	}
	out := WorkersAnswer{Coverage: *cov, Workers: make([]WorkerInfo, 0, len(all))}
	for _, s := range all {
		out.Workers = append(out.Workers, s.data)
	}
	ok(w, out)
}

// A StreamsAnswer is the body of GET /api/v1/streams.
type StreamsAnswer struct {
	Coverage
	Streams []Stream `json:"streams"`
}

func (a *API) streams(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[[]LocalStream](r.Context(), a, broadcast.Request{Path: pathStreams})
	if nobody(w, cov) {
		return
	}
	ok(w, StreamsAnswer{Coverage: *cov, Streams: mergeStreams(all)})
}

// A ZoneAnswer is the body of GET /api/v1/zone.
type ZoneAnswer struct {
	Coverage
	Zone   ZoneInfo `json:"zone"`
	SeenBy int      `json:"seen_by"` // the worker whose view this is
}

// zone shows the zone as this worker sees it, or else the first that answered; the others are asked whether they see one.
func (a *API) zone(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[ZoneInfo](r.Context(), a, broadcast.Request{Path: pathZone})
	if nobody(w, cov) {
		return
	}
	shown := all[0]
	self := a.opts.Local.Worker().Worker
	for _, s := range all {
		if s.worker == self {
			shown = s
		}
	}
	if shown.data.Slots == nil {
		shown.data.Slots = []ZoneSlot{}
	}
	ok(w, ZoneAnswer{Coverage: *cov, Zone: shown.data, SeenBy: shown.worker})
}

// A KickAnswer is the body of DELETE /api/v1/streams/{app}/{name}.
type KickAnswer struct {
	Coverage
	App     string        `json:"app"`
	Name    string        `json:"name"`
	Kicked  bool          `json:"kicked"`
	Workers []KickOutcome `json:"workers"`
}

// A KickOutcome says whether the publisher was on that worker.
type KickOutcome struct {
	Worker int  `json:"worker"`
	Kicked bool `json:"kicked"`
}

// kick asks every worker, not only the owner that the zone names: the zone may be a moment behind.
func (a *API) kick(w http.ResponseWriter, r *http.Request) {
	app, name := r.PathValue("app"), r.PathValue("name")
	all, cov := askJSON[kickResult](r.Context(), a, broadcast.Request{
		Method:   http.MethodDelete,
		Path:     pathStreams,
		RawQuery: url.Values{"app": {app}, "name": {name}}.Encode(), // a path could not carry a name such as ".."
	})
	out := KickAnswer{Coverage: *cov, App: app, Name: name, Workers: make([]KickOutcome, 0, len(all))}
	for _, s := range all {
		out.Kicked = out.Kicked || s.data.Kicked
		out.Workers = append(out.Workers, KickOutcome{Worker: s.worker, Kicked: s.data.Kicked})
	}
	switch {
	case out.Kicked:
		ok(w, out)
	case cov.Complete():
		problem(w, problemDetails{Status: http.StatusNotFound, Detail: "no worker has a publisher of this stream", Coverage: cov})
	default:
		problem(w, problemDetails{
			Status: http.StatusServiceUnavailable, Coverage: cov,
			Detail: "no worker that answered has a publisher of this stream, but not all answered",
		})
	}
}
