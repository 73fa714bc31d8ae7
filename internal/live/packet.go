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
	kind     Kind
	codec    string
	payload  []byte
	keyframe bool
	header   bool // a sequence header or metadata: kept for players that come later
}

func classify(m *rtmp.Message) (c classified, ok bool) {
	c.payload = m.Payload
	switch m.Type {
	case rtmp.TypeAudio:
		t := flv.ParseAudio(m.Payload)
		c.kind, c.codec, c.header = Audio, t.Codec, t.SequenceHeader
	case rtmp.TypeVideo:
		t := flv.ParseVideo(m.Payload)
		c.kind, c.codec, c.header, c.keyframe = Video, t.Codec, t.SequenceHeader, t.Keyframe
	case rtmp.TypeData:
		c.payload = flv.Unwrap(m.Payload)
		c.kind, c.header = Data, flv.IsMetadata(c.payload)
	default:
		return c, false
	}
	c.header = c.header && len(c.payload) <= maxHeader
	return c, true
}

// maxHeader bounds what is kept of a stream for players to come, each kind. Real metadata and sequence headers have a few hundred bytes.
const maxHeader = 64 << 10

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

// headers is what a player needs before its first frame: the payloads of the newest metadata and sequence headers. Immutable.
type headers struct{ payload [kinds][]byte }

// with returns a copy of h with one payload replaced.
func (h *headers) with(k Kind, payload []byte) *headers {
	n := *h
	n.payload[k] = payload
	return &n
}

// metadataTimestamp is what metadata gets that is not sent on just as it came: ffmpeg takes metadata of any other time for a subtitle.
const metadataTimestamp = 0

// prelude frames the headers: metadata first, then video, then audio, these with the timestamp of the frame that follows.
func (h *headers) prelude(timestamp, streamID uint32) [][]byte {
	var out [][]byte
	if p := h.payload[Data]; p != nil {
		out = appendFramed(out, frame(nil, Data, metadataTimestamp, p), streamID)
	}
	for _, k := range [...]Kind{Video, Audio} {
		if p := h.payload[k]; p != nil {
			out = appendFramed(out, frame(nil, k, timestamp, p), streamID)
		}
	}
	return out
}

// appendFramed appends the pieces to write for a framed message to a player with that message stream id.
func appendFramed(iov [][]byte, framed []byte, streamID uint32) [][]byte {
	if streamID == sharedStreamID {
		return append(iov, framed)
	}
	return append(iov, patched(framed, streamID), framed[headerSize:])
}
