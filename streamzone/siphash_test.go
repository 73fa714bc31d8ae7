package streamzone_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// As in the paper: the key is the bytes 00 to 0f, the text the bytes 00 to n-1.
func TestSipHashVectors(t *testing.T) {
	for _, v := range []struct {
		c, d, n int
		want    uint64
	}{
		// From the reference implementation; the one of 15 bytes is also in the
		// paper, Appendix A.
		{2, 4, 0, 0x726fdb47dd0e0e31},
		{2, 4, 1, 0x74f839c593dc67fd},
		{2, 4, 7, 0xab0200f58b01d137},
		{2, 4, 8, 0x93f5f5799a932462},
		{2, 4, 9, 0x9e0082df0ba9e4b0},
		{2, 4, 15, 0xa129ca6149be45e5},
		{2, 4, 63, 0x958a324ceb064572},
		// From OpenSSL 3.0, where the rounds can be chosen.
		{1, 3, 0, 0xabac0158050fc4dc},
		{1, 3, 1, 0xc9f49bf37d57ca93},
		{1, 3, 7, 0xd3927d989bb11140},
		{1, 3, 8, 0x369095118d299a8e},
		{1, 3, 9, 0x25a48eb36c063de4},
		{1, 3, 15, 0xd320d86d2a519956},
		{1, 3, 63, 0x9d199062b7bbb3a8},
	} {
		var text strings.Builder
		for i := range v.n {
			text.WriteByte(byte(i))
		}
		const k0, k1 = 0x0706050403020100, 0x0f0e0d0c0b0a0908
		if got := sipHash(v.c, v.d, k0, k1, text.String()); got != v.want {
			t.Errorf("SipHash-%d-%d of %d bytes: %016x, want %016x", v.c, v.d, v.n, got, v.want)
		}
		if got := streamzone.KeyedHash(k0, k1, text.String()); v.c == 1 && got != v.want {
			t.Errorf("the zone's hash of %d bytes: %016x, want %016x", v.n, got, v.want)
		}
	}
}

// sipHash is SipHash-c-d as the paper puts it.
func sipHash(c, d int, k0, k1 uint64, text string) uint64 {
	v := [4]uint64{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	rounds := func(n int) {
		for range n {
			v[0] += v[1]
			v[2] += v[3]
			v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
			v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
			v[0] = bits.RotateLeft64(v[0], 32)
			v[2] += v[1]
			v[0] += v[3]
			v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
			v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
			v[2] = bits.RotateLeft64(v[2], 32)
		}
	}
	padded := make([]byte, len(text)/8*8+8)
	copy(padded, text)
	padded[len(padded)-1] = byte(len(text))
	for ; len(padded) > 0; padded = padded[8:] {
		m := binary.LittleEndian.Uint64(padded)
		v[3] ^= m
		rounds(c)
		v[0] ^= m
	}
	v[2] ^= 0xff
	rounds(d)
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

// The zone's hash, which is written for speed, is the paper's, for all lengths
// and whatever the bytes.
func TestHashOfEveryLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		for range 20 {
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.Uint64() >> (8 * r.IntN(9))) // zeros too
			}
			k0, k1, text := r.Uint64(), r.Uint64(), string(b)
			if got, want := streamzone.KeyedHash(k0, k1, text), sipHash(1, 3, k0, k1, text); got != want {
				t.Fatalf("%q: %016x, want %016x", text, got, want)
			}
		}
	}
}

// Names that are as alike as names get fill the buckets as evenly as chance
// would.
func TestHashSpreadsAlikeNames(t *testing.T) {
	const n, buckets = 10000, 10007
	for family, name := range map[string]func(i int) string{
		"counted":      func(i int) string { return fmt.Sprintf("live/stream-%05d", i) },
		"in steps":     func(i int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(i)*0x1000193)) },
		"bit by bit":   func(i int) string { return flipped(strings.Repeat("a", 1250), i) },
		"of one byte":  func(i int) string { return strings.Repeat("a", i+1) },
		"long prefix":  func(i int) string { return strings.Repeat("live/", 40) + strconv.Itoa(i) },
		"long ending":  func(i int) string { return strconv.Itoa(i) + strings.Repeat("/live", 40) },
		"only in case": func(i int) string { return inCase("abcdefghijklmn", i) },
	} {
		var load [buckets]int
		most, sum := 0, 0.0
		for i := range n {
			b, _ := bits.Mul64(streamzone.KeyedHash(11, 13, name(i)), buckets)
			load[b]++
			most = max(most, load[b])
		}
		for _, l := range load {
			d := float64(l) - float64(n)/buckets
			sum += d * d * buckets / n
		}
		// Of a chi-square distribution, this is six times the deviation.
		if math.Abs(sum-buckets) > 6*math.Sqrt(2*buckets) || most > 12 {
			t.Errorf("%s: chi-square %.0f of %d buckets, %d names in one", family, sum, buckets, most)
		}
	}
}

