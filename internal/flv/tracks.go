package flv

import "math/bits"

// Tracks is a set of track ids (Enhanced RTMP v2 "Multitrack Streaming"). They are numbered for audio and video apart.
type Tracks [4]uint64

// defaultTrack is what packets belong to that name no track.
const defaultTrack = 0

// Track returns the set of one track.
func Track(id uint8) Tracks {
	var t Tracks
	t.add(id)
	return t
}

func (t *Tracks) add(id uint8) { t[id/64] |= 1 << (id % 64) }

// Union returns what is in either set.
func (t Tracks) Union(o Tracks) Tracks {
	for i := range t {
		t[i] |= o[i]
	}
	return t
}

// Minus returns what is in t, but not in o.
func (t Tracks) Minus(o Tracks) Tracks {
	for i := range t {
		t[i] &^= o[i]
	}
	return t
}

// Overlaps tells whether the sets have a track in common.
func (t Tracks) Overlaps(o Tracks) bool { return t[0]&o[0]|t[1]&o[1]|t[2]&o[2]|t[3]&o[3] != 0 }

// Len is the number of tracks.
func (t Tracks) Len() int {
	n := 0
	for _, w := range t {
		n += bits.OnesCount64(w)
	}
	return n
}

// Lowest returns the lowest track; ok is false for the empty set.
func (t Tracks) Lowest() (id uint8, ok bool) {
	for i, w := range t {
		if w != 0 {
			return uint8(i*64 + bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}
