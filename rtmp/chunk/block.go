package chunk

import (
	"math/bits"
	"sync"
)

// Blocks are lent in sizes that double, so that what is lent stays in
// proportion to what is asked for.
const (
	smallestBlock = 12 // log2 of bytes: 4 KiB
	largestBlock  = 20 // a mebibyte; what is longer is too rare to be kept
)

// A block is memory that readers lend one another: each has some only while
// there are bytes in it. What nobody has borrowed for a while, the garbage
// collector takes.
type block struct{ mem []byte }

var blocks [largestBlock - smallestBlock + 1]sync.Pool

// borrowBlock returns a block of at least n bytes, of whatever content.
func borrowBlock(n int) *block {
	size := max(bits.Len(uint(n-1)), smallestBlock)
	if size > largestBlock {
		return &block{make([]byte, n)}
	}
	if b, ok := blocks[size-smallestBlock].Get().(*block); ok {
		return b
	}
	return &block{make([]byte, 1<<size)}
}

// giveBack ends the use of b, which may be nil, and of all slices of it.
func (b *block) giveBack() {
	if b == nil {
		return
	}
	if size := bits.Len(uint(len(b.mem) - 1)); size <= largestBlock {
		blocks[size-smallestBlock].Put(b)
	}
}
