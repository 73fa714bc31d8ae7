package amf0

import "io"

// An Error is a way in which a value can be wrong. The errors of this package
// wrap one of the Err… values below with the place where it happened.
type Error struct {
	kind  string
	text  string
	cause error // what errors.Is finds in it besides itself, or nil
}

// Error describes e for people.
func (e *Error) Error() string { return "amf0: " + e.text }

// Kind names e for machines: a short, stable string out of a fixed set, fit to
// be a metric label.
func (e *Error) Kind() string { return e.kind }

// Unwrap returns the standard library's name for e, if there is one.
func (e *Error) Unwrap() error { return e.cause }

var (
	// ErrTruncated means that the input ends inside a value. It is an
	// io.ErrUnexpectedEOF to errors.Is.
	ErrTruncated = &Error{"amf0_truncated", "input ends inside a value", io.ErrUnexpectedEOF}

	// ErrMarker means that a value starts with a type marker that is unknown,
	// reserved, or out of place.
	ErrMarker = &Error{"amf0_marker", "unknown type marker", nil}

	// ErrDepth means that objects and arrays nest deeper than Limits.MaxDepth.
	ErrDepth = &Error{"amf0_depth", "values nest too deep", nil}

	// ErrNodes means that there are more values than Limits.MaxNodes.
	ErrNodes = &Error{"amf0_nodes", "too many values", nil}

	// ErrType means that Append was given a Go type that has no AMF 0 type.
	ErrType = &Error{"amf0_type", "Go type without an AMF 0 type", nil}

	// ErrTooLong means that Append was given a key, a class name, a string or
	// an array whose length does not fit into its length field.
	ErrTooLong = &Error{"amf0_too_long", "length does not fit its field", nil}
)
