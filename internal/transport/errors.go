package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// An Error is a reason for which this package refuses a connection. Errors wrap one of the Err… values below with what happened.
type Error struct{ kind, text string }

// Error describes e for people.
func (e *Error) Error() string { return "transport: " + e.text }

// Kind names e for machines: a short, stable string, fit to be a metric label.
func (e *Error) Kind() string { return e.kind }

var (
	// ErrProxyHeader means that a trusted proxy sent no PROXY header, a damaged one, or not all of it in time.
	ErrProxyHeader = &Error{"proxy_header", "no usable PROXY header"}

	// ErrTLS means that the TLS handshake failed, or that the peer broke the protocol later.
	ErrTLS = &Error{"tls", "TLS failed"}

	// errNotIdentified means that Peer was not called on a connection with a PROXY header.
	errNotIdentified = errors.New("transport: the PROXY header is not read yet")

	// errBacklog means that a peer makes the TLS layer answer it, and reads none of the answers.
	errBacklog = errors.New("transport: the peer does not read")
)

// headerError names what went wrong while the PROXY header was read. A connection that ends before its first byte is nobody's fault: health
// checks do that.
func headerError(read int, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrProxyHeader, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF) && read > 0:
		return fmt.Errorf("%w: %w", ErrProxyHeader, io.ErrUnexpectedEOF)
	default:
		return err
	}
}

// handshakeError names what went wrong in a TLS handshake. Again, an end before the first byte is none.
func handshakeError(heard bool, err error) error {
	switch {
	case errors.Is(err, io.EOF) && !heard:
		return io.EOF
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrTLS, err)
}

// recordError names what went wrong behind the handshake: crypto/tls marks alerts, its own and the peer's, by these operations.
func recordError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "local error" || op.Op == "remote error") {
		return fmt.Errorf("%w: %w", ErrTLS, err)
	}
	return err
}
