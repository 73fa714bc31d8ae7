package broadcast

import (
	"context"
	"errors"
)

// What can go wrong with one peer. Answer.Err wraps one of these, or a context error when the caller gave up.
var (
	// ErrTimeout says that the peer did not answer whole within Options.Timeout: it is stopped, stuck or slow.
	ErrTimeout = errors.New("no answer in time")
	// ErrUnreachable says that no connection to the peer could be made: it is dead, or not yet listening.
	ErrUnreachable = errors.New("cannot be reached")
	// ErrBadAnswer says that what came back was not one whole HTTP answer.
	ErrBadAnswer = errors.New("not a valid HTTP answer")
	// ErrTooLarge says that a body, asked or answered, is larger than Options.MaxBody.
	ErrTooLarge = errors.New("body is too large")
	// ErrNoPeer says that the group has no worker of that number.
	ErrNoPeer = errors.New("no such worker")
	// ErrBadRequest says that the request can't be sent to anybody.
	ErrBadRequest = errors.New("request cannot be broadcast")
	// ErrLoop says that the request is itself part of a broadcast.
	ErrLoop = errors.New("request is already part of a broadcast")
	// ErrClosed says that the group has been closed.
	ErrClosed = errors.New("broadcast group is closed")
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
	{ErrNoPeer, "no_peer"},
	{ErrBadRequest, "bad_request"},
	{ErrLoop, "loop"},
	{ErrClosed, "closed"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "canceled"},
}

// Reason names err, an Answer's, by one word of a closed set: timeout, unreachable, too_large, bad_answer, no_peer,
// bad_request, loop, closed, canceled, or other. It is "" for nil.
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
