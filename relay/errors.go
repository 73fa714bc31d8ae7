package relay

import "errors"

var (
	// ErrEnded is how a pull ends when the owner says that the publication is over.
	ErrEnded = errors.New("relay: the publication ended")
	// ErrTakenOver is how a pull ends when the owner says that another publisher takes the stream over.
	ErrTakenOver = errors.New("relay: another publisher took the stream over")
	// ErrPanic is how a pull ends that met a bug of ours.
	ErrPanic = errors.New("relay: panic")
	// ErrMoved is how a pull ends when the zone no longer names that publication.
	ErrMoved = errors.New("relay: the stream is somewhere else now")
)
