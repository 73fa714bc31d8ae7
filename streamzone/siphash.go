package streamzone

import "math/bits"

// SipHash-1-3, from the paper "SipHash: a fast short-input PRF" by Jean-Philippe
// Aumasson and Daniel J. Bernstein. Whoever does not know the key cannot make
// names that collide. Of a hash without a secret, or with one that is only mixed
// into its result, anybody can: names that collide under one seed do under all.
//
// One round for each word of the message and three at its end are what hash
// tables use whose hashes nobody outside gets to see. The paper's own choice for
// everything else is two and four.

// A sipKey is the 128-bit secret of a zone.
type sipKey [2]uint64

// sum is the hash of the text, and its tail: the bytes after the last whole
// word, filled up with zeros, which whoever compares the text next has use for.
//
// It is a good part of what a lookup costs. So the state is in variables, which
// stay in registers, and loop and tail are such that the compiler needs no
// bounds check.
func (k *sipKey) sum(text string) (hash, tail uint64) {
	// "somepseudorandomlygeneratedbytes"
	v0 := k[0] ^ 0x736f6d6570736575
	v1 := k[1] ^ 0x646f72616e646f6d
	v2 := k[0] ^ 0x6c7967656e657261
	v3 := k[1] ^ 0x7465646279746573

	for i := 0; i < len(text)-7; i += wordBytes {
		m := wholeWord(text[i:])
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
	}
	if n := len(text); n < wordBytes {
		for i := range n {
			tail |= uint64(text[i]) << (8 * i)
		}
	} else if n%wordBytes != 0 {
		tail = wholeWord(text[n-wordBytes:]) >> (64 - 8*(n%wordBytes))
	}
	// The last word is the tail and the length.
	m := tail | uint64(len(text))<<56
	v3 ^= m
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= m

	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3, tail
}

// sipRound is the paper's SipRound.
func sipRound(v0, v1, v2, v3 uint64) (_, _, _, _ uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v1
	v0 += v3
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// wholeWord is the first eight bytes of s. The compiler makes one load of it.
func wholeWord(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
