// Package codecs reads the decoder configurations that sequence headers carry: what a stream is, in the words of people (profile, level, picture
// size …) and of browsers (RFC 6381 codecs strings), and what a muxer must know.
//
// The bytes come from anybody who may publish. So a header that is broken is an error, beside which stands what could be read of it, and nothing is
// allocated for sizes that are only claimed.
package codecs
