// Package httpflv is the HTTP around an FLV file without an end: which requests ask for one, and what is answered.
//
// The connection of who plays is taken from the HTTP server, and the file is written to it past everything that buffers. So answers are made here
// as bytes, too.
package httpflv
