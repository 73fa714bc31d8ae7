package broadcast

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// What can go wrong with one peer. Answer.Err wraps one of these, or a context error when the caller gave up.
var (
	// ErrTimeout says that the peer did not answer whole within Options.Timeout: it is stopped, stuck or slow.
	ErrTimeout = errors.New("no answer in time")
	// ErrUnreachable says that no connection to the peer could be made: it is dead, or not yet listening.
	ErrUnreachable = errors.New("cannot be reached")
	// ErrBadAnswer says that what came back was not one whole HTTP answer.
	ErrBadAnswer = errors.New("not a valid HTTP answer")
	// ErrBadBody says that the body of an answer can't be part of what is rendered: it is not JSON where JSON is merged, or it is encoded.
	ErrBadBody = errors.New("body cannot be merged")
	// ErrTooLarge says that a body, asked or answered, is larger than Options.MaxBody.
	ErrTooLarge = errors.New("body is too large")
	// ErrNoPeer says that the group has no worker of that number.
	ErrNoPeer = errors.New("no such worker")
	// ErrBadRequest says that the request can't be sent to anybody.
	ErrBadRequest = errors.New("request cannot be broadcast")
	// ErrLoop says that the request has been passed on already: broadcast, or by a proxy.
	ErrLoop = errors.New("request has already been passed on by a worker")
	// ErrClosed says that the group has been closed.
	ErrClosed = errors.New("broadcast group is closed")
	// ErrBusy says that Options.MaxProxied requests are being passed on already.
	ErrBusy = errors.New("too many requests are being passed on")
	// ErrStatus says that the peer answered, but not with a status of 200 to 299.
	ErrStatus = errors.New("answered with status")
	// ErrMissing says that a worker should be there, but the group has no peer of its number.
	ErrMissing = errors.New("the worker is not running")
)

// reasons pairs each error with the word that Reason gives for it.
var reasons = []struct {
	err  error
	word string
}{
	{ErrTimeout, "timeout"},
	{ErrUnreachable, "unreachable"},
	{ErrTooLarge, "too_large"},
	{ErrBadAnswer, "bad_answer"},
	{ErrBadBody, "bad_answer"},
	{ErrNoPeer, "no_peer"},
	{ErrBadRequest, "bad_request"},
	{ErrLoop, "loop"},
	{ErrClosed, "closed"},
	{ErrBusy, "busy"},
	{ErrStatus, "status"},
	{ErrMissing, "missing"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "canceled"},
}

// Reason names err, an Answer's, by one word of a closed set: timeout, unreachable, too_large, bad_answer, no_peer,
// bad_request, loop, closed, busy, status, missing, canceled, or other. It is "" for nil.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	return "other"
}

// Problem returns why a is no success: its Err, or an ErrStatus when the status is not one of 200 to 299. It is nil for a success.
func (a *Answer) Problem() error {
	if a.Err == nil && (a.Status < 200 || a.Status > 299) {
		return fmt.Errorf("%w %d", ErrStatus, a.Status)
	}
	return a.Err
}

// StatusOf is the status to answer with where err, about a request as a whole or about the one worker that it is for, keeps it from being answered:
// 400 (ErrBadRequest), 404 (ErrNoPeer), 408 (the client took too long to send the body), 413 (ErrTooLarge), 502 (ErrUnreachable,
// ErrBadAnswer, and what has no other), 503 (ErrBusy, ErrClosed, ErrMissing), 504 (ErrTimeout) or 508 (ErrLoop).
func StatusOf(err error) int {
	for _, s := range []struct {
		err    error
		status int
	}{
		{os.ErrDeadlineExceeded, http.StatusRequestTimeout},
		{ErrBadRequest, http.StatusBadRequest},
		{ErrNoPeer, http.StatusNotFound},
		{ErrTooLarge, http.StatusRequestEntityTooLarge},
		{ErrBusy, http.StatusServiceUnavailable},
		{ErrClosed, http.StatusServiceUnavailable},
		{ErrMissing, http.StatusServiceUnavailable},
		{ErrTimeout, http.StatusGatewayTimeout},
		{ErrLoop, http.StatusLoopDetected},
	} {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	return http.StatusBadGateway
}

// A PassError is why a Handler or a Proxy has no answer of the workers to give.
type PassError struct {
	// Status is the HTTP status to answer with.
	Status int
	// Err is the reason, for Reason.
	Err error
	// Answers are what the workers said, if they were asked.
	Answers []Answer
}

// Error implements error.
func (f *PassError) Error() string { return f.Err.Error() }

// Unwrap lets errors.Is see the reason.
func (f *PassError) Unwrap() error { return f.Err }

// respond is what handlers do with a PassError where their options don't say otherwise.
func (f *PassError) respond(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, f.Error(), f.Status)
}
