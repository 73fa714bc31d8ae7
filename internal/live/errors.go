package live

import "errors"

var (
	// ErrPublishing is returned when a stream has a local publisher already.
	ErrPublishing = errors.New("live: the stream is being published")
	// ErrDetached is returned by a feed that another one replaced, or that was detached.
	ErrDetached = errors.New("live: the feed is detached")
	// ErrControlBacklog is returned when a player does not read what it asked for: its control bytes pile up.
	ErrControlBacklog = errors.New("live: too many control bytes wait for the player")
	// ErrClosed is returned when the hub is closing.
	ErrClosed = errors.New("live: closed")
	// ErrStalled is the cause of an end by the stall timeout.
	ErrStalled = errors.New("live: the player takes no bytes")
)

// EndReason tells why a player's or a publisher's session ended. The values are a closed set, fit for a metric's label.
type EndReason string

// The reasons.
const (
	EndUnpublished EndReason = "unpublished" // the publisher went and did not come back in time
	EndNotFound    EndReason = "not_found"   // nobody published within the time a player waits
	EndShutdown    EndReason = "shutdown"    // the server stops
	EndStalled     EndReason = "stalled"     // took no bytes for the stall timeout
	EndGone        EndReason = "gone"        // the peer left, or its connection broke
	EndKicked      EndReason = "kicked"      // an operator ended it
	EndTakenOver   EndReason = "taken_over"  // another publisher took the stream's name
	EndRedirected  EndReason = "redirected"  // the connection goes on with another stream
)
