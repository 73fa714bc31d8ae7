package streamzone

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// The header: sixteen words, written once before anybody else can see them.
//
//	0 magic "RTMPZON1"    4 streams     8 position of the heads     12 secret, word 1
//	1 layout version      5 name_max    9 position of the hints     13 position of the interests
//	2 size, bytes         6 secret, 0  10 position of the hot nodes 14 reserved, 0
//	3 buckets             7 zone id    11 position of the cold nodes 15 xxhash64 of 0..14
//
// The secret is the key of the hash of names. Only processes that may map the
// zone know it. The checksum is against accidents and needs no key.
type header [headerWords]uint64

const (
	headerWords = 16
	hdrBuckets  = 3
	hdrStreams  = 4
	hdrNameMax  = 5
	hdrSecret0  = 6
	hdrZoneID   = 7
	hdrSecret1  = 12
	hdrSum      = 15

	layoutVersion = 3 // 1 hashed names with xxhash, 2 had no successors and wide buckets
)

var magic = binary.LittleEndian.Uint64([]byte("RTMPZON1"))

// newHeader is the one header that belongs to these sizes.
func newHeader(c Config, secret sipKey, zoneID uint64) header {
	g := newGeometry(c)
	h := header{
		magic, layoutVersion, g.bytes(), g.buckets,
		g.streams, g.nameMax, secret[0], zoneID,
		atHeads * wordBytes, g.hints * wordBytes, g.hot * wordBytes, g.cold * wordBytes,
		secret[1], g.masks * wordBytes,
	}
	h[hdrSum] = h.sum()
	return h
}

func (h *header) sum() uint64 {
	var b [hdrSum * wordBytes]byte
	for i, w := range h[:hdrSum] {
		binary.LittleEndian.PutUint64(b[i*wordBytes:], w)
	}
	return xxhash.Sum64(b[:])
}

func (h *header) secret() sipKey { return sipKey{h[hdrSecret0], h[hdrSecret1]} }

func loadHeader(mem []atomic.Uint64) header {
	var h header
	for i := range h {
		h[i] = mem[i].Load()
	}
	return h
}

// config validates the header and gives back what it was made from.
func (h *header) config() (Config, error) {
	switch {
	case h[0] != magic:
		return Config{}, fmt.Errorf("%w: bad magic: not a stream zone", ErrCorrupt)
	case h[hdrSum] != h.sum():
		return Config{}, fmt.Errorf("%w: bad header checksum", ErrCorrupt)
	case h[1] != layoutVersion:
		return Config{}, fmt.Errorf("%w: %d, this program knows %d", ErrVersion, h[1], layoutVersion)
	case h[hdrBuckets] > maxBuckets || h[hdrStreams] > maxStreams || h[hdrNameMax] > maxNameMax:
		return Config{}, fmt.Errorf("%w: sizes out of range", ErrCorrupt)
	}
	c := Config{Buckets: int(h[hdrBuckets]), Streams: int(h[hdrStreams]), NameMax: int(h[hdrNameMax])}
	if c != c.withDefaults() || c.Validate() != nil {
		return Config{}, fmt.Errorf("%w: sizes out of range", ErrCorrupt)
	}
	if *h != newHeader(c, h.secret(), h[hdrZoneID]) {
		return Config{}, fmt.Errorf("%w: the header contradicts itself", ErrCorrupt)
	}
	return c, nil
}

// openTable maps f and validates everything that does not change: seals, size,
// header, geometry. What changes is validated as it is used. The memory is
// unmapped when nobody can reach the table any more.
func openTable(f *os.File, writable bool) (*table, error) {
	if err := checkSeals(f); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("streamzone: %w", err)
	}
	size := uint64(info.Size())
	if size < atHeads*wordBytes || size%wordBytes != 0 || size > maxBytes {
		return nil, fmt.Errorf("%w: a size of %d bytes is impossible", ErrCorrupt, size)
	}
	m, err := mapWords(f, size, writable)
	if err != nil {
		return nil, err
	}
	t, err := checkTable(m.words, size)
	if err != nil {
		_ = m.unmap()
		return nil, err
	}
	runtime.AddCleanup(t, func(m *mapping) { _ = m.unmap() }, m)
	return t, nil
}

func checkTable(mem []atomic.Uint64, size uint64) (*table, error) {
	h := loadHeader(mem)
	c, err := h.config()
	if err != nil {
		return nil, err
	}
	t := &table{geometry: newGeometry(c), secret: h.secret(), zoneID: h[hdrZoneID], mem: mem}
	if t.bytes() != size {
		return nil, fmt.Errorf("%w: the header says %d bytes, the file has %d", ErrCorrupt, t.bytes(), size)
	}
	return t, nil
}

// usable tells whether the zone is in use. Errors: ErrMoved, ErrCorrupt.
func (t *table) usable() error {
	switch g := t.status().stage(); g {
	case stageReady, stageFreezing:
		return nil
	case stageMoved:
		return ErrMoved
	default:
		return fmt.Errorf("%w: its status is %v", ErrCorrupt, g)
	}
}

// format writes a fresh zone into zeroed memory. Its nodes count as claimed gen
// times.
func format(mem []atomic.Uint64, c Config, gen uint64, st status) error {
	var random [3 * wordBytes]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("streamzone: make the zone's secret: %w", err)
	}
	zoneID := binary.LittleEndian.Uint64(random[:])
	secret := sipKey{
		binary.LittleEndian.Uint64(random[wordBytes:]),
		binary.LittleEndian.Uint64(random[2*wordBytes:]),
	}
	for i, w := range newHeader(c, secret, zoneID) {
		mem[i].Store(w)
	}
	t := &table{geometry: newGeometry(c), secret: secret, mem: mem}
	for i := range uint32(t.streams) {
		t.node(i, nodeState).Store(uint64(newState(gen, 0, 0, free)))
		t.setHint(i)
	}
	t.mem[atStatus].Store(uint64(st))
	return nil
}
