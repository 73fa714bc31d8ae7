package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// broadcast passes a request to all workers, and renders what they answer.
func (a *API) broadcast() http.HandlerFunc {
	pass := a.opts.Group.Handler(broadcast.HandlerOptions{
		Prefix: broadcastPrefix, Expected: a.opts.Expected, Error: a.notPassed, Observe: a.observe,
	})
	return func(w http.ResponseWriter, r *http.Request) {
		if !mayPass(strings.TrimPrefix(r.URL.EscapedPath(), broadcastPrefix+"/")) {
			notFound(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	}
}

// observe tells the metrics and the log who did not answer. What a worker answers, of any status, is none of the log's business: it may be the request's fault.
func (a *API) observe(r *http.Request, answers []broadcast.Answer) {
	cov := coverageOf(answers)
	if !cov.Complete() {
		noteIncomplete(r.Context())
	}
	cov.Errors = slices.DeleteFunc(cov.Errors, func(e WorkerError) bool { return e.Reason == "status" })
	a.watch.see(cov)
}
