package live

import (
	"encoding/binary"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// Kind is what a packet carries.
type Kind uint8

// The kinds, usable as indices.
const (
	Audio Kind = iota
	Video
	Data
	kinds
)

// String returns the kind as a metric's label.
func (k Kind) String() string { return [...]string{"audio", "video", "data"}[k] }

// other returns video for audio, and audio for video.
func (k Kind) other() Kind { return Audio + Video - k }

// sharedStreamID is the message stream id that packets are framed with: the one that the first createStream of a connection yields, so nearly
// every player's. The others get a patched copy of the twelve header bytes.
const sharedStreamID = 1

// headerSize is the size of a fmt 0 basic and message header of a chunk stream id below 64 (RTMP 1.0 §5.3.1.1, §5.3.1.2.1).
const headerSize = 12

// A packet is one message of the log: where its RTMP chunks are, and what it is. It is immutable.
type packet struct {
	at        uint64 // position in the stream
	arrived   int64  // nanoseconds on the hub's monotonic clock
	size      uint32 // bytes of the chunks
	timestamp uint32
	payload   uint32 // bytes of the message in them
	kind      Kind
	keyframe  bool
}

// end is the position behind the packet.
func (p *packet) end() uint64 { return p.at + uint64(p.size) }

// packetOverhead is about what a packet takes besides its bytes.
const packetOverhead = 100

// cost is what the packet counts in the bounds of the log.
func (p *packet) cost() int { return int(p.size) + packetOverhead }

// classified is a message with what its first bytes say.
type classified struct {
	flv.Tag
	payload  []byte
	kind     Kind
	keyframe bool // players may start at it
}

// header tells whether players need the message before what follows: it is kept for those that come later.
func (c *classified) header() bool { return c.Type.Header() }

// media tells whether it is a frame.
func (c *classified) media() bool { return c.Type.Media() }

func classify(m *rtmp.Message) (c classified, ok bool) {
	c.payload = m.Payload
	switch m.Type {
	case rtmp.TypeAudio:
		c.kind, c.Tag = Audio, flv.ParseAudio(m.Payload)
	case rtmp.TypeVideo:
		c.kind, c.Tag = Video, flv.ParseVideo(m.Payload)
	case rtmp.TypeData:
		c.kind, c.payload = Data, flv.Unwrap(m.Payload)
		if flv.IsMetadata(c.payload) {
			c.Type, c.Tracks = flv.Properties, flv.Track(0)
		}
	default:
		return c, false
	}
	return c, true
}

var messageTypes = [kinds]rtmp.MessageType{Audio: rtmp.TypeAudio, Video: rtmp.TypeVideo, Data: rtmp.TypeData}

// framing is a message as every player gets it.
func framing(k Kind, timestamp uint32, payload []byte) rtmp.Message {
	return rtmp.Message{Type: messageTypes[k], StreamID: sharedStreamID, Timestamp: timestamp, Payload: payload}
}

// frame appends a message in RTMP chunks, as every player gets it.
func frame(dst []byte, k Kind, timestamp uint32, payload []byte) []byte {
	m := framing(k, timestamp, payload)
	return rtmp.AppendMessage(dst, rtmp.CSIDFor(m.Type), rtmp.DefaultChunkSize, &m)
}

// framedSize is how many bytes frame appends.
func framedSize(k Kind, timestamp uint32, payload []byte) int {
	m := framing(k, timestamp, payload)
	return chunk.FramedSize(rtmp.CSIDFor(m.Type), rtmp.DefaultChunkSize, &m)
}

// patched returns framed's header with another message stream id.
func patched(framed []byte, streamID uint32) []byte {
	h := append([]byte(nil), framed[:headerSize]...)
	binary.LittleEndian.PutUint32(h[rtmp.FramedStreamIDOffset:], streamID)
	return h
}

// appendFramed appends the pieces to write for a framed message to a player with that message stream id, but for the first bytes, which it has.
func appendFramed(iov [][]byte, framed []byte, streamID uint32, had int) [][]byte {
	if streamID == sharedStreamID || had >= headerSize {
		return append(iov, framed[had:])
	}
	return append(iov, patched(framed, streamID)[had:], framed[headerSize:])
}
