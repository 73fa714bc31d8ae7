package rtmp

import "github.com/rtmp-edge/rtmp-edge/rtmp/chunk"

// A Message is one whole RTMP message (RTMP 1.0 §5.3, §6.1).
type Message = chunk.Message

// A MessageType says what a message's payload is (RTMP 1.0 §5.4, §7.1).
type MessageType = chunk.MessageType

// Message types.
const (
	TypeSetChunkSize     = chunk.TypeSetChunkSize
	TypeAbort            = chunk.TypeAbort
	TypeAcknowledgement  = chunk.TypeAcknowledgement
	TypeUserControl      = chunk.TypeUserControl
	TypeWindowAckSize    = chunk.TypeWindowAckSize
	TypeSetPeerBandwidth = chunk.TypeSetPeerBandwidth
	TypeAudio            = chunk.TypeAudio
	TypeVideo            = chunk.TypeVideo
	TypeDataAMF3         = chunk.TypeDataAMF3
	TypeCommandAMF3      = chunk.TypeCommandAMF3
	TypeData             = chunk.TypeData
	TypeCommand          = chunk.TypeCommand
	TypeAggregate        = chunk.TypeAggregate
)

// Chunk stream ids of everything this package writes. Those of media carry
// nothing else, so that a message's bytes are the same for every player.
const (
	CSIDControl = 2 // protocol control, RTMP 1.0 §5.4
	CSIDCommand = 3
	CSIDAudio   = 4
	CSIDStatus  = 5
	CSIDVideo   = 6
	CSIDData    = 8
)

// FramedStreamIDOffset is where the message stream id stands in a message
// framed by AppendMessage on a csid below 64: four bytes, little endian
// (RTMP 1.0 §5.3.1.2.1).
const FramedStreamIDOffset = 8

// maxPayload is what the three-byte message length can express (RTMP 1.0 §6.1.1).
const maxPayload = 1<<24 - 1

// CSIDFor returns the chunk stream id on which messages of type t are written.
func CSIDFor(t MessageType) uint32 {
	switch t {
	case TypeAudio:
		return CSIDAudio
	case TypeVideo, TypeAggregate:
		return CSIDVideo
	case TypeData, TypeDataAMF3:
		return CSIDData
	case TypeCommand, TypeCommandAMF3:
		return CSIDCommand
	default:
		return CSIDControl
	}
}

// AppendMessage appends m framed in chunks of chunkSize to dst; see
// [chunk.AppendMessage].
func AppendMessage(dst []byte, csid uint32, chunkSize int, m *Message) []byte {
	return chunk.AppendMessage(dst, csid, chunkSize, m)
}

// FramedSize returns how many bytes AppendMessage appends.
func FramedSize(csid uint32, chunkSize int, m *Message) int {
	return chunk.FramedSize(csid, chunkSize, m)
}

// unwrapAMF3 turns messages of types 15 and 17 into their AMF 0 twins. They
// say "AMF 3", but what encoders and players send in them is AMF 0 behind one
// zero byte, the format selector. ok is false for real AMF 3, which nobody can
// read here.
func unwrapAMF3(m *Message) (ok bool) {
	switch m.Type {
	case TypeDataAMF3:
		m.Type = TypeData
	case TypeCommandAMF3:
		m.Type = TypeCommand
	default:
		return true
	}
	if len(m.Payload) > 0 && m.Payload[0] == 0 {
		m.Payload = m.Payload[1:]
	}
	const amf0String = 0x02 // what every command and data message starts with
	return len(m.Payload) > 0 && m.Payload[0] == amf0String
}
