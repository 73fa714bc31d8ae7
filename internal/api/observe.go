package api

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
)

// An Observer counts control requests. Its methods are called from many goroutines.
type Observer interface {
	// Control is told once of each request, when it has been answered: its command, one of Commands, and the status of the answer.
	Control(command string, code int)
	// Incomplete is told of each request whose answer is not about all workers that it asked.
	Incomplete(command string)
}

// Commands are the names under which requests are counted. "refused" is one that was not let in, whatever it asked for.
var Commands = []string{
	"workers", "worker", "drain", "undrain", "streams", "stream", "sessions", "session", "zone", "log", "set_log", "reload", "events", "openapi",
	"kick_publisher", "kick_players", "kick_session", "stat", "control_drop", "control_redirect", "proxy", "broadcast", "console", commandRefused,
}

const commandRefused = "refused"

// A call is one request that is counted, in its context.
type call struct{ incomplete atomic.Bool }

type callKey struct{}

// counted has the Observer told of the requests of a route.
func (a *API) counted(r *route) http.HandlerFunc {
	serve := r.handler
	if strings.HasPrefix(r.pattern, "/api/v1/") {
		serve = strict(r.query, serve)
	}
	command := r.command
	if command == "" || a.opts.Observer == nil {
		return serve
	}
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{}
		out := &codeWriter{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			a.opts.Observer.Control(command, out.code)
			if c.incomplete.Load() {
				a.opts.Observer.Incomplete(command)
			}
		}()
		serve(out, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
	}
}

// noteIncomplete marks the request of the context as one whose answer is not whole.
func noteIncomplete(ctx context.Context) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.incomplete.Store(true)
	}
}

// refused counts a request that was not let in.
func (a *API) refused(code int) {
	if a.opts.Observer != nil {
		a.opts.Observer.Control(commandRefused, code)
	}
}

// A codeWriter remembers the status. http.ResponseController finds what is below it.
type codeWriter struct {
	http.ResponseWriter
	code  int
	wrote bool
}

// WriteHeader implements http.ResponseWriter.
func (w *codeWriter) WriteHeader(code int) {
	if !w.wrote {
		w.code, w.wrote = code, code >= http.StatusOK || code == http.StatusSwitchingProtocols
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *codeWriter) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *codeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
