// Package httpplay is the HTTP around a stream without an end: which requests ask for one, which sites' pages may, and what is answered.
//
// The connection of who plays is taken from the HTTP server, and the stream is written to it past everything that buffers. So answers are made here
// as bytes, too.
package httpplay
