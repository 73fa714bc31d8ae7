package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Where requests are passed on: to one worker, and to all.
const (
	workersPrefix   = "/workers/"
	broadcastPrefix = "/broadcast"
)

// unpassed are the first elements of paths that no request is passed on to: what speaks for one worker alone, and what passes on.
var unpassed = []string{"internal", "debug", "workers", "broadcast"}

// proxyTimeout is how long a worker that lives may take to begin its answer: longer than any live.play_wait that makes sense.
const proxyTimeout = 10 * time.Minute

// passRoutes are not among those that serve what was passed on.
func (a *API) passRoutes() []route {
	return []route{
		{"proxy", "", workersPrefix + "{id}/{path...}", nil, a.proxy},
		{"broadcast", "", broadcastPrefix + "/{path...}", nil, a.broadcast()},
	}
}

// passedOnly serves with passed what another worker passes on for somebody, and all else with all. So nobody reaches /internal/ or /debug/ through a
// worker, whatever the path is taken for on the way.
func passedOnly(passed, all http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broadcast.Proxied(r.Header) {
			passed.ServeHTTP(w, r)
			return
		}
		all.ServeHTTP(w, r)
	})
}

// proxy passes a request to one worker.
func (a *API) proxy(w http.ResponseWriter, r *http.Request) {
	id, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), workersPrefix), "/")
	worker, err := strconv.Atoi(id)
	if err != nil || strconv.Itoa(worker) != id {
		problem(w, problemDetails{Status: http.StatusNotFound, Detail: fmt.Sprintf("%q is no number of a worker", id)})
		return
	}
	if !mayPass(rest) {
		notFound(w, r)
		return
	}
	if why := foreign(r); why != "" && firstOf(rest) == "control" { // the worker does not get all that tells
		plain(w, http.StatusForbidden, nil, why)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the client may take its time for the body
	a.opts.Group.Proxy(worker, broadcast.ProxyOptions{
		Prefix: workersPrefix + id, Timeout: proxyTimeout, Probe: "/healthz", Error: a.notPassed,
	}).ServeHTTP(w, r)
}

// mayPass reports whether a request for this escaped path, which has lost its first slash, may be passed on.
func mayPass(path string) bool {
	name := firstOf(path)
	return !strings.Contains(name, "/") && !slices.Contains(unpassed, name)
}

// firstOf is the first element of an escaped path that has lost its first slash; "/", which none is, where it can't be read.
func firstOf(path string) string {
	first, _, _ := strings.Cut(path, "/")
	name, err := url.PathUnescape(first)
	if err != nil {
		return "/"
	}
	return name
}

// notPassed answers where no worker did.
func (a *API) notPassed(w http.ResponseWriter, r *http.Request, f *broadcast.PassError) {
	p := problemDetails{Status: f.Status, Detail: f.Error()}
	if len(f.Answers) > 0 && f.Status != http.StatusNotFound && f.Status != http.StatusLoopDetected {
		p.Coverage = coverageOf(f.Answers)
		if !p.Complete() {
			noteIncomplete(r.Context())
		}
	}
	problem(w, p)
}

// coverageOf is about answers that are passed on as they came: a success of any kind is one.
func coverageOf(answers []broadcast.Answer) *Coverage {
	cov := &Coverage{Expected: len(answers)}
	for i := range answers {
		if err := answers[i].Problem(); err != nil {
			cov.miss(answers[i].Worker, broadcast.Reason(err), err.Error())
		} else {
			cov.Answered++
		}
	}
	return cov
}
