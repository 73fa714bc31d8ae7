package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

var drainQuery = []string{"force"}

// A DrainAnswer is the body of PUT and DELETE /api/v1/workers/{id}/drain. That worker alone is asked to do it.
type DrainAnswer struct {
	Coverage
	Worker  int            `json:"worker"`
	State   WorkerState    `json:"state"`
	Workers []DrainOutcome `json:"workers"`
}

// A DrainOutcome says what that worker does now. Nothing was to do where it was so before.
type DrainOutcome struct {
	WorkerOutcome
	State WorkerState `json:"state"`
}

// drainResult is a worker's answer.
type drainResult struct {
	Changed bool        `json:"changed"`
	State   WorkerState `json:"state"`
}

// drain has a worker take no more connections, unless nobody would be left that does.
func (a *API) drain(w http.ResponseWriter, r *http.Request) {
	id, good := a.workerOf(w, r)
	if !good {
		return
	}
	q := reader{Values: r.URL.Query()}
	force := q.oneOf("force", "true", "false") == "true"
	if q.refused(w) {
		return
	}
	var others []int
	if !force {
		if others, good = a.readyBeside(w, r, id); !good {
			return
		}
	}
	s, answered, cov := a.setDrain(r.Context(), id, true)
	if !answered {
		silent(w, cov)
		return
	}
	if s.data.Changed && !force && !a.anyReady(r.Context(), others) { // somebody drained them at the same time
		if _, undone, _ := a.setDrain(r.Context(), id, false); !undone {
			a.log.Error("the last worker that was ready is draining", "peer", id)
		}
		lastReady(w, id, cov)
		return
	}
	ok(w, drainAnswer(&s, cov))
}

// readyBeside lists the workers that are ready besides that one. When there are none, or that one does not answer, it says so, and good is false.
func (a *API) readyBeside(w http.ResponseWriter, r *http.Request, id int) (others []int, good bool) {
	all, cov := askJSON[WorkerInfo](r.Context(), a, broadcast.Request{Path: pathWorker})
	for _, s := range all {
		switch {
		case s.worker == id:
			good = true
		case s.data.State == WorkerReady:
			others = append(others, s.worker)
		}
	}
	switch {
	case !good:
		cov.Expected, cov.Answered = 1, 0
		cov.Errors = slices.DeleteFunc(cov.Errors, func(e WorkerError) bool { return e.Worker != id })
		silent(w, cov)
	case len(others) == 0:
		lastReady(w, id, cov)
		good = false
	}
	return others, good
}

// anyReady reports whether any of the workers is ready. The first that says so is enough.
func (a *API) anyReady(ctx context.Context, workers []int) bool {
	return slices.ContainsFunc(workers, func(worker int) bool {
		s, answered, _ := askOne[WorkerInfo](ctx, a, worker, broadcast.Request{Path: pathWorker})
		return answered && s.data.State == WorkerReady
	})
}

func lastReady(w http.ResponseWriter, id int, cov *Coverage) {
	problem(w, problemDetails{
		Status: http.StatusConflict, Coverage: cov,
		Detail: fmt.Sprintf("no worker but %d is ready: nobody would take connections (force=true drains it all the same)", id),
	})
}

func (a *API) undrain(w http.ResponseWriter, r *http.Request) {
	id, good := a.workerOf(w, r)
	if !good {
		return
	}
	s, answered, cov := a.setDrain(r.Context(), id, false)
	if !answered {
		silent(w, cov)
		return
	}
	ok(w, drainAnswer(&s, cov))
}

func (a *API) setDrain(ctx context.Context, id int, on bool) (said[drainResult], bool, *Coverage) {
	return askOne[drainResult](ctx, a, id, order(http.MethodPut, pathDrain, url.Values{"on": {strconv.FormatBool(on)}}))
}

func drainAnswer(s *said[drainResult], cov *Coverage) DrainAnswer {
	return DrainAnswer{
		Coverage: *cov, Worker: s.worker, State: s.data.State,
		Workers: []DrainOutcome{{WorkerOutcome{s.worker, doneIf(s.data.Changed)}, s.data.State}},
	}
}

func (a *API) localDrain(w http.ResponseWriter, r *http.Request) {
	on, err := strconv.ParseBool(r.URL.Query().Get("on"))
	if err != nil {
		badRequest(w, "on is missing, or neither true nor false")
		return
	}
	before := a.opts.Local.Worker()
	if err := a.opts.Local.Drain(on); err != nil {
		a.log.Error("draining cannot be changed", "on", on, "err", err)
		problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "the sockets cannot be changed: " + err.Error()})
		return
	}
	now := a.opts.Local.Worker()
	speak(w, a.self, drainResult{Changed: now.State != before.State, State: now.State})
}
