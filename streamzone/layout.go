package streamzone

import (
	"math/bits"
	"sync/atomic"
)

// The memory, in bytes. Everything is 64-bit words, little-endian, touched by
// sync/atomic only. No pointers: nodes are named by index and generation.
//
//	0      header      16 words, immutable, sealed by a checksum (header.go)
//	128    status      INIT or READY; the words up to 1024 are reserved
//	1024   epochs      [128] low 16 bits: the slot's epoch; odd = open, even = closed
//	4096   slots       [128] of 256 bytes: bell, pid, since, counters, dirty[16]
//	36864  buckets     [B] of 32 bytes: head, interest[2] (a mask of slots), reserved
//	       hints       [S] bits: 1 = probably free. A hint only: the truth is state
//	       hot nodes   [S] of 64 bytes: state, next, hash, about, name[0..31]
//	       cold nodes  [S]: two reserved words, name[32..]
//
// Below, positions and sizes are in words.
const (
	wordBytes = 8

	atStatus = 128 / wordBytes
	atEpochs = 1024 / wordBytes
	atSlots  = 4096 / wordBytes

	slotWords   = 256 / wordBytes
	bucketWords = 32 / wordBytes
	hotWords    = 64 / wordBytes
	coldHead    = 2                         // reserved words of a cold node
	hotName     = 4                         // words of the name kept in the hot node
	lineWords   = 64 / wordBytes            // a cache line
	pageWords   = 4096 / wordBytes          // a page
	atBuckets   = atSlots + Slots*slotWords // 36864 bytes
)

// Words of a slot's record.
const (
	slotBell      = iota // futex word: goes up with every ring
	slotPID              // process that joined last
	slotSince            // when it joined, Unix milliseconds
	slotClaims           // claims that won. Counters live as long as the zone
	slotTaken            // claims refused because the name had an owner
	slotRefused          // claims refused for want of room
	slotReleases         // streams released
	slotReclaimed        // nodes that a sweep took back
	slotDirty     = 16   // [16] bit b%1024: something was claimed in bucket b
	dirtyWords    = 16
	dirtyGroups   = dirtyWords * 64
)

// Words of a hot node.
const (
	nodeState = iota
	nodeNext
	nodeHash
	nodeAbout // born, Unix milliseconds:48 | length of the name:16
	nodeName
)

// Values of the status word.
const (
	statusInit  = 0
	statusReady = 1
)

// A geometry says where things are. It is computed from a Config alone, never
// read from the memory.
type geometry struct {
	buckets, streams, nameMax uint64 // as in Config

	hints, hintWords uint64 // position, length
	hot              uint64
	cold, coldWords  uint64 // position, words per node
	words            uint64 // of the whole zone
	chainMax         int    // most nodes in a bucket, living and dead
}

func newGeometry(c Config) geometry {
	g := geometry{
		buckets: uint64(c.Buckets),
		streams: uint64(c.Streams),
		nameMax: uint64(c.NameMax),
	}
	g.hints = align(atBuckets+g.buckets*bucketWords, lineWords)
	g.hintWords = (g.streams + 63) / 64
	g.hot = align(g.hints+g.hintWords, lineWords)
	g.cold = g.hot + g.streams*hotWords
	rest := nameWords(int(g.nameMax))
	rest -= min(rest, hotName)
	g.coldWords = align(coldHead+uint64(rest), lineWords)
	g.words = align(g.cold+g.streams*g.coldWords, pageWords)
	// Chains hold one node or two. The cap leaves room for the nodes of the
	// dead, and for tiny tables. No name meets it by chance, and none by design,
	// because nobody outside knows the secret; it bounds every walk.
	g.chainMax = 64 + 4*int((g.streams+g.buckets-1)/g.buckets)
	return g
}

func (g *geometry) bytes() uint64 { return g.words * wordBytes }

func align(n, to uint64) uint64 { return (n + to - 1) / to * to }

// nameWords is how many words a name of n bytes fills.
func nameWords(n int) int { return (n + wordBytes - 1) / wordBytes }

// A table is the mapped memory with its geometry: typed access to every field.
// The slice makes each access bounds-checked.
type table struct {
	geometry
	secret sipKey
	mem    []atomic.Uint64
}

func (t *table) status() *atomic.Uint64 { return &t.mem[atStatus] }

func (t *table) epochWord(slot int) *atomic.Uint64 { return &t.mem[atEpochs+slot] }

// epoch is the slot's current epoch.
func (t *table) epoch(slot int) uint16 { return uint16(t.epochWord(slot).Load()) }

// isOpen tells an epoch during which a slot may own streams.
func isOpen(epoch uint16) bool { return epoch&1 == 1 }

func (t *table) slot(slot, field int) *atomic.Uint64 {
	return &t.mem[atSlots+slot*slotWords+field]
}

func (t *table) head(bucket uint64) *atomic.Uint64 {
	return &t.mem[atBuckets+bucket*bucketWords]
}

// interest is half h of the bucket's mask of slots that want to be rung.
func (t *table) interest(bucket uint64, h int) *atomic.Uint64 {
	return &t.mem[atBuckets+bucket*bucketWords+1+uint64(h)]
}

func (t *table) hint(word uint64) *atomic.Uint64 { return &t.mem[t.hints+word] }

func (t *table) node(i uint32, field int) *atomic.Uint64 {
	return &t.mem[t.hot+uint64(i)*hotWords+uint64(field)]
}

func (t *table) state(i uint32) state { return state(t.node(i, nodeState).Load()) }

func (t *table) next(i uint32) link { return link(t.node(i, nodeNext).Load()) }

// casState moves node i from one exact state to another.
func (t *table) casState(i uint32, from, to state) bool {
	return t.node(i, nodeState).CompareAndSwap(uint64(from), uint64(to))
}

// nameWord is word w of node i's name: the first 32 bytes are in the hot node,
// the rest in the cold one.
func (t *table) nameWord(i uint32, w int) *atomic.Uint64 {
	if w < hotName {
		return t.node(i, nodeName+w)
	}
	return &t.mem[t.cold+uint64(i)*t.coldWords+coldHead+uint64(w-hotName)]
}

// bucketOf spreads hashes evenly over the buckets without a division.
func (t *table) bucketOf(hash uint64) uint64 {
	b, _ := bits.Mul64(hash, t.buckets)
	return b
}

// effective tells whether a node in state s is a stream that exists: it is
// live, and its owner's slot has not been closed since.
func (t *table) effective(s state) bool {
	return s.phase() == live && t.epoch(s.slot()) == s.epoch() && isOpen(s.epoch())
}
