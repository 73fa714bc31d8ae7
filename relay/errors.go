package relay

import "errors"

var (
	// ErrEnded is how a pull ends when the owner says that the publication is over.
	ErrEnded = errors.New("relay: the publication ended")
	// ErrMoved is how a pull ends when the zone no longer names that publication.
	ErrMoved = errors.New("relay: the stream is somewhere else now")
)
