// Package chunk is the chunk layer of RTMP: it cuts messages into chunks and
// puts them together again (RTMP 1.0 §5.3).
//
// A message travels as one or more chunks of a chunk stream. Chunks of
// different chunk streams may be interleaved, so that a large video message
// does not hold up audio. The header of a chunk leaves out what the previous
// chunk of its chunk stream said already.
//
// [AppendMessage] writes and has no state: the bytes of a message depend on
// its arguments only, so that they can be built once for every player of a
// stream. A [Reader] reads. It is made for hostile input: [Limits] are checked
// as soon as a header is complete, and memory grows with what arrived, not
// with what a header claims.
//
// Readers share their memory: what a Reader holds is what has arrived and is not
// read yet. While nothing arrives it holds no buffer, if its source is a
// [PatientReader], as a [Socket] is. With [Reader.ReuseBuffers] a message is
// handed out where it stands, and reading allocates nothing in the long run.
package chunk
