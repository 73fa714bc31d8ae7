package rtmp

import (
	"encoding/binary"
	"fmt"
)

// An aggregate is what is left to read of an aggregate message, which is a row
// of FLV tags (RTMP 1.0 §7.1.6):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     Type      |                  Data Size                    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|              Timestamp, low 24 bits           | Timestamp, top|
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                  Stream ID                    |   Data ...
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                        Back Pointer                           |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// The aggregate's timestamp is that of its first part; the others keep their
// distance to it, whatever their own count starts from.
type aggregate struct {
	rest      []byte
	streamID  uint32 // the aggregate's; those of the parts say nothing
	timestamp uint32 // the aggregate's
	first     uint32 // the first part's own timestamp
	begun     bool   // first is known
	maxData   int    // bytes of a data part
	reuse     bool   // parts are returned as they stand in the aggregate
}

const (
	tagHeaderSize   = 11
	backPointerSize = 4
)

func newAggregate(m *Message, cfg *Config) aggregate {
	return aggregate{rest: m.Payload, streamID: m.StreamID, timestamp: m.Timestamp, maxData: cfg.MaxDataSize, reuse: cfg.ReuseBuffers}
}

// next returns the next part that is audio, video or data. ok is false at the
// end. The back pointer of the last part may be missing.
func (a *aggregate) next() (m Message, ok bool, err error) {
	for len(a.rest) > 0 {
		if len(a.rest) < tagHeaderSize {
			return m, false, fmt.Errorf("%w: %d bytes left for a header", ErrAggregate, len(a.rest))
		}
		header := a.rest[:tagHeaderSize]
		size := int(binary.BigEndian.Uint32(header[0:4]) & 0xffffff)
		timestamp := binary.BigEndian.Uint32(header[4:8])>>8 | uint32(header[7])<<24
		body := a.rest[tagHeaderSize:]
		if size > len(body) {
			return m, false, fmt.Errorf("%w: part of %d bytes, %d left", ErrAggregate, size, len(body))
		}
		a.rest = body[size:]
		a.rest = a.rest[min(backPointerSize, len(a.rest)):]
		if !a.begun {
			a.begun, a.first = true, timestamp
		}
		m = Message{
			Type:      MessageType(header[0]),
			StreamID:  a.streamID,
			Timestamp: a.timestamp + (timestamp - a.first),
			Payload:   body[:size:size],
		}
		if !unwrapAMF3(&m) || !isMedia(m.Type) || m.Type == TypeAggregate {
			continue
		}
		if m.Type == TypeData && size > a.maxData {
			return Message{}, false, fmt.Errorf("%w: data of %d bytes, %d are allowed", ErrAggregate, size, a.maxData)
		}
		if !a.reuse { // who keeps a part must not keep the aggregate alive
			m.Payload = append(make([]byte, 0, size), m.Payload...)
		}
		return m, true, nil
	}
	a.rest = nil // lets go of the message
	return Message{}, false, nil
}
