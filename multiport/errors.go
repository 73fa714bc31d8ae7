package multiport

import "errors"

// What can be wrong with an address. An [*AddrError] wraps one of these.
var (
	// ErrEmpty: there is no address at all.
	ErrEmpty = errors.New("no address")
	// ErrNoBracket: an IPv6 address opens with [ and has no ].
	ErrNoBracket = errors.New("no ] after the IPv6 address")
	// ErrNeedBrackets: an IPv6 address stands without brackets.
	ErrNeedBrackets = errors.New("IPv6 address without brackets")
	// ErrHost: the host is not an IP address of the right kind.
	ErrHost = errors.New("host is not an IP address")
	// ErrNoPort: a host without a port.
	ErrNoPort = errors.New("no port")
	// ErrPortNumber: the port is not a number.
	ErrPortNumber = errors.New("port is not a number")
	// ErrPortRange: the port, or the port of a worker, is outside 1..65535.
	ErrPortRange = errors.New("port out of range")
	// ErrPath: the path of a unix socket is empty, relative, a folder, or holds control characters.
	ErrPath = errors.New("bad path")
	// ErrPathTooLong: the path, with the worker's suffix, does not fit sockaddr_un.
	ErrPathTooLong = errors.New("path too long")
	// ErrWorker: the worker number is outside 0..127, or the number of workers outside 1..128.
	ErrWorker = errors.New("worker out of range")
)

// What can go wrong with a socket.
var (
	// ErrInUse: somebody listens there already.
	ErrInUse = errors.New("address in use")
	// ErrNotSocket: something that is not a socket stands at the path, and is left alone.
	ErrNotSocket = errors.New("not a socket")
	// ErrNotListening: the file given to Listener is not a listening stream socket.
	ErrNotListening = errors.New("not a listening socket")
	// ErrLocked: another process holds the folder of a unix socket locked and does not let go.
	ErrLocked = errors.New("folder locked by another process")
)

// An AddrError says what is wrong with an address and what to write instead. Its text is "problem: hint".
type AddrError struct {
	Problem string // "port 70000 is out of range 1..65535"
	Hint    string // "choose a port from 1 to 65535"
	Err     error  // one of the sentinels above
}

// Error returns "problem: hint".
func (e *AddrError) Error() string { return e.Problem + ": " + e.Hint }

// Unwrap returns the sentinel.
func (e *AddrError) Unwrap() error { return e.Err }
