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
	lent    *block // what payload is in, if it is borrowed

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
}

// missing returns how many bytes of the message are still to come.
func (s *stream) missing() int { return s.header.length - len(s.payload) }

// space returns room for at most n bytes more of the payload, and at least one
// if n > 0. It allocates, or borrows, in proportion to what arrived already.
func (s *stream) space(n int, borrow bool) []byte {
	have := len(s.payload)
	if have == cap(s.payload) {
		want := min(max(2*have, firstStep, s.largest), s.header.length)
		if borrow {
			s.move(borrowBlock(want))
		} else {
			s.payload = append(make([]byte, 0, want), s.payload...)
		}
	}
	return s.payload[have:min(have+n, cap(s.payload))]
}

// move takes what arrived to a larger block.
func (s *stream) move(b *block) {
	s.payload = append(b.mem[:0], s.payload...)
	s.lent.giveBack()
	s.lent = b
}

// arrived adds n bytes, which stand in what space returned.
func (s *stream) arrived(n int) { s.payload = s.payload[:len(s.payload)+n] }

// take ends the message and returns it, with the block that its payload is in,
// if it is in one.
func (s *stream) take() (m Message, lent *block) {
	m = Message{
		Type:      s.header.typ,
		StreamID:  s.header.streamID,
		Timestamp: s.timestamp,
		Payload:   s.payload,
	}
	s.largest = max(s.largest, len(s.payload))
	lent, s.lent = s.lent, nil
	s.drop()
	return m, lent
}

// drop forgets the message that is arriving.
func (s *stream) drop() {
	s.lent.giveBack()
	s.partial, s.payload, s.lent = false, nil, nil
}

// extendedField returns the extended timestamp that belongs on the wire of a
// fmt 3 chunk of s.
func (s *stream) extendedField() (field [extendedSize]byte) {
	binary.BigEndian.PutUint32(field[:], s.header.time)
	return field
}

// streams are the chunk streams of a Reader. Nearly all peers use a few low
// ids, so those are looked up by their place.
type streams struct {
	count int
	low   []*stream          // from MinChunkStreamID on; nil where there is none
	high  map[uint32]*stream // the ids that a basic header of one byte can't hold
}

// firstLongID is the first chunk stream id whose basic header is longer than a
// byte (RTMP 1.0 §5.3.1.1).
const firstLongID = 64

// get returns the chunk stream csid, or nil.
func (s *streams) get(csid uint32) *stream {
	if csid >= firstLongID {
		return s.high[csid]
	}
	if i := int(csid) - MinChunkStreamID; 0 <= i && i < len(s.low) {
		return s.low[i]
	}
	return nil
}

// add makes the chunk stream csid, which there is not yet.
func (s *streams) add(csid uint32) *stream {
	added := new(stream)
	s.count++
	if csid >= firstLongID {
		if s.high == nil {
			s.high = make(map[uint32]*stream)
		}
		s.high[csid] = added
		return added
	}
	for i := int(csid) - MinChunkStreamID; i >= len(s.low); {
		s.low = append(s.low, nil)
	}
	s.low[csid-MinChunkStreamID] = added
	return added
}
