package live

import (
	"encoding/binary"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Sizes of the parts of an FLV file (Video File Format Specification 10.1 §E.2, §E.3, §E.4.1).
const (
	tagHeaderSize = 11
	tagBackSize   = 4 // PreviousTagSize, which is behind the tag that it is the size of
)

// Bits of the type flags of an FLV file (FLV §E.2).
const (
	flvVideo = 1 << 0
	flvAudio = 1 << 2
)

// flvHeader is the beginning of an FLV file: its header, and the size of the tag before the first, which there is none of.
//
//	| "FLV" | version 1 (1) | type flags (1) | size of the header (4) | PreviousTagSize0 (4) |
func flvHeader(flags byte) []byte {
	return []byte{'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0}
}

// appendTagHeader appends what is before a payload of so many bytes in its tag (FLV §E.4.1). The types are those of RTMP.
//
//	| type (1) | size (3) | timestamp (3), its upper bits (1) | stream id 0 (3) |
func appendTagHeader(dst []byte, k Kind, size, timestamp uint32) []byte {
	return append(dst, byte(messageTypes[k]), byte(size>>16), byte(size>>8), byte(size),
		byte(timestamp>>16), byte(timestamp>>8), byte(timestamp), byte(timestamp>>24), 0, 0, 0)
}

// appendTagBack appends what is behind a payload of so many bytes.
func appendTagBack(dst []byte, size uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, tagHeaderSize+size)
}

// appendTag appends a whole tag.
func appendTag(dst []byte, k Kind, timestamp uint32, payload []byte) []byte {
	size := uint32(len(payload))
	dst = append(appendTagHeader(dst, k, size, timestamp), payload...)
	return appendTagBack(dst, size)
}

// tagSize is how many bytes the packet has as a tag.
func (p *packet) tagSize() int { return tagHeaderSize + int(p.payload) + tagBackSize }

// extendedMark is from which timestamp on every chunk carries it behind its header (RTMP 1.0 §5.3.1.3).
const extendedMark = 1<<24 - 1

// chunking is how many bytes of the packet's chunks are before the payload, and between two chunks' worth of it (RTMP 1.0 §5.3.1: a fmt 0 header,
// fmt 3 headers).
func (p *packet) chunking() (before, between int) {
	if p.timestamp >= extendedMark {
		return headerSize + 4, 1 + 4
	}
	return headerSize, 1
}

// appendPayload appends the pieces of a framed packet's payload, but for the first bytes.
func appendPayload(iov [][]byte, framed []byte, p *packet, skip int) [][]byte {
	at, between := p.chunking()
	for left := int(p.payload); left > 0; {
		n := min(left, rtmp.DefaultChunkSize)
		if skip < n {
			iov = append(iov, framed[at+skip:at+n])
		}
		skip = max(0, skip-n)
		at, left = at+n+between, left-n
	}
	return iov
}

// payloadHead returns what a packet's payload begins with: all of it, or a chunk's worth.
func (p *packet) payloadHead(s *segment) []byte {
	before, _ := p.chunking()
	return s.piece(p.at, p.end())[before:][:min(int(p.payload), rtmp.DefaultChunkSize)]
}

// addTag adds a packet as a tag, but for the first bytes, which the player has. What is not payload is made in the batch's scratch memory.
func (b *batch) addTag(s *segment, p *packet, timestamp uint32, had int) {
	begin := len(b.scratch)
	if b.joint > 0 && b.joint == len(b.iov) { // one piece with the end of the tag before
		b.iov = b.iov[:b.joint-1]
		begin -= tagBackSize
	}
	b.scratch = appendTagHeader(b.scratch, p.kind, p.payload, timestamp)
	if had < tagHeaderSize {
		b.iov = append(b.iov, b.scratch[begin+had:])
	}
	skip := max(0, had-tagHeaderSize)
	b.iov = appendPayload(b.iov, s.piece(p.at, p.end()), p, skip)
	skip = max(0, skip-int(p.payload))
	end := len(b.scratch)
	b.scratch = appendTagBack(b.scratch, p.payload)
	b.iov = append(b.iov, b.scratch[end+skip:])
	if b.bytes += p.tagSize() - had; skip == 0 {
		b.joint = len(b.iov)
	}
}