func flipped(s string, bit int) string {
	b := []byte(s)
	b[bit/8] ^= 1 << (bit % 8)
	return string(b)
}

func inCase(s string, mask int) string {
	b := []byte(s)
	for i := range b {
		b[i] -= byte(mask >> i & 1 * 32)
	}
	return string(b)
}

// Both words of the secret are random, and both count.
func TestHashUsesTheWholeSecret(t *testing.T) {
	seen := map[uint64]bool{}
	for range 10 {
		k, z := newZone(t, streamzone.Config{Streams: 1})
		words := mapZone(t, k.File())
		k0, k1 := words[streamzone.Secret0].Load(), words[streamzone.Secret1].Load()
		for _, word := range []uint64{k0, k1} {
			if word == 0 || seen[word] {
				t.Errorf("word %#x of the secret came before, or is zero", word)
			}
			seen[word] = true
		}
		if got, want := z.Hash("live/x"), streamzone.KeyedHash(k0, k1, "live/x"); got != want {
			t.Errorf("hash %#x, SipHash-1-3 with the secret is %#x", got, want)
		}
	}
}

// Names that collide in a hash without a key, and so would in every zone, do
// not share a bucket. If they did, whoever may publish could make a name of his
// choice unclaimable by claiming a bucketful of others.
func TestFloodOfCollidingNames(t *testing.T) {
	const victim = "live/victim"
	k, z := newZone(t, streamzone.Config{})
	_, other := newZone(t, streamzone.Config{})
	inVictims := 0
	for i := range z.ChainMax() {
		name := xxhashTwin(victim, i)
		if xxhash.Sum64String(name) != xxhash.Sum64String(victim) {
			t.Fatalf("%q was meant to collide with %q", name, victim)
		}
		if h := z.Hash(name); h == z.Hash(victim) || h == other.Hash(name) {
			t.Errorf("%q has the hash of %q, or that of another zone", name, victim)
		}
		if z.Bucket(name) == z.Bucket(victim) {
			inVictims++
		}
		mustClaim(t, z, name)
	}
	if inVictims > 5 { // more than 0 once in 294 runs, more than 5 in no lifetime
		t.Errorf("%d names are in the bucket of %q", inVictims, victim)
	}
	mustClaim(t, joinSlot(t, k, 1), victim)
	mustBeIdle(t, z, z.ChainMax()+1)
}

// The primes of xxhash64.
const (
	xxPrime1 uint64 = 11400714785074694791
	xxPrime2 uint64 = 14029467366897019727
	xxPrime3 uint64 = 1609587929392839161
	xxPrime4 uint64 = 9650029242287828579
	xxPrime5 uint64 = 2870177450012600261
)

// xxhashTwin makes a name with the plain xxhash64 of the target, another one
// for each n. Every step of xxhash can be undone, so after eight bytes of our
// choice there are eight that lead where we want. (They are any bytes. An
// attacker who wants letters and digits tries some 80,000 times.)
func xxhashTwin(target string, n int) string {
	// The target's hash, back to the state before the last mixing.
	h := unshift(xxhash.Sum64String(target), 32)
	h = unshift(h*inverse(xxPrime3), 29)
	h = unshift(h*inverse(xxPrime2), 33)

	twin := binary.LittleEndian.AppendUint64(nil, uint64(n))
	// One round: h = rotl(h ^ rotl(word*prime2, 31)*prime1, 27)*prime1 + prime4.
	before := xxPrime5 + 16 // the length of the twin
	before ^= bits.RotateLeft64(uint64(n)*xxPrime2, 31) * xxPrime1
	before = bits.RotateLeft64(before, 27)*xxPrime1 + xxPrime4
	after := bits.RotateLeft64((h-xxPrime4)*inverse(xxPrime1), -27)
	word := bits.RotateLeft64((before^after)*inverse(xxPrime1), -31) * inverse(xxPrime2)
	return string(binary.LittleEndian.AppendUint64(twin, word))
}

// unshift undoes x ^ x>>s.
func unshift(x uint64, s int) uint64 {
	for ; s < 64; s *= 2 {
		x ^= x >> s
	}
	return x
}

// inverse is what undoes a multiplication by an odd number: Newton's method,
// which doubles the number of right bits with each step.
func inverse(a uint64) uint64 {
	x := a // right in three bits
	for range 5 {
		x *= 2 - a*x
	}
	return x
}
