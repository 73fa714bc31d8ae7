package fmp4

import "errors"

// Errors of Remux, beside those of its source and destination.
var (
	// ErrFormat is what a source is that is no FLV. Nothing was written.
	ErrFormat = errors.New("not an FLV stream")
	// ErrNoTrack is what a source is of whose codecs none can be written. Nothing was written.
	ErrNoTrack = errors.New("no codec that can be played")
	// ErrChanged is when a stream's codec changes in the middle, or it gets a track that it did not have at the beginning: players must begin anew.
	ErrChanged = errors.New("the stream has other tracks now")
)
