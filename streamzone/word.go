package streamzone

import "time"

// A phase is where a node is in its life.
type phase uint8

const (
	free      phase = iota // nobody's
	claiming               // being filled by its owner, in no chain
	live                   // filled; a stream once it is in a chain
	releasing              // deleted; leaving its chain
)

// A state is the word that every transition of a node swaps as a whole.
//
//	 63                    25 24        9 8     2 1   0
//	+------------------------+-----------+-------+-----+
//	|     generation:39      | epoch:16  | slot:7|phase|
//	+------------------------+-----------+-------+-----+
//
// The generation goes up by one with each claim of the node and never comes
// back, so a state names one incarnation.
type state uint64

const (
	genShift   = 25
	maxGen     = 1<<39 - 1
	epochShift = 9
	slotShift  = 2
)

func newState(gen uint64, epoch uint16, slot int, p phase) state {
	return state(gen<<genShift | uint64(epoch)<<epochShift | uint64(slot)<<slotShift | uint64(p))
}

func (s state) gen() uint64          { return uint64(s) >> genShift }
func (s state) epoch() uint16        { return uint16(s >> epochShift) }
func (s state) slot() int            { return int(s>>slotShift) & (Slots - 1) }
func (s state) phase() phase         { return phase(s & 3) }
func (s state) with(p phase) state   { return s&^3 | state(p) }
func (s state) linkTo(i uint32) link { return link(s.gen()<<genShift | uint64(i+1)<<1) }

// A link names one incarnation of a node, or none.
//
//	 63                    25 24             1   0
//	+------------------------+----------------+----+
//	| target's generation:39 |   index+1:24   |mark|
//	+------------------------+----------------+----+
//
// In a node's next word the mark says that the node itself is leaving and that
// its next is final. In a bucket's head it is reserved and never set.
type link uint64

const (
	nilLink link = 0
	mark    link = 1
)

func (l link) gen() uint64    { return uint64(l) >> genShift }
func (l link) marked() bool   { return l&mark != 0 }
func (l link) unmarked() link { return l &^ mark }

// index is the target's index. It wraps to a huge number for no target.
func (l link) index() uint32 { return uint32(l>>1)&(1<<24-1) - 1 }

// An about is the word that says when a stream was claimed, and how long its
// name is.
//
//	 63     62                      16 15         0
//	+-----+---------------------------+------------+
//	|moved| Unix milliseconds:47      | length:16  |
//	+-----+---------------------------+------------+
//
// A stream that came from another zone keeps its first ID, in its cold node.
type about uint64

const movedHere about = 1 << 63

func newAbout(born time.Time, length int) about {
	return about(born.UnixMilli())<<16&^movedHere | about(length)
}

func (a about) length() int     { return int(a & (1<<16 - 1)) }
func (a about) born() time.Time { return time.UnixMilli(int64(a &^ movedHere >> 16)) }
func (a about) moved() bool     { return a&movedHere != 0 }
