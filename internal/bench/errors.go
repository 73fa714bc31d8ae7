package bench

import "errors"

var (
	// ErrFound means that the run was whole, and that what it saw was not: a gap, a wrong byte, an end before its time.
	ErrFound = errors.New("not all that was published arrived as it should")

	// ErrNotLocal means that a server is not on this machine, and that this was not allowed.
	ErrNotLocal = errors.New("not an address of this machine (--anywhere allows it: load only what is yours)")

	// ErrOptions means options that contradict each other or can't be met.
	ErrOptions = errors.New("bad options")
)
