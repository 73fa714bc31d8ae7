package bench

import (
	"bytes"
	"encoding/binary"
)

// A stamp says what a message is: enough to build it again.
//
//	| UUID (16) | kind (1) | run (5) | stream (5) | sequence (5) | sent (9) | size (4) | gop (4) | frame (3) | filling …
//
// Numbers are big endian in groups of seven bits, with the highest bit of each byte set: no byte of a stamp is zero, so that nothing in it looks
// like a start code.
type stamp struct {
	kind     byte
	run      uint32 // one number for each run of the publisher
	stream   uint32 // of the stream's name
	sequence uint32 // of the messages of this kind, from 0
	sent     int64  // CLOCK_MONOTONIC, nanoseconds
	size     uint32 // of the message's payload, as it was asked for
	gop      uint32 // video: its number, modulo 2^28
	frame    uint32 // video: the number in the GOP, modulo 2^21
}

// Kinds of messages.
const (
	kindAudio = 'A'
	kindVideo = 'V'
)

const stampSize = 16 + 1 + 5 + 5 + 5 + 9 + 4 + 4 + 3

// stampID is the UUID of our SEI messages (H.264 §D.1.6 "uuid_iso_iec_11578").
const stampID = "\x72\x74\x6d\x70\x2d\x65\x47\xe5\x8f\x62\x65\x6e\x63\x68\x2d\x31"

// append writes the stamp.
func (s *stamp) append(dst []byte) []byte {
	dst = append(append(dst, stampID...), s.kind)
	dst = appendGroups(dst, 5, uint64(s.run))
	dst = appendGroups(dst, 5, uint64(s.stream))
	dst = appendGroups(dst, 5, uint64(s.sequence))
	dst = appendGroups(dst, 9, uint64(s.sent))
	dst = appendGroups(dst, 4, uint64(s.size))
	dst = appendGroups(dst, 4, uint64(s.gop))
	return appendGroups(dst, 3, uint64(s.frame))
}

// findStamp reads the stamp in a message: behind heads, and the size of an SEI message in bytes of 255 each.
func findStamp(payload []byte) (s stamp, ok bool) {
	const heads = 64
	at := bytes.Index(payload[:min(len(payload), heads+len(payload)/255)], []byte(stampID))
	if at < 0 || len(payload) < at+stampSize {
		return s, false
	}
	p := payload[at+len(stampID):]
	s.kind, p = p[0], p[1:]
	next := func(n int) (v uint64) {
		for _, b := range p[:n] {
			v = v<<7 | uint64(b&0x7f)
		}
		p = p[n:]
		return v
	}
	s.run, s.stream, s.sequence = uint32(next(5)), uint32(next(5)), uint32(next(5))
	s.sent, s.size, s.gop, s.frame = int64(next(9)), uint32(next(4)), uint32(next(4)), uint32(next(3))
	return s, true
}

func appendGroups(dst []byte, n int, v uint64) []byte {
	for n--; n >= 0; n-- {
		dst = append(dst, byte(v>>(7*n))|0x80)
	}
	return dst
}

// fill appends n bytes that follow from the stamp. None is zero.
func (s *stamp) fill(dst []byte, n int) []byte {
	x := uint64(s.run)<<32 | uint64(s.stream)
	x = mix(x) ^ uint64(s.sequence)<<32 ^ uint64(s.sent)
	x = mix(x) ^ uint64(s.size)<<40 ^ uint64(s.kind)<<32 ^ uint64(s.gop)<<21 ^ uint64(s.frame)
	for ; n >= 8; n -= 8 {
		x += 0x9e3779b97f4a7c15
		dst = binary.LittleEndian.AppendUint64(dst, mix(x)|0x0101010101010101)
	}
	for ; n > 0; n-- {
		x += 0x9e3779b97f4a7c15
		dst = append(dst, byte(mix(x))|1)
	}
	return dst
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
