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
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
	"github.com/rtmp-edge/rtmp-edge/internal/console"
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
	// Access says who may call, at first: see API.SetAccess.
	Access Access
	// Observer counts control requests; nil does not.
	Observer Observer
}

// Access says who may call.
type Access struct {
	// Hosts are names (without port) by which the server may be called besides localhost and any IP address: the
	// names its addresses are configured with.
	Hosts []string
	// Token lets control calls in that come from elsewhere than loopback or a unix socket. "" refuses them.
	Token string
}

// An API serves the HTTP of one worker.
type API struct {
	opts   Options
	log    *slog.Logger
	watch  *watch
	hub    *eventHub
	access atomic.Pointer[access]
	self   identity

	scrapes chan struct{} // one in it for each scrape under way

	public, private http.Handler
}

// New returns the API of one worker. It starts nothing.
func New(o Options) (*API, error) {
	if o.Local == nil || o.Group == nil || o.Gatherer == nil {
		return nil, errors.New("api: Local, Group and Gatherer are required")
	}
	a := &API{opts: o, log: o.Logger, scrapes: make(chan struct{}, maxScrapes)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.SetAccess(o.Access)
	a.watch = newWatch(a.log)
	who := o.Local.Worker()
	a.self = identity{who.Worker, who.Slot}
	page, err := console.New()
	if err != nil {
		return nil, err
	}
	a.hub = newEventHub(a.state)
	passed := slices.Concat(a.publicRoutes(), a.controlRoutes(), consoleRoutes(page), a.dropInRoutes())
	public := slices.Concat(passed, a.passRoutes())
	a.public = a.sameSite(a.router(public))
	a.private = passedOnly(a.router(passed), a.router(slices.Concat(public, a.internalRoutes(), a.dropInInternalRoutes())))
	return a, nil
}

// SetAccess changes who may call, from the next call on.
func (a *API) SetAccess(to Access) { a.access.Store(&access{to.Hosts, newKeeper(to.Token)}) }

// Public serves the shared and the per-worker ports.
func (a *API) Public() http.Handler { return a.public }

// Private serves the private unix socket of this worker: everything that Public does, without its checks of who asks, and
// /internal/v1/ and /debug/pprof/.
func (a *API) Private() http.Handler { return a.private }

func (a *API) publicRoutes() []route {
	return []route{
		{"", http.MethodGet, "/healthz", nil, healthz},
		{"", http.MethodGet, "/readyz", nil, a.readyz},
		{"", http.MethodGet, "/metrics", nil, a.once(a.metrics)},
	}
}

func (a *API) controlRoutes() []route {
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	return []route{
		{"workers", get, "/api/v1/workers", nil, a.once(a.workers)},
		{"worker", get, "/api/v1/workers/{id}", nil, a.once(a.worker)},
		{"drain", put, "/api/v1/workers/{id}/drain", drainQuery, a.once(a.drain)},
		{"undrain", del, "/api/v1/workers/{id}/drain", nil, a.once(a.undrain)},
		{"streams", get, "/api/v1/streams", streamsQuery, a.once(a.streams)},
		{"stream", get, "/api/v1/streams/{app}/{name}", nil, a.once(a.stream)},
		{"kick_publisher", del, "/api/v1/streams/{app}/{name}", nil, a.once(a.kickPublisher)},
		{"kick_players", del, "/api/v1/streams/{app}/{name}/players", nil, a.once(a.kickPlayers)},
		{"sessions", get, "/api/v1/sessions", sessionsQuery, a.once(a.sessions)},
		{"session", get, "/api/v1/sessions/{id}", nil, a.once(a.session)},
		{"kick_session", del, "/api/v1/sessions/{id}", nil, a.once(a.kickSession)},
		{"zone", get, "/api/v1/zone", nil, a.once(a.zone)},
		{"log", get, "/api/v1/log", nil, a.once(a.logLevels)},
		{"set_log", put, "/api/v1/log", nil, a.once(a.setLogLevel)},
		{"reload", post, "/api/v1/reload", nil, a.once(a.reload)},
		{"events", get, "/api/v1/events", nil, a.once(a.events)},
		{"openapi", get, "/api/v1/openapi.json", nil, openAPI},
	}
}

func (a *API) internalRoutes() []route {
	const get, put, post, del = http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete
	return []route{
		{"", get, pathWorker, nil, a.localWorker},
		{"", get, pathStreams, nil, a.localStreams},
		{"", get, pathSessions, nil, a.localSessions},
		{"", get, pathSession, nil, a.localSession},
		{"", get, pathZone, nil, a.localZone},
		{"", get, pathMetrics, nil, a.localMetrics},
		{"", get, pathLog, nil, a.localLog},
		{"", put, pathLog, nil, inTime(a.localSetLog)},
		{"", put, pathDrain, nil, inTime(a.localDrain)},
		{"", del, pathPublisher, nil, inTime(a.localKickPublisher)},
		{"", del, pathPlayers, nil, inTime(a.localKickPlayers)},
		{"", del, pathSession, nil, inTime(a.localKickSession)},
		{"", post, pathTakeover, nil, a.localTakeover},
		{"", get, pathProfiles, nil, profiles},
	}
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
