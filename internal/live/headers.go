package live

import (
	"bytes"

	"github.com/rtmp-edge/rtmp-edge/internal/flv"
)

// Bounds of what is kept of a stream for players to come, of each kind. Real headers have a few hundred bytes, and streams a few tracks.
const (
	maxHeader = 64 << 10
	maxTracks = 16
)

// headers is what a player needs before its first frame. Immutable.
type headers struct{ kept [kinds][]header }

// A header is a payload that is in force for some tracks. One payload may be the header of many.
type header struct {
	typ     flv.Type
	payload []byte
	tracks  flv.Tracks // those that no later header of this type replaced
}

// with returns the headers with one more, which replaces others of its type and tracks; or the same, if it can't be kept, or is kept already.
func (h *headers) with(c *classified) (*headers, Limit) {
	old := h.kept[c.kind]
	kept := make([]header, 0, len(old)+1)
	place, size, tracks := -1, len(c.payload), c.Tracks
	for _, o := range old {
		rest := o.tracks
		if o.typ == c.Type {
			rest = rest.Minus(c.Tracks)
		}
		switch {
		case rest == o.tracks: // not of the same
		case rest != flv.Tracks{}:
			place = -1 // the new one has to come behind what is left of this
		case bytes.Equal(o.payload, c.payload) && o.tracks == c.Tracks:
			return h, ""
		default:
			if place < 0 {
				place = len(kept)
			}
			continue
		}
		kept = append(kept, header{o.typ, o.payload, rest})
		size, tracks = size+len(o.payload), tracks.Union(rest)
	}
	switch {
	case size > maxHeader:
		return h, LimitHeaderSize
	case tracks.Len() > maxTracks:
		return h, LimitTracks
	}
	if place < 0 {
		place = len(kept)
	}
	kept = append(kept, header{})
	copy(kept[place+1:], kept[place:])
	kept[place] = header{c.Type, bytes.Clone(c.payload), c.Tracks}
	n := *h
	n.kept[c.kind] = kept
	return &n, ""
}

// has tells whether a header is in force, for all its tracks.
func (h *headers) has(c *classified) bool {
	for _, o := range h.kept[c.kind] {
		if o.typ == c.Type && o.tracks == c.Tracks && bytes.Equal(o.payload, c.payload) {
			return true
		}
	}
	return false
}

// sequence returns the sequence header of the lowest track that has one; nil without.
func (h *headers) sequence(k Kind) (payload []byte) {
	lowest := noTrack
	for _, o := range h.kept[k] {
		if track, ok := o.tracks.Lowest(); ok && o.typ == flv.SequenceHeader && int(track) < lowest {
			lowest, payload = int(track), o.payload
		}
	}
	return payload
}

// metadataTimestamp is what metadata gets that is not sent on just as it came: ffmpeg takes metadata of any other time for a subtitle.
const metadataTimestamp = 0

// each calls do with every header: metadata first, then video, then audio, each with a timestamp of its kind.
func (h *headers) each(timestamp func(Kind) uint32, do func(k Kind, timestamp uint32, payload []byte)) {
	for _, k := range [...]Kind{Data, Video, Audio} {
		at := uint32(metadataTimestamp)
		if k != Data && len(h.kept[k]) > 0 {
			at = timestamp(k)
		}
		for _, o := range h.kept[k] {
			do(k, at, o.payload)
		}
	}
}

// prelude frames the headers.
func (h *headers) prelude(timestamp func(Kind) uint32, streamID uint32) (out [][]byte) {
	h.each(timestamp, func(k Kind, at uint32, payload []byte) {
		out = appendFramed(out, frame(nil, k, at, payload), streamID, 0)
	})
	return out
}

// tags makes FLV tags of the headers.
func (h *headers) tags(timestamp func(Kind) uint32) (out [][]byte) {
	h.each(timestamp, func(k Kind, at uint32, payload []byte) {
		out = append(out, appendTag(nil, k, at, payload))
	})
	return out
}
