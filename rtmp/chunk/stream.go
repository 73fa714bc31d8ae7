package chunk

import "encoding/binary"

// firstStep is how much is allocated for a message of which nothing has
// arrived yet, on a chunk stream that has not delivered anything.
const firstStep = 4 << 10

// A stream is what a Reader remembers about one chunk stream.
type stream struct {
	// What the last headers said, for those that leave it out.
	header    messageHeader // time is the delta that a fmt 3 adds
	timestamp uint32        // absolute timestamp of the last message that began
	extended  bool          // the last fmt 0, 1 or 2 header had an extended timestamp

	// The message that is arriving.
	partial bool
	payload []byte // what arrived

	// largest is the length of the longest message that arrived whole: what
	// the peer has proved to send, and thus what a message may reserve.
	largest int
}

// begin starts a message with the header in s.header.
func (s *stream) begin(format uint8) {
	// A delta is added to the timestamp of the previous message. For fmt 3
	// behind fmt 0 that is the timestamp of the fmt 0 (RTMP 1.0 §5.3.1.2.4).
	if format == fmtFull {
		s.timestamp = s.header.time
	} else {
		s.timestamp += s.header.time
	}
	s.partial = true
	s.payload = nil
}

// missing returns how many bytes of the message are still to come.
func (s *stream) missing() int { return s.header.length - len(s.payload) }

// space returns room for at most n bytes more of the payload, and at least one
// if n > 0. It allocates in proportion to what arrived already.
func (s *stream) space(n int) []byte {
	have := len(s.payload)
	if have == cap(s.payload) {
		want := min(max(2*have, firstStep, s.largest), s.header.length)
		grown := make([]byte, have, want)
		copy(grown, s.payload)
		s.payload = grown
	}
	return s.payload[have:min(have+n, cap(s.payload))]
}

// arrived adds n bytes, which stand in what space returned.
func (s *stream) arrived(n int) { s.payload = s.payload[:len(s.payload)+n] }

// take ends the message and returns it.
func (s *stream) take() Message {
	m := Message{
		Type:      s.header.typ,
		StreamID:  s.header.streamID,
		Timestamp: s.timestamp,
		Payload:   s.payload,
	}
	s.largest = max(s.largest, len(s.payload))
	s.drop()
	return m
}

// drop forgets the message that is arriving.
func (s *stream) drop() {
	s.partial = false
	s.payload = nil
}

// extendedField returns the extended timestamp that belongs on the wire of a
// fmt 3 chunk of s.
func (s *stream) extendedField() (field [extendedSize]byte) {
	binary.BigEndian.PutUint32(field[:], s.header.time)
	return field
}
