package ctl

import (
	"errors"
	"fmt"
	"net/http"
)

var (
	// ErrNoAnswer says that there are workers, but none answered in time.
	ErrNoAnswer = errors.New("no worker answers")
	// ErrUnknown says that an order was sent and no answer came: it may have been carried out.
	ErrUnknown = errors.New("no answer came: it may have been done all the same")
	// ErrLeft says that a drain was over before all sessions had ended.
	ErrLeft = errors.New("not all sessions have ended")

	errLate = errors.New("no answer in time")
)

// A StatusError is an answer with a status that is no success: problem details (RFC 9457), as far as they can be read.
type StatusError struct {
	Status   int      `json:"-"`
	Detail   string   `json:"detail"`
	Problems []string `json:"problems"` // of a configuration that was refused: file, line and what is wrong
}

// Error implements error.
func (e *StatusError) Error() string {
	said := e.Detail
	if said == "" {
		said = http.StatusText(e.Status)
	}
	if e.Status == http.StatusUnauthorized {
		said += " (give the server's http.token with --token-file)"
	}
	return fmt.Sprintf("the server refuses, %d: %s", e.Status, printable(said))
}

// Lines are the problems, fit for a terminal.
func (e *StatusError) Lines() []string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = printable(p)
	}
	return lines
}
