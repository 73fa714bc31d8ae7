package chunk

import (
	"encoding/binary"
	"fmt"
)

// apply does what a message asks of the chunk layer itself. Both messages are
// four bytes: a size or a chunk stream id. They are obeyed on every chunk
// stream, though RTMP 1.0 §5.4 wants them on chunk stream 2.
func (r *Reader) apply(m *Message) error {
	switch m.Type {
	case TypeSetChunkSize:
		return r.setChunkSize(m.Payload)
	case TypeAbort:
		r.abort(m.Payload)
	}
	return nil
}

// setChunkSize applies a SetChunkSize message (RTMP 1.0 §5.4.1). It holds for
// the next chunk of every chunk stream, also inside a message.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-------------------------------------------------------------+
//	|0|                     chunk size (31 bits)                    |
//	+-+-------------------------------------------------------------+
func (r *Reader) setChunkSize(body []byte) error {
	switch {
	case len(body) == 0:
		return nil // announces nothing
	case len(body) < 4:
		// It announces something that we cannot know: from here on we would
		// look for headers in the wrong places.
		return fmt.Errorf("%w: message of %d bytes", ErrChunkSize, len(body))
	}
	size := binary.BigEndian.Uint32(body)
	if size == 0 || size > 1<<31-1 {
		return fmt.Errorf("%w: %d", ErrChunkSize, size)
	}
	r.chunkSize = int(min(size, MaxChunkSize))
	return nil
}

// abort applies an Abort message (RTMP 1.0 §5.4.2): the rest of the message
// that is arriving on the chunk stream will not come. One that names no chunk
// stream, or one where nothing is arriving, does nothing.
func (r *Reader) abort(body []byte) {
	if len(body) < 4 {
		return
	}
	if s := r.streams.get(binary.BigEndian.Uint32(body)); s != nil && s.partial {
		r.inFlight -= s.header.length
		s.drop()
	}
}
