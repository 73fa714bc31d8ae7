package streamzone

import "math/bits"

// SipHash, from the paper "SipHash: a fast short-input PRF" by Jean-Philippe
// Aumasson and Daniel J. Bernstein. Whoever does not know the key cannot make
// names that collide. Of a hash without a secret, or with one that is only mixed
// into its result, anybody can: names that collide under one seed do under all.

// The rounds after each word of the message, and at its end. SipHash-1-3 is
// what hash tables use whose hashes nobody outside gets to see; the paper's own
// choice for everything else is 2-4.
const (
	sipWordRounds  = 1
	sipFinalRounds = 3
)

// A sipKey is the 128-bit secret of a zone.
type sipKey [2]uint64

// sum is SipHash-c-d of the text. The state is in variables, not in a struct
// with methods, so that it stays in registers: a long name takes half the time.
func (k sipKey) sum(c, d int, text string) uint64 {
	// "somepseudorandomlygeneratedbytes"
	v0 := k[0] ^ 0x736f6d6570736575
	v1 := k[1] ^ 0x646f72616e646f6d
	v2 := k[0] ^ 0x6c7967656e657261
	v3 := k[1] ^ 0x7465646279746573

	rest := text
	for ; len(rest) >= wordBytes; rest = rest[wordBytes:] {
		m := wholeWord(rest)
		v3 ^= m
		for range c {
			v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		}
		v0 ^= m
	}
	// The last word is the bytes left over, seven at most, and the length.
	m := wordOf(rest, 0) | uint64(len(text))<<56
	v3 ^= m
	for range c {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	v0 ^= m

	v2 ^= 0xff
	for range d {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
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
