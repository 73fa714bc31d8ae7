package master

import "errors"

var (
	// ErrStart is returned when a worker could not be brought up before the server was ever ready.
	ErrStart = errors.New("master: a worker does not start")
	// ErrKilled is returned when the end had to be forced: a second signal, or workers that took too long.
	ErrKilled = errors.New("master: workers were killed")
)
