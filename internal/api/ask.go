package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Coverage says how much of the server an answer is about. Every answer carries one.
type Coverage struct {
	Expected int           `json:"workers_expected"`
	Answered int           `json:"workers_answered"`
	Errors   []WorkerError `json:"errors,omitempty"` // one for each worker that did not answer
}

// Complete reports whether every worker answered.
func (c *Coverage) Complete() bool { return c.Answered == c.Expected }

// A WorkerError names a worker that did not answer, and why.
type WorkerError struct {
	Worker int    `json:"worker"`
	Reason string `json:"reason"` // a word of broadcast.Reason, or missing, status, wrong_worker
	Detail string `json:"detail"`
}

// An envelope carries what a worker says of itself, so that nobody else's words are taken for its own.
type envelope[T any] struct {
	Worker int `json:"worker"`
	Slot   int `json:"slot"`
	Data   *T  `json:"data"`
}

// ask sends the request to all workers. The answers that are left have status 200; all others are in the Coverage.
func (a *API) ask(ctx context.Context, r broadcast.Request) ([]broadcast.Answer, *Coverage) {
	answers := a.opts.Group.Do(ctx, r)
	cov := &Coverage{}
	good := answers[:0]
	seen := make(map[int]bool, len(answers))
	for _, ans := range answers {
		if seen[ans.Worker] {
			continue // the group lists a worker twice; the first speaks for it
		}
		seen[ans.Worker] = true
		if cov.take(&ans) {
			good = append(good, ans)
		}
	}
	for n := range a.expected() {
		if !seen[n] {
			seen[n] = true
			cov.miss(n, "missing", "the worker is not running")
		}
	}
	cov.Expected = len(seen)
	return good, cov
}

// expected is how many workers there should be, whether or not the group lists them.
func (a *API) expected() int {
	if a.opts.Expected == nil {
		return 0
	}
	return a.opts.Expected()
}

// take counts an answer of status 200 as one; of others it notes why not.
func (c *Coverage) take(ans *broadcast.Answer) bool {
	switch {
	case ans.Err != nil:
		c.miss(ans.Worker, broadcast.Reason(ans.Err), ans.Err.Error())
	case ans.Status != http.StatusOK:
		c.miss(ans.Worker, "status", fmt.Sprintf("answered with status %d", ans.Status))
	default:
		c.Answered++
		return true
	}
	return false
}

// miss adds a worker that did not answer.
func (c *Coverage) miss(worker int, reason, detail string) {
	c.Errors = append(c.Errors, WorkerError{Worker: worker, Reason: reason, Detail: detail})
}

// demote moves a worker from those that answered to those that did not.
func (c *Coverage) demote(worker int, reason, detail string) {
	c.Answered--
	c.miss(worker, reason, detail)
}

// done puts the errors in the order of workers, and tells the log about changes.
func (a *API) done(ctx context.Context, c *Coverage) {
	slices.SortFunc(c.Errors, func(x, y WorkerError) int { return x.Worker - y.Worker })
	if !c.Complete() {
		noteIncomplete(ctx)
	}
	a.watch.see(c)
}

// A said is one worker's answer, decoded.
type said[T any] struct {
	worker, slot int
	data         T
}

// askJSON sends the request to all workers and decodes what they say, in the order of workers.
func askJSON[T any](ctx context.Context, a *API, r broadcast.Request) ([]said[T], *Coverage) {
	answers, cov := a.ask(ctx, r)
	defer a.done(ctx, cov)
	out := make([]said[T], 0, len(answers))
	for _, ans := range answers {
		if s, ok := decode[T](&ans, cov); ok {
			out = append(out, s)
		}
	}
	return out, cov
}

// askOne sends the request to one worker. The Coverage is about that one alone.
func askOne[T any](ctx context.Context, a *API, worker int, r broadcast.Request) (s said[T], ok bool, cov *Coverage) {
	cov = &Coverage{Expected: 1}
	ans := a.opts.Group.DoOne(ctx, worker, r)
	switch {
	case errors.Is(ans.Err, broadcast.ErrNoPeer):
		cov.miss(worker, "missing", "the worker is not running")
	case cov.take(&ans):
		s, ok = decode[T](&ans, cov)
	}
	if !ok {
		noteIncomplete(ctx)
	}
	return s, ok, cov
}

// decode reads what a worker says of itself; one whose words can't be read has not answered.
func decode[T any](ans *broadcast.Answer, cov *Coverage) (s said[T], ok bool) {
	var env envelope[T]
	switch err := json.Unmarshal(ans.Body, &env); {
	case err != nil:
		cov.demote(ans.Worker, "bad_answer", fmt.Sprintf("answered with bad JSON: %v", err))
	case env.Data == nil:
		cov.demote(ans.Worker, "bad_answer", "answered without data")
	case env.Worker != ans.Worker:
		cov.demote(ans.Worker, "wrong_worker", fmt.Sprintf("worker %d answered in its place", env.Worker))
	default:
		return said[T]{worker: env.Worker, slot: env.Slot, data: *env.Data}, true
	}
	return said[T]{}, false
}

// nobody answers 503 when no worker answered, and reports whether it did.
func nobody(w http.ResponseWriter, c *Coverage) bool {
	if c.Answered > 0 {
		return false
	}
	problem(w, problemDetails{Status: http.StatusServiceUnavailable, Detail: "no worker answered", Coverage: c})
	return true
}
