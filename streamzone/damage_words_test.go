package streamzone_test

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A memory is a zone's memory, read by the description of the layout and with
// none of the package's code: what the words say. An answer of a damaged zone
// is held against it.
type memory struct {
	words  []atomic.Uint64
	header [16]uint64 // as it was made

	buckets, streams, nameMax           int
	heads, masks, hints, hot, cold, per int // positions; words of a cold node
}

// Words of the header.
const (
	wordVersion = 1
	wordSize    = 2
	wordBuckets = 3
	wordStreams = 4
	wordNameMax = 5
	wordZoneID  = 7
	wordHeads   = 8
	wordHints   = 9
	wordHot     = 10
	wordCold    = 11
	wordMasks   = 13
	wordSum     = 15
)

// Stages of the zone, in the low half of the status word.
const (
	stageReady    = 1
	stageFreezing = 2
	stageMoved    = 3
	stageVoid     = 4
)

// Phases of a node.
const (
	phaseFree = iota
	phaseClaiming
	phaseLive
	phaseReleasing
)

const (
	lastGen    = 1<<39 - 1
	maskWords  = 2
	hotWords   = 8
	hotNameAt  = 4 // words of a hot node before the name; as many are the name's
	coldNameAt = 2 // words of a cold node before the name
)

func newMemory(tb testing.TB, k *streamzone.Keeper) *memory {
	tb.Helper()
	m := &memory{words: mapZone(tb, k.File())}
	for i := range m.header {
		m.header[i] = m.words[i].Load()
	}
	m.buckets, m.streams, m.nameMax = int(m.header[wordBuckets]), int(m.header[wordStreams]), int(m.header[wordNameMax])
	m.heads, m.masks, m.hints = int(m.header[wordHeads])/8, int(m.header[wordMasks])/8, int(m.header[wordHints])/8
	m.hot, m.cold = int(m.header[wordHot])/8, int(m.header[wordCold])/8
	m.per = (coldNameAt + max(0, (m.nameMax+7)/8-hotNameAt) + 7) / 8 * 8
	return m
}

func (m *memory) hash(name string) uint64 {
	return sipHash(1, 3, m.header[streamzone.Secret0], m.header[streamzone.Secret1], name)
}

func (m *memory) bucket(hash uint64) int {
	b, _ := bits.Mul64(hash, uint64(m.buckets))
	return int(b)
}

// A kind is what a word is for.
type kind int

const (
	kindHeader kind = iota
	kindStatus
	kindEpoch
	kindSlot
	kindHead
	kindInterest
	kindHint
	kindState
	kindNext
	kindHash
	kindAbout
	kindName
	kindFirstID
	kindColdName
	kindOther // reserved, or padding
	kinds     = kindOther
)

// at is where word i of the kind is, of the slot, bucket or node n. All of them
// may be out of range: they are taken modulo what there is.
func (m *memory) at(k kind, n, i int) int {
	node := m.hot + n%m.streams*hotWords
	switch k {
	case kindHeader:
		return n % len(m.header)
	case kindStatus:
		return 16
	case kindEpoch:
		return 128 + n%4 // those that a test has opened, and one more
	case kindSlot:
		return 512 + n%4*32 + i%32
	case kindHead:
		return m.heads + n%m.buckets
	case kindInterest:
		return m.masks + n%m.buckets*maskWords + i%maskWords
	case kindHint:
		return m.hints + n%((m.streams+63)/64)
	case kindName:
		return node + hotNameAt + i%hotNameAt
	case kindFirstID:
		return m.cold + n%m.streams*m.per
	case kindColdName:
		return m.cold + n%m.streams*m.per + coldNameAt + i%(m.per-coldNameAt)
	default:
		return node + int(k-kindState)
	}
}

// kindAt tells what word i is for, and of which slot, bucket or node.
func (m *memory) kindAt(i int) (k kind, n int) {
	switch {
	case i < 16:
		return kindHeader, i
	case i == 16:
		return kindStatus, 0
	case i >= 128 && i < 256:
		return kindEpoch, i - 128
	case i >= 512 && i < m.heads:
		return kindSlot, (i - 512) / 32
	case i >= m.heads && i < m.heads+m.buckets:
		return kindHead, i - m.heads
	case i >= m.masks && i < m.masks+m.buckets*maskWords:
		return kindInterest, (i - m.masks) / maskWords
	case i >= m.hints && i < m.hints+(m.streams+63)/64:
		return kindHint, i - m.hints
	case i >= m.hot && i < m.cold:
		return min(kindState+kind((i-m.hot)%hotWords), kindName), (i - m.hot) / hotWords
	case i >= m.cold && i < m.cold+m.streams*m.per:
		switch at := (i - m.cold) % m.per; {
		case at == 0:
			return kindFirstID, (i - m.cold) / m.per
		case at >= coldNameAt:
			return kindColdName, (i - m.cold) / m.per
		}
	}
	return kindOther, i
}

