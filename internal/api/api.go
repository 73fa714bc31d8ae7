// Package api is the HTTP face of one worker. Every answer is about all workers: the worker that a request reaches asks
// each of its siblings (and itself) over the private unix sockets, merges what they say, and tells how many of how many
// answered. docs/api.md describes it to users.
//
// Two handlers serve it. Public answers on the shared and the per-worker ports. Private answers on the worker's private
// unix socket: it adds /internal/v1/…, which speaks for this worker alone and is what siblings ask, and /debug/pprof/.
package api

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Options of New. Local, Group and Gatherer are required.
type Options struct {
	// Local is this worker.
	Local Local
	// Group reaches the private socket of every worker, this one among them.
	Group *broadcast.Group
	// Gatherer is this worker's metrics.
	Gatherer prometheus.Gatherer
	// Logger tells of workers that stop answering and of publishers kicked; nil is silent.
	Logger *slog.Logger
	// Expected is how many workers the server should have: 0..Expected()-1 must answer, whether or not Group lists
	// them. nil expects those that Group lists.
	Expected func() int
	// Hosts are names (without port) by which the server may be called besides localhost and any IP address: the
	// names its addresses are configured with.
	Hosts []string
	// Authorize decides about requests for /api/v1/ that did not come over loopback or a unix socket. nil refuses them.
	Authorize func(*http.Request) bool
}

// An API serves the HTTP of one worker.
type API struct {
	opts  Options
	log   *slog.Logger
	watch *watch

	public, private http.Handler
}

// New returns the API of one worker. It starts nothing.
func New(o Options) (*API, error) {
	if o.Local == nil || o.Group == nil || o.Gatherer == nil {
		return nil, errors.New("api: Local, Group and Gatherer are required")
	}
	a := &API{opts: o, log: o.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.watch = newWatch(a.log)
	public := append(a.publicRoutes(), a.controlRoutes()...)
	a.public = a.sameSite(router(public))
	a.private = router(append(public, a.internalRoutes()...))
	return a, nil
}

// Public serves the shared and the per-worker ports.
func (a *API) Public() http.Handler { return a.public }

// Private serves the private unix socket of this worker: everything that Public does, without its checks of who asks, and
// /internal/v1/ and /debug/pprof/.
func (a *API) Private() http.Handler { return a.private }

func (a *API) publicRoutes() []route {
	return []route{
		{"/healthz", methods{http.MethodGet: healthz}},
		{"/metrics", methods{http.MethodGet: a.once(a.metrics)}},
	}
}

func (a *API) controlRoutes() []route {
	return []route{
		{"/api/v1/workers", methods{http.MethodGet: a.once(a.workers)}},
		{"/api/v1/streams", methods{http.MethodGet: a.once(a.streams)}},
		{"/api/v1/streams/{app}/{name}", methods{http.MethodDelete: a.once(a.kick)}},
		{"/api/v1/zone", methods{http.MethodGet: a.once(a.zone)}},
	}
}

func (a *API) internalRoutes() []route {
	return []route{
		{pathWorker, methods{http.MethodGet: a.localWorker}},
		{pathStreams, methods{http.MethodGet: a.localStreams, http.MethodDelete: a.localKick}},
		{pathZone, methods{http.MethodGet: a.localZone}},
		{pathMetrics, methods{http.MethodGet: a.localMetrics}},
		{pathTakeover, methods{http.MethodPost: a.localTakeover}},
		{pathProfiles, methods{http.MethodGet: profiles}},
	}
}

// healthz says that this worker is alive. It asks nobody: a load balancer wants to know about this one.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// once refuses to broadcast what is already part of a broadcast.
func (a *API) once(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if broadcast.Marked(r.Header) {
			problem(w, problemDetails{Status: http.StatusLoopDetected, Detail: "this request is already part of a broadcast"})
			return
		}
		next(w, r)
	}
}
