package chunk

import (
	"fmt"
	"slices"
)

// AppendMessage appends m to dst in chunks of chunkSize bytes on the chunk
// stream csid, and returns the extended slice. The first chunk has a full
// header (fmt 0) with the absolute timestamp, the others none (fmt 3); every
// chunk carries the extended timestamp if the timestamp needs one (RTMP 1.0
// §5.3.1.3).
//
// AppendMessage keeps no state: what it appends depends on its arguments only,
// and a peer understands it whatever was sent on csid before.
//
// It panics if csid is not in MinChunkStreamID..MaxChunkStreamID, if chunkSize
// is less than 1, or if the payload is longer than MaxMessageSize.
func AppendMessage(dst []byte, csid uint32, chunkSize int, m *Message) []byte {
	dst = slices.Grow(dst, FramedSize(csid, chunkSize, m))
	dst = appendBasicHeader(dst, fmtFull, csid)
	dst = appendFullHeader(dst, &messageHeader{
		time:     m.Timestamp,
		length:   len(m.Payload),
		typ:      m.Type,
		streamID: m.StreamID,
	})
	rest := m.Payload
	for len(rest) > chunkSize {
		dst = append(dst, rest[:chunkSize]...)
		rest = rest[chunkSize:]
		dst = appendBasicHeader(dst, fmtNone, csid)
		dst = appendExtended(dst, m.Timestamp)
	}
	return append(dst, rest...)
}

// FramedSize returns how many bytes AppendMessage appends for the same
// arguments. It panics as AppendMessage does.
func FramedSize(csid uint32, chunkSize int, m *Message) int {
	checkArguments(csid, chunkSize, m)
	perChunk := 1
	if csid >= 64 {
		perChunk++
	}
	if csid >= 64+256 {
		perChunk++
	}
	if m.Timestamp >= extendedMark {
		perChunk += extendedSize
	}
	chunks := 1
	if n := len(m.Payload); n > chunkSize {
		chunks = (n-1)/chunkSize + 1
	}
	return messageHeaderSize[fmtFull] + chunks*perChunk + len(m.Payload)
}

// checkArguments panics on what would be unreadable for the peer: all of it is
// a mistake of the caller, who chose the ids and sizes.
func checkArguments(csid uint32, chunkSize int, m *Message) {
	switch {
	case csid < MinChunkStreamID || csid > MaxChunkStreamID:
		panic(fmt.Sprintf("rtmp chunk: chunk stream id %d", csid))
	case chunkSize < 1:
		panic(fmt.Sprintf("rtmp chunk: chunk size %d", chunkSize))
	case len(m.Payload) > MaxMessageSize:
		panic(fmt.Sprintf("rtmp chunk: message of %d bytes", len(m.Payload)))
	}
}
