package chunk

// An Error is a way in which a peer can break the chunk protocol or our
// limits. The errors of a Reader wrap one of the Err… values below with the
// numbers of the case, or an error of the underlying io.Reader.
type Error struct {
	kind string
	text string
}

// Error describes e for people.
func (e *Error) Error() string { return "rtmp chunk: " + e.text }

// Kind names e for machines: a short, stable string out of a fixed set, fit to
// be a metric label.
func (e *Error) Kind() string { return e.kind }

var (
	// ErrNoHeader means that a chunk stream starts with a header that refers
	// to an earlier one (fmt 2 or 3).
	ErrNoHeader = &Error{"chunk_no_header", "chunk refers to a header that was never sent"}

	// ErrHeaderInMessage means that a chunk inside a message has a message
	// header of its own (fmt 0, 1 or 2).
	ErrHeaderInMessage = &Error{"chunk_header_in_message", "message header inside a message"}

	// ErrChunkSize means a SetChunkSize with a size of 0 or with bit 31 set,
	// or one that is cut short.
	ErrChunkSize = &Error{"chunk_size", "bad chunk size"}

	// ErrChunkStreams means more chunk streams than Limits.MaxChunkStreams.
	ErrChunkStreams = &Error{"chunk_streams", "too many chunk streams"}

	// ErrMessageSize means a message longer than the limit of its type.
	ErrMessageSize = &Error{"message_size", "message too long"}

	// ErrInFlight means that the messages that have started and not ended are
	// longer together than Limits.MaxInFlight.
	ErrInFlight = &Error{"messages_in_flight", "too much in flight"}
)

// ErrNotYet is what PatientReader.ReadNow returns when there is nothing to read
// yet.
var ErrNotYet error = notYetError{}

// A notYetError is a net.Error, so that crypto/tls, too, knows that it will pass.
type notYetError struct{}

func (notYetError) Error() string { return "rtmp chunk: nothing to read yet" }

// Timeout implements net.Error.
func (notYetError) Timeout() bool { return true }

// Temporary implements net.Error.
func (notYetError) Temporary() bool { return true }
