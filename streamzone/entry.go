package streamzone

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An ID names one claim of one name: one publish from its start to its end. It
// is never used again within the zone, so a relay that carries it cannot take a
// later publish for the one it was sent for.
type ID struct {
	Generation uint64 // 1..2^39-1, how often the node has been claimed
	Index      uint32 // the node
}

// String is the generation, a dot, the index, both in lower-case hexadecimal.
func (id ID) String() string {
	return strconv.FormatUint(id.Generation, 16) + "." + strconv.FormatUint(uint64(id.Index), 16)
}

// ParseID reads what String wrote, and nothing else. Errors wrap ErrBadID.
func ParseID(s string) (ID, error) {
	gen, index, _ := strings.Cut(s, ".")
	g, err1 := strconv.ParseUint(gen, 16, 39)
	i, err2 := strconv.ParseUint(index, 16, 24)
	id := ID{Generation: g, Index: uint32(i)}
	if err1 != nil || err2 != nil || !id.valid() || id.String() != s {
		return ID{}, fmt.Errorf("%w: %.40q", ErrBadID, s)
	}
	return id, nil
}

// An Entry is what the zone says about a name that has an owner.
type Entry struct {
	Slot int       // the owner's slot
	ID   ID        // this claim
	Born time.Time // when it was claimed; whole milliseconds
}

// A Claim is the right to release a name. The zero Claim owns nothing.
type Claim struct {
	id    ID
	name  string // to find it again in another zone
	zone  uint64 // id of the zone that the rest belongs to
	index uint32
	state state // LIVE, with slot, epoch and generation
}

// ID names the claim to other processes. It is the same for the whole life of
// the claim.
func (c Claim) ID() ID { return c.id }

func (id ID) valid() bool { return id.Generation != 0 && id.Index < maxStreams }

// link is the ID as a word.
func (id ID) link() link { return link(id.Generation<<genShift | uint64(id.Index+1)<<1) }
