package sign

import "errors"

// Their texts are fit for the client.
var (
	// ErrMissing says that there is no expires or no signature.
	ErrMissing = errors.New("a signed URL is needed")
	// ErrInvalid says that the signature is not that of this action, stream and time, or that what is there can't be read.
	ErrInvalid = errors.New("the URL's signature is not valid")
	// ErrExpired says that the signature was good once.
	ErrExpired = errors.New("the signed URL has expired")
)

// Kind names what Verify returned, out of a fixed set, fit to be a metric label: "ok", "missing", "expired" or "invalid".
func Kind(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrMissing):
		return "missing"
	case errors.Is(err, ErrExpired):
		return "expired"
	default:
		return "invalid"
	}
}
