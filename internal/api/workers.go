package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A WorkersAnswer is the body of GET /api/v1/workers.
type WorkersAnswer struct {
	Coverage
	Workers []WorkerInfo `json:"workers"`
}

func (a *API) workers(w http.ResponseWriter, r *http.Request) {
	out := a.askWorkers(r.Context())
	if !nobody(w, &out.Coverage) {
		ok(w, out)
	}
}

func (a *API) askWorkers(ctx context.Context) WorkersAnswer {
	all, cov := askJSON[WorkerInfo](ctx, a, broadcast.Request{Path: pathWorker})
	out := WorkersAnswer{Coverage: *cov, Workers: make([]WorkerInfo, 0, len(all))}
	for _, s := range all {
		out.Workers = append(out.Workers, s.data)
	}
	return out
}

// A WorkerAnswer is the body of GET /api/v1/workers/{id}. That worker alone is asked.
type WorkerAnswer struct {
	Coverage
	Worker WorkerInfo `json:"worker"`
}

func (a *API) worker(w http.ResponseWriter, r *http.Request) {
	id, good := a.workerOf(w, r)
	if !good {
		return
	}
	s, answered, cov := askOne[WorkerInfo](r.Context(), a, id, broadcast.Request{Path: pathWorker})
	if !answered {
		silent(w, cov)
		return
	}
	ok(w, WorkerAnswer{Coverage: *cov, Worker: s.data})
}

// maxWorker is the largest number that a worker can have (slots of the zone).
const maxWorker = 127

const noWorker = "there is no worker of this number"

// workerOf returns the worker that a path names. Where there is none, it answers.
func (a *API) workerOf(w http.ResponseWriter, r *http.Request) (id int, good bool) {
	text := r.PathValue("id")
	id, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(id) != text || !a.knows(id) {
		problem(w, problemDetails{Status: http.StatusNotFound, Detail: noWorker})
		return 0, false
	}
	return id, true
}

// knows reports whether there is such a worker, or should be.
func (a *API) knows(worker int) bool {
	return worker >= 0 && (worker < a.expected() || slices.Contains(a.opts.Group.Workers(), worker))
}

// silent answers that the one worker that was asked did not.
func silent(w http.ResponseWriter, cov *Coverage) {
	problem(w, problemDetails{Status: http.StatusServiceUnavailable, Detail: "the worker did not answer", Coverage: cov})
}

// readyz says whether the worker that was reached takes connections. It asks nobody.
func (a *API) readyz(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusOK, "ok"
	if state := a.opts.Local.Worker().State; state != WorkerReady {
		status, text = http.StatusServiceUnavailable, string(state)
	}
	word(w, status, text)
}

// healthz says that this worker is alive. It asks nobody: a load balancer wants to know about this one.
func healthz(w http.ResponseWriter, _ *http.Request) { word(w, http.StatusOK, "ok") }

// word answers with one word.
func word(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