// word is the (first) word of the kind, of slot, bucket or node n.
func (m *memory) word(k kind, n int) uint64 { return m.words[m.at(k, n, 0)].Load() }

func (m *memory) stage() uint32 { return uint32(m.word(kindStatus, 0)) }

// A life is what the state word of a node says.
type life struct {
	gen         uint64
	epoch       uint16
	slot, phase int
}

func lifeOf(state uint64) life {
	return life{gen: state >> 25, epoch: uint16(state >> 9), slot: int(state >> 2 & 127), phase: int(state & 3)}
}

func (l life) word() uint64 {
	return l.gen<<25 | uint64(l.epoch)<<9 | uint64(l.slot)<<2 | uint64(l.phase)
}

func (m *memory) life(n int) life { return lifeOf(m.word(kindState, n)) }

func (m *memory) epoch(slot int) uint16 { return uint16(m.words[128+slot].Load()) }

// exists tells whether the life is a stream: live, of a slot that is open, and
// has not been closed since.
func (m *memory) exists(l life) bool {
	return l.phase == phaseLive && l.epoch == m.epoch(l.slot) && l.epoch%2 == 1
}

// name is node n's name. ok is false if its length is impossible, or its last
// word is not filled up with zeros.
func (m *memory) name(n int) (name string, ok bool) {
	length := int(m.word(kindAbout, n) & 0xffff)
	if length == 0 || length > m.nameMax {
		return "", false
	}
	var b []byte
	for w := range (length + 7) / 8 {
		at := m.hot + n*hotWords + hotNameAt + w
		if w >= hotNameAt {
			at = m.cold + n*m.per + coldNameAt + w - hotNameAt
		}
		b = binary.LittleEndian.AppendUint64(b, m.words[at].Load())
	}
	name, rest := string(b[:length]), string(b[length:])
	return name, strings.Trim(rest, "\x00") == ""
}

// owner is what the words tell of the stream in node n. One that came from
// another zone has its ID from there.
func (m *memory) owner(n int) streamzone.Entry {
	l, about := m.life(n), m.word(kindAbout, n)&^(1<<63)
	id := streamzone.ID{Generation: l.gen, Index: uint32(n)}
	if m.foreign(n) {
		link := m.words[m.cold+n*m.per].Load()
		id = streamzone.ID{Generation: link >> 25, Index: uint32(link>>1)&(1<<24-1) - 1}
	}
	return streamzone.Entry{Slot: l.slot, ID: id, Born: time.UnixMilli(int64(about >> 16))}
}

// possible tells an ID that a claim can have.
func possible(id streamzone.ID) bool {
	back, err := streamzone.ParseID(id.String())
	return err == nil && back == id
}

// foreign tells that node n's ID comes from another zone.
func (m *memory) foreign(n int) bool { return m.word(kindAbout, n)>>63 == 1 }

// chain lists the nodes of a bucket, up to a link that cannot be followed: out
// of range, to another life than the node's, to a node that is in no chain, or
// to one that was met before. Such a link makes the chain unsound.
func (m *memory) chain(bucket int) (nodes []int, sound bool) {
	link := m.word(kindHead, bucket)
	if link&1 == 1 {
		return nil, false
	}
	met := map[int]bool{}
	for link != 0 {
		n := int(link>>1&(1<<24-1)) - 1
		if n < 0 || n >= m.streams || met[n] {
			return nodes, false
		}
		if l := m.life(n); l.gen != link>>25 || l.phase < phaseLive {
			return nodes, false
		}
		met[n] = true
		nodes = append(nodes, n)
		link = m.word(kindNext, n) &^ 1
	}
	return nodes, true
}

// find looks for the stream of that name: found, or absent from a sound chain,
// or neither.
func (m *memory) find(name string) (n int, found, sound bool) {
	hash := m.hash(name)
	nodes, sound := m.chain(m.bucket(hash))
	for _, n := range nodes {
		has, ok := m.name(n)
		if ok && has == name && m.word(kindHash, n) == hash && m.exists(m.life(n)) {
			// What comes behind it does not matter.
			ok := !m.foreign(n) || possible(m.owner(n).ID)
			return n, ok, ok
		}
	}
	return 0, false, sound
}

// seal makes the checksum of the header fit again.
func (m *memory) seal() {
	var b []byte
	for i := range wordSum {
		b = binary.LittleEndian.AppendUint64(b, m.words[i].Load())
	}
	m.words[wordSum].Store(xxhash.Sum64(b))
}
