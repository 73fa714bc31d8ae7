// Package bench measures RTMP and HTTP-FLV servers: it publishes paced streams ([Publish]), plays them with many players ([Play]), and tells what the
// kernel alone would cost ([Limit]).
//
// What it publishes is valid H.264 and AAC, and every message carries a stamp: stream, sequence number, send time and a filling that follows from
// them. So a player that verifies can build the message again and compare it byte by byte, sees each gap and each step back, and measures latency
// between processes of one machine. Most players only discard: the kernel drops what arrives without copying it, so that hundreds of them cost less
// than the server that is measured.
package bench
