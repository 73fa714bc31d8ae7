package chunk

import "encoding/binary"

// Sizes and bounds of the wire.
const (
	// InitialChunkSize is the chunk size of both directions until a
	// SetChunkSize (RTMP 1.0 §5.4.1).
	InitialChunkSize = 128

	// MaxChunkSize is the largest chunk size with a meaning, since no message
	// is longer (RTMP 1.0 §5.4.1).
	MaxChunkSize = MaxMessageSize

	// MaxMessageSize is the longest message that a header can announce (RTMP
	// 1.0 §5.3.1.2.1).
	MaxMessageSize = 1<<24 - 1

	// MinChunkStreamID and MaxChunkStreamID bound the chunk stream ids (RTMP
	// 1.0 §5.3.1.1). Id 2 is for protocol control messages.
	MinChunkStreamID = 2
	MaxChunkStreamID = 65599
)

// extendedMark in a 24-bit timestamp field means that the timestamp stands in
// an extended timestamp field (RTMP 1.0 §5.3.1.3).
const extendedMark = 1<<24 - 1

const extendedSize = 4

// The fmt of a chunk says which message header it has (RTMP 1.0 §5.3.1.2).
const (
	fmtFull    = 0 // timestamp, length, type, message stream id
	fmtMessage = 1 // timestamp delta, length, type
	fmtDelta   = 2 // timestamp delta
	fmtNone    = 3 // nothing
)

// messageHeaderSize is the size of the message header by fmt.
var messageHeaderSize = [4]int{11, 7, 3, 0}

// A basic header is one to three bytes (RTMP 1.0 §5.3.1.1).
//
//	 7 6 5 4 3 2 1 0   csid 2 to 63
//	+---+-----------+
//	|fmt|   csid    |
//	+---+-----------+---------------+
//	|fmt|     0     |   csid - 64   |   csid 64 to 319
//	+---+-----------+---------------+---------------+
//	|fmt|     1     |  low byte of  | high byte of  |   csid 64 to 65599
//	|   |           |   csid - 64   |   csid - 64   |
//	+---+-----------+---------------+---------------+

// basicHeaderSize returns the size of a basic header from its first byte.
func basicHeaderSize(first byte) int {
	switch first & 0x3f {
	case 0:
		return 2
	case 1:
		return 3
	default:
		return 1
	}
}

// decodeBasicHeader decodes b, which holds a whole basic header.
func decodeBasicHeader(b []byte) (format uint8, csid uint32) {
	format = b[0] >> 6
	switch csid = uint32(b[0] & 0x3f); csid {
	case 0:
		return format, uint32(b[1]) + 64
	case 1:
		return format, uint32(binary.LittleEndian.Uint16(b[1:])) + 64
	default:
		return format, csid
	}
}

// appendBasicHeader appends the shortest basic header for csid.
func appendBasicHeader(dst []byte, format uint8, csid uint32) []byte {
	switch {
	case csid < 64:
		return append(dst, format<<6|byte(csid))
	case csid < 64+256:
		return append(dst, format<<6, byte(csid-64))
	default:
		return binary.LittleEndian.AppendUint16(append(dst, format<<6|1), uint16(csid-64))
	}
}

// A messageHeader holds the fields of a message header. Which of them the wire
// carries depends on the fmt of the chunk (RTMP 1.0 §5.3.1.2):
//
//	+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+
//	|        timestamp         |          length          |  type  |   message stream id, little endian |   fmt 0
//	+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+
//	|     timestamp delta      |          length          |  type  |   fmt 1
//	+--------+--------+--------+--------+--------+--------+--------+
//	|     timestamp delta      |   fmt 2
//	+--------+--------+--------+
type messageHeader struct {
	time     uint32 // fmt 0: absolute; fmt 1 and 2: since the previous message
	length   int
	typ      MessageType
	streamID uint32
}

// decodeMessageHeader decodes b, which holds a message header without an
// extended timestamp, into h. Fields that the format leaves out stay as they
// are. If extended, then h.time is yet to come from the extended timestamp.
func decodeMessageHeader(b []byte, format uint8, h *messageHeader) (extended bool) {
	if format <= fmtDelta {
		h.time = uint24(b)
	}
	if format <= fmtMessage {
		h.length = int(uint24(b[3:]))
		h.typ = MessageType(b[6])
	}
	if format == fmtFull {
		h.streamID = binary.LittleEndian.Uint32(b[7:])
	}
	return format <= fmtDelta && h.time == extendedMark
}

// appendFullHeader appends the message header of fmt 0 with its extended
// timestamp, if it needs one.
func appendFullHeader(dst []byte, h *messageHeader) []byte {
	dst = appendUint24(dst, min(h.time, extendedMark))
	dst = appendUint24(dst, uint32(h.length))
	dst = append(dst, byte(h.typ))
	dst = binary.LittleEndian.AppendUint32(dst, h.streamID)
	return appendExtended(dst, h.time)
}

// appendExtended appends the extended timestamp of a chunk of a message at
// time, if it needs one (RTMP 1.0 §5.3.1.3).
func appendExtended(dst []byte, time uint32) []byte {
	if time < extendedMark {
		return dst
	}
	return binary.BigEndian.AppendUint32(dst, time)
}

func uint24(b []byte) uint32 {
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
}

func appendUint24(dst []byte, v uint32) []byte {
	return append(dst, byte(v>>16), byte(v>>8), byte(v))
}
