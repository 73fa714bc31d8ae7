package streamzone

import (
	"math/bits"
	"sync/atomic"
)

// The memory, in bytes. Everything is 64-bit words, little-endian, touched by
// sync/atomic only. No pointers: nodes are named by index and generation.
//
//	0      header      16 words, immutable, sealed by a checksum (header.go)
//	128    status      what becomes of the zone; the words up to 1024 are reserved
//	1024   epochs      [128] low 16 bits: the slot's epoch; odd = open, even = closed
//	4096   slots       [128] of 256 bytes: bell, pid, since, counters, dirty[16]
//	36864  heads       [B] links: where the chain of a bucket begins
//	       interests   [B] of 16 bytes: a mask of the slots that wait for the bucket
//	       hints       [S] bits: 1 = probably free. A hint only: the truth is state
//	       hot nodes   [S] of 64 bytes: state, next, hash, about, name[0..31]
//	       cold nodes  [S]: first id, a reserved word, name[32..]
//
// Below, positions and sizes are in words.
const (
	wordBytes = 8

	atStatus = 128 / wordBytes
	atEpochs = 1024 / wordBytes
	atSlots  = 4096 / wordBytes

	slotWords = 256 / wordBytes
	hotWords  = 64 / wordBytes
	maskWords = Slots / 64                // words of an interest
	coldHead  = 2                         // words of a cold node before the name
	hotName   = 4                         // words of the name kept in the hot node
	lineWords = 64 / wordBytes            // a cache line
	pageWords = 4096 / wordBytes          // a page
	atHeads   = atSlots + Slots*slotWords // 36864 bytes
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
	slotFrozen           // number of the freeze that the process stands still for
	slotDirty     = 16   // [16] bit b%1024: something was claimed in bucket b
	dirtyWords    = 16
	dirtyGroups   = dirtyWords * 64
)

// Words of a hot node.
const (
	nodeState = iota
	nodeNext
	nodeHash
	nodeAbout
	nodeName
)

// A geometry says where things are. It is computed from a Config alone, never
// read from the memory.
type geometry struct {
	buckets, streams, nameMax uint64 // as in Config

	masks            uint64 // position of the interests
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
	// Heads lie by themselves, because a lookup reads nothing else of a bucket.
	g.masks = align(atHeads+g.buckets, lineWords)
	g.hints = align(g.masks+g.buckets*maskWords, lineWords)
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
	zoneID uint64
	mem    []atomic.Uint64
}

func (t *table) epochWord(slot int) *atomic.Uint64 { return &t.mem[atEpochs+slot] }

// epoch is the slot's current epoch.
func (t *table) epoch(slot int) uint16 { return uint16(t.epochWord(slot).Load()) }

// isOpen tells an epoch during which a slot may own streams.
func isOpen(epoch uint16) bool { return epoch&1 == 1 }

func (t *table) slot(slot, field int) *atomic.Uint64 {
	return &t.mem[atSlots+slot*slotWords+field]
}

func (t *table) head(bucket uint64) *atomic.Uint64 { return &t.mem[atHeads+bucket] }

// interest is half h of the bucket's mask of slots that want to be rung.
func (t *table) interest(bucket uint64, h int) *atomic.Uint64 {
	return &t.mem[t.masks+bucket*maskWords+uint64(h)]
}

func (t *table) hint(word uint64) *atomic.Uint64 { return &t.mem[t.hints+word] }

func (t *table) node(i uint32, field int) *atomic.Uint64 {
	return &t.mem[t.hot+uint64(i)*hotWords+uint64(field)]
}

// hotNode is all the words of a hot node, at the cost of one bounds check.
func (t *table) hotNode(i uint32) []atomic.Uint64 {
	at := t.hot + uint64(i)*hotWords
	return t.mem[at : at+hotWords : at+hotWords]
}

func (t *table) state(i uint32) state { return state(t.node(i, nodeState).Load()) }

func (t *table) next(i uint32) link { return link(t.node(i, nodeNext).Load()) }

func (t *table) about(i uint32) about { return about(t.node(i, nodeAbout).Load()) }

// firstID is where a node keeps the ID that its stream had in another zone.
func (t *table) firstID(i uint32) *atomic.Uint64 { return &t.mem[t.cold+uint64(i)*t.coldWords] }

// id is the ID of the stream in node i, whose state and about word are given.
func (t *table) id(i uint32, s state, a about) ID {
	if a.moved() {
		l := link(t.firstID(i).Load())
		return ID{Generation: l.gen(), Index: l.index()}
	}
	return ID{Generation: s.gen(), Index: i}
}

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
