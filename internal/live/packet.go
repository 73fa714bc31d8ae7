package live

import (
	"encoding/binary"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
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

// A packet is one message of the log. It is immutable.
type packet struct {
	framed    []byte // the RTMP chunks
	arrived   int64  // nanoseconds on the hub's monotonic clock
	timestamp uint32
	kind      Kind
	keyframe  bool
}

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

// frame appends a message in RTMP chunks, as every player gets it.
func frame(dst []byte, k Kind, timestamp uint32, payload []byte) []byte {
	m := rtmp.Message{Type: messageTypes[k], StreamID: sharedStreamID, Timestamp: timestamp, Payload: payload}
	return rtmp.AppendMessage(dst, rtmp.CSIDFor(m.Type), rtmp.DefaultChunkSize, &m)
}

// patched returns framed's header with another message stream id.
func patched(framed []byte, streamID uint32) []byte {
	h := append([]byte(nil), framed[:headerSize]...)
	binary.LittleEndian.PutUint32(h[rtmp.FramedStreamIDOffset:], streamID)
	return h
}

// appendFramed appends the pieces to write for a framed message to a player with that message stream id.
func appendFramed(iov [][]byte, framed []byte, streamID uint32) [][]byte {
	if streamID == sharedStreamID {
		return append(iov, framed)
	}
	return append(iov, patched(framed, streamID), framed[headerSize:])
}
