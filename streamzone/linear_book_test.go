package streamzone_test

import (
	"sync/atomic"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

const (
	linThreads = 2 // goroutines per child
	linClients = linSlots * linThreads
	linCalls   = 10 // most that a client makes in one burst
)

// A linBook is a second shared memory, where each goroutine of each child
// writes down what it does. A child may be killed between any two words of it.
type linBook []atomic.Uint64

const (
	linClock = 0 // word of the clock
	linMet   = 1 // clients that are ready to start
	linPages = 8 // where the records start
	linWords = 8 // of a record
	linBytes = 8 * (linPages + linClients*linCalls*linWords)
)

// Words of a record.
const (
	linStage  = iota // burst<<1 | 1 if the call has returned; written after what it speaks for
	linAsked         // kind | name<<8
	linGiven         // ID given to a release
	linBegin         // clock before the call
	linAnswer        // is | slot<<8
	linID
	linEnd // clock after the call
)

// tick is the time, the same for all processes. It is a counter and not
// CLOCK_MONOTONIC, because it knows no ties, needs no two cores' clocks to
// agree, and costs a tenth.
func (b linBook) tick() int64 { return int64(b[linClock].Add(1)) }

func (b linBook) record(client, n int) []atomic.Uint64 {
	at := linPages + (client*linCalls+n)*linWords
	return b[at : at+linWords]
}

// do makes a call and writes it down. A process that is killed in it leaves
// nothing if the call had not begun, or a call that has not returned, or all.
func (b linBook) do(burst uint64, client, n int, c linCall, call func() linResult) {
	rec := b.record(client, n)
	rec[linAsked].Store(uint64(c.kind) | uint64(c.name)<<8)
	rec[linGiven].Store(packID(c.id))
	rec[linBegin].Store(uint64(b.tick()))
	rec[linStage].Store(burst << 1)
	r := call()
	end := b.tick()
	rec[linAnswer].Store(uint64(r.is) | uint64(r.slot)<<8)
	rec[linID].Store(packID(r.id))
	rec[linEnd].Store(uint64(end))
	rec[linStage].Store(burst<<1 | 1)
}

// read is what the client wrote in the burst.
func (b linBook) read(burst uint64, client, slot int, epoch uint16) []linOp {
	var ops []linOp
	for n := range linCalls {
		rec := b.record(client, n)
		stage := rec[linStage].Load()
		if stage>>1 != burst {
			break // of an earlier burst
		}
		asked := rec[linAsked].Load()
		op := linOp{client: client, begin: int64(rec[linBegin].Load()), call: linCall{
			kind: linKind(asked), name: int(asked >> 8), slot: slot, epoch: epoch, id: unpackID(rec[linGiven].Load()),
		}}
		if stage&1 == 1 {
			answer := rec[linAnswer].Load()
			op.result = linResult{is: linIs(answer), slot: int(answer >> 8), id: unpackID(rec[linID].Load())}
			op.end = int64(rec[linEnd].Load())
		}
		ops = append(ops, op)
	}
	return ops
}

func packID(id streamzone.ID) uint64 { return id.Generation<<24 | uint64(id.Index) }

func unpackID(w uint64) streamzone.ID {
	return streamzone.ID{Generation: w >> 24, Index: uint32(w & (1<<24 - 1))}
}

// A child that is killed leaves a call that is not begun, begun, or done;
// and what an earlier burst left is not taken for it.
func TestLinearBook(t *testing.T) {
	b := make(linBook, linBytes/8)
	was := linCall{kind: linLookup, name: 3, slot: 1, epoch: 5}
	c := linCall{kind: linRelease, name: 2, slot: 1, epoch: 5, id: parseID(t, "7fffffffff.fffffd")}
	r := linResult{is: linTaken, slot: 2, id: parseID(t, "9.1")}
	b.do(1, linThreads, 0, was, func() linResult { return linResult{is: linAbsent} })
	b.do(1, linThreads, 1, was, func() linResult { return linResult{is: linAbsent} })
	b.do(2, linThreads, 0, c, func() linResult {
		got := b.read(2, linThreads, 1, 5)
		if want := (linOp{client: linThreads, call: c, begin: 5}); len(got) != 1 || got[0] != want {
			t.Errorf("in the call: %v, want %v", got, want)
		}
		for _, word := range []int{linAnswer, linID, linEnd} { // half an answer
			b.record(linThreads, 0)[word].Store(1)
		}
		if now := b.read(2, linThreads, 1, 5); len(now) != 1 || now[0] != got[0] {
			t.Errorf("before it has returned: %v", now)
		}
		return r
	})
	got := b.read(2, linThreads, 1, 5)
	if want := (linOp{client: linThreads, call: c, result: r, begin: 5, end: 6}); len(got) != 1 || got[0] != want {
		t.Errorf("after the call: %v, want %v", got, want)
	}
	b.record(linThreads, 1)[linAsked].Store(1) // half a question
	if now := b.read(2, linThreads, 1, 5); len(now) != 1 {
		t.Errorf("before the next call: %v", now)
	}
	if other := b.read(2, 0, 0, 5); len(other) != 0 {
		t.Errorf("another client: %v", other)
	}
}
