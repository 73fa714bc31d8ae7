package streamzone_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// How a word is damaged.
const (
	hitBit   = iota // one bit flips
	hitStep         // a link to another node
	hitLow          // another phase, a mark
	hitLink         // a link to a node as it is
	hitState        // a stream of a slot that is open
	hitSame         // what stands in another word of the kind
	hitZero
	hitLast // a free node that has used its generations up
	hitTwin // not a word: a second node of the same name
	hitRaw
	hows
)

func (tr *trial) damage() {
	k := kind(tr.next() % int(kinds))
	n, i, how := tr.next(), tr.next(), tr.next()%hows
	var raw [8]byte
	for b := range raw {
		raw[b] = byte(tr.next())
	}
	value := binary.LittleEndian.Uint64(raw[:])
	low := int(raw[0])
	w := &tr.words[tr.at(k, n, i)]
	switch was := w.Load(); how {
	case hitBit:
		w.Store(was ^ 1<<(low%64))
	case hitStep:
		w.Store(was + uint64(low)*2)
	case hitLow:
		w.Store(was ^ uint64(low%4))
	case hitLink:
		n := low % tr.streams
		w.Store(tr.life(n).gen<<25 | uint64(n+1)<<1)
	case hitState:
		slot := low % trialSlots
		w.Store(life{gen: lifeOf(was).gen, epoch: tr.memory.epoch(slot), slot: slot, phase: phaseLive}.word())
	case hitSame:
		w.Store(tr.words[tr.at(k, low, int(raw[1]))].Load())
	case hitZero:
		w.Store(0)
	case hitLast:
		w.Store(life{gen: lastGen, phase: phaseFree}.word())
		tr.words[tr.hints+n%tr.streams/64].Or(1 << (n % tr.streams % 64))
	case hitTwin:
		tr.twin(n%tr.streams, low%tr.streams)
	default:
		w.Store(value)
	}
	if k == kindStatus && tr.stage() == stageFreezing {
		w.Store(w.Load() ^ stageFreezing ^ stageVoid) // would hold each claim up: TestDamagedFreeze
	}
}

// twin makes node n the same as another, and links it in front of that one's
// chain.
func (tr *trial) twin(n, of int) {
	if n == of {
		return
	}
	for i := range hotWords {
		tr.words[tr.hot+n*hotWords+i].Store(tr.words[tr.hot+of*hotWords+i].Load())
	}
	for i := range tr.per {
		tr.words[tr.cold+n*tr.per+i].Store(tr.words[tr.cold+of*tr.per+i].Load())
	}
	head := &tr.words[tr.at(kindHead, tr.bucket(tr.word(kindHash, n)), 0)]
	tr.words[tr.at(kindNext, n, 0)].Store(head.Load())
	head.Store(tr.life(n).gen<<25 | uint64(n+1)<<1)
}

// A link behind the last node leads into memory that is there, and may look like
// a node.
func TestLinksBehindTheLastNode(t *testing.T) {
	tr := newTrial(t, 0, nil) // one bucket
	tr.z, tr.k = closing(t, tr.z), closingKeeper(t, tr.k)
	of, found, _ := tr.find(trialNames[0])
	if !found {
		t.Fatal("nobody has the name")
	}
	for i := range hotWords {
		tr.words[tr.cold+i].Store(tr.words[tr.hot+of*hotWords+i].Load())
	}
	for _, index := range []int{tr.streams, tr.streams + 1, 1<<24 - 2} {
		tr.words[tr.at(kindHead, 0, 0)].Store(tr.life(of).gen<<25 | uint64(index+1)<<1)
		for _, name := range trialNames {
			if _, _, err := tr.z.Lookup(name); !errors.Is(err, streamzone.ErrCorrupt) {
				t.Errorf("Lookup %s by a link to node %d of %d: %v", name, index, tr.streams, err)
			}
		}
		comeBack("a look", deadline, tr.look)
	}
}
