package codecs

import "errors"

// Errors that callers tell apart. Others say what is wrong with a header.
var (
	// ErrNotHeader is what a payload gets that is no sequence header.
	ErrNotHeader = errors.New("not a sequence header")
	// ErrUnsupported is what a header gets that is not read here: of another codec, or of a kind of it that parsers don't know.
	ErrUnsupported = errors.New("unsupported")
	// ErrTruncated is what a header gets that breaks off.
	ErrTruncated = errors.New("truncated")
)
