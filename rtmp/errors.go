package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// An Error is a reason for which this package ends a connection or refuses a
// call. Errors wrap one of the Err… values below with what happened.
type Error struct {
	kind  string
	text  string
	cause error // what errors.Is finds in it besides itself, or nil
}

// Error describes e for people.
func (e *Error) Error() string { return "rtmp: " + e.text }

// Kind names e for machines: a short, stable string out of a fixed set, fit to
// be a metric label.
func (e *Error) Kind() string { return e.kind }

// Unwrap returns the standard library's name for e, if there is one.
func (e *Error) Unwrap() error { return e.cause }

var (
	// ErrHandshake means that the peer does not speak RTMP: a first byte other
	// than version 3, or an end of the connection in the handshake.
	ErrHandshake = &Error{"handshake", "handshake failed", nil}

	// ErrHandshakeTimeout means that the handshake took longer than
	// Config.HandshakeTimeout.
	ErrHandshakeTimeout = &Error{"handshake_timeout", "handshake not complete in time", os.ErrDeadlineExceeded}

	// ErrConnectTimeout means that no `connect` (as a client: no answer to it)
	// came within Config.ConnectTimeout.
	ErrConnectTimeout = &Error{"connect_timeout", "not connected in time", os.ErrDeadlineExceeded}

	// ErrCommandTimeout means that a connected peer neither published nor
	// played for Config.CommandTimeout.
	ErrCommandTimeout = &Error{"command_timeout", "neither publish nor play in time", os.ErrDeadlineExceeded}

	// ErrIdleTimeout means that a peer that publishes sent no media for
	// Config.IdleTimeout.
	ErrIdleTimeout = &Error{"idle_timeout", "publishes and sends no media", os.ErrDeadlineExceeded}

	// ErrWriteTimeout means that the peer did not take a message within
	// Config.WriteTimeout.
	ErrWriteTimeout = &Error{"write_timeout", "peer does not read", os.ErrDeadlineExceeded}

	// ErrFlood means more commands or control messages than Config.CommandRate
	// and Config.CommandBurst allow.
	ErrFlood = &Error{"flood", "too many commands or control messages", nil}

	// ErrStrayMedia means that the peer went on sending audio, video or data on
	// a message stream that does not publish (or, as a client, play).
	ErrStrayMedia = &Error{"stray_media", "media on a stream that is not active", nil}

	// ErrCommand means that a command's body is malformed.
	ErrCommand = &Error{"command", "malformed command", nil}

	// ErrAggregate means that an aggregate message ends inside a part.
	ErrAggregate = &Error{"aggregate", "malformed aggregate message", nil}

	// ErrReply means that a server's answer to one of our commands makes no
	// sense.
	ErrReply = &Error{"reply", "senseless answer to a command", nil}

	// ErrBacklog means that more media arrived on an active stream during a
	// Publish or Play than is kept for Next.
	ErrBacklog = &Error{"backlog", "too much media while waiting for an answer", nil}

	// ErrClosed means that the connection was closed on this end.
	ErrClosed = &Error{"closed", "connection is closed", net.ErrClosed}

	// ErrNotConnected means a call that needs AcceptConnect first.
	ErrNotConnected = &Error{"not_connected", "not connected", nil}

	// ErrNoStream means a call for a message stream that is not in the state
	// that the call needs; the peer may have closed it meanwhile.
	ErrNoStream = &Error{"no_stream", "no such message stream", nil}

	// ErrTooLong means a message to write with a payload over 16 MiB − 1, which
	// no RTMP header can express.
	ErrTooLong = &Error{"too_long", "message too long to be written", nil}

	// ErrURL means that a text is not an rtmp:// or rtmps:// URL.
	ErrURL = &Error{"url", "not a usable rtmp:// or rtmps:// URL", nil}

	// ErrTLS means that there is no TLS with the server of an rtmps:// URL: it
	// does not speak it, or its certificate is not to be trusted.
	ErrTLS = &Error{"tls", "TLS handshake failed", nil}
)

// Kind returns the reason of an error of this package or of its subpackages as
// a short string out of a fixed set, fit to be a metric label.
func Kind(err error) string {
	var kinded interface{ Kind() string }
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	case errors.As(err, new(*StatusError)):
		return "refused"
	case errors.As(err, &kinded):
		return kinded.Kind()
	case errors.Is(err, net.ErrClosed):
		return ErrClosed.kind
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	default:
		return "io"
	}
}
