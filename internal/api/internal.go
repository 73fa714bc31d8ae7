package api

import "net/http"

// What siblings ask on the private socket.
const (
	pathWorker   = "/internal/v1/worker"
	pathStreams  = "/internal/v1/streams"
	pathZone     = "/internal/v1/zone"
	pathMetrics  = "/internal/v1/metrics"
	pathTakeover = "/internal/v1/takeover"
	pathProfiles = "/debug/pprof/"
)

// kickResult is one worker's answer to a kick.
type kickResult struct {
	Kicked bool `json:"kicked"`
}

// speak answers for this worker alone.
func speak[T any](w http.ResponseWriter, who WorkerInfo, data T) {
	ok(w, envelope[T]{Worker: who.Worker, Slot: who.Slot, Data: &data})
}

func (a *API) localWorker(w http.ResponseWriter, _ *http.Request) {
	who := a.opts.Local.Worker()
	speak(w, who, who)
}

func (a *API) localStreams(w http.ResponseWriter, _ *http.Request) {
	streams := a.opts.Local.Streams()
	if streams == nil {
		streams = []LocalStream{}
	}
	speak(w, a.opts.Local.Worker(), streams)
}

func (a *API) localZone(w http.ResponseWriter, _ *http.Request) {
	z, err := a.opts.Local.Zone()
	if err != nil {
		problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "the zone cannot be read: " + err.Error()})
		return
	}
	speak(w, a.opts.Local.Worker(), z)
}

func (a *API) localKick(w http.ResponseWriter, r *http.Request) {
	app, name := r.URL.Query().Get("app"), r.URL.Query().Get("name")
	kicked := a.opts.Local.KickPublisher(app, name)
	if kicked {
		a.log.Info("publisher kicked", "app", app, "name", name)
	}
	speak(w, a.opts.Local.Worker(), kickResult{Kicked: kicked})
}
