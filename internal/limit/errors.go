package limit

import "errors"

var (
	// ErrTotal says that as many connections are open as may be.
	ErrTotal = errors.New("limit: too many connections")
	// ErrAddress says that as many connections are open from one address as may be.
	ErrAddress = errors.New("limit: too many connections from this address")
)
