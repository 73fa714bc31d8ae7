package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// An Outcome is what became of a call on one worker.
type Outcome string

// The outcomes.
const (
	OutcomeDone    Outcome = "done"
	OutcomeNothing Outcome = "nothing" // there was nothing to do on this worker
	OutcomeFailed  Outcome = "failed"  // it can't have done it: it is not running, or answered with an error
	OutcomeUnknown Outcome = "unknown" // it did not answer in time; it does nothing later
)

// A WorkerOutcome names the worker of an outcome. Every worker that was asked has one.
type WorkerOutcome struct {
	Worker  int     `json:"worker"`
	Outcome Outcome `json:"outcome"`
}

// outcomes makes the list of all workers that were asked, in order, from what they said and from who did not answer.
func outcomes[T, O any](all []said[T], cov *Coverage, did func(*said[T]) O, didNot func(WorkerOutcome) O) []O {
	out := make([]O, 0, cov.Expected)
	add := func(e *WorkerError) { out = append(out, didNot(WorkerOutcome{Worker: e.Worker, Outcome: e.outcome()})) }
	errs := cov.Errors // in the order of workers, as all is
	for i := range all {
		for len(errs) > 0 && errs[0].Worker < all[i].worker {
			add(&errs[0])
			errs = errs[1:]
		}
		out = append(out, did(&all[i]))
	}
	for i := range errs {
		add(&errs[i])
	}
	return out
}

func (e *WorkerError) outcome() Outcome {
	if slices.Contains([]string{"missing", "unreachable", "status"}, e.Reason) {
		return OutcomeFailed
	}
	return OutcomeUnknown
}

func doneIf(b bool) Outcome {
	if b {
		return OutcomeDone
	}
	return OutcomeNothing
}

// order returns a request that changes something, to be carried out while somebody waits for the answer: a worker that was stopped finds
// old requests in its socket.
func order(method, path string, q url.Values) broadcast.Request {
	q.Set("until", strconv.FormatInt(time.Now().Add(broadcast.DefaultTimeout).UnixMilli(), 10)) // both have the clock of one machine
	return broadcast.Request{Method: method, Path: path, RawQuery: q.Encode()}
}

// until is when nobody waits for the answer to an order any more.
func until(r *http.Request) (time.Time, error) {
	ms, err := strconv.ParseInt(r.URL.Query().Get("until"), 10, 64)
	return time.UnixMilli(ms), err
}

// inTime refuses orders that nobody waits for any more.
func inTime(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch end, err := until(r); {
		case err != nil:
			badRequest(w, noUntil)
		case time.Now().After(end):
			problem(w, problemDetails{Status: http.StatusGone, Detail: "nobody waits for this any more"})
		default:
			next(w, r)
		}
	}
}

const noUntil = "until is missing, or no number of milliseconds since 1970"
