package systemd

import "errors"

var (
	// ErrSocket is returned for a passed descriptor that is no stream socket which listens.
	ErrSocket = errors.New("systemd: not a listening stream socket")
	// ErrTwice is returned for two passed sockets of one address: the workers share one.
	ErrTwice = errors.New("systemd: two sockets of one address")
	// ErrUnused is returned for passed sockets that nobody took.
	ErrUnused = errors.New("systemd: a socket that is not configured")
	// ErrEnvironment is returned for variables that systemd does not write so.
	ErrEnvironment = errors.New("systemd: bad environment")
)
