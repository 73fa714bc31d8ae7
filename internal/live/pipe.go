package live

import (
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// A Pipe is a Sink within the process, for players whose bytes must pass through something on their way: one goroutine takes them out and brings them
// on. It holds so many at most; then it is full, as a socket is, whose peer is slow.
type Pipe struct {
	limit    int
	acquired func() uint64 // see NewPipe

	filled chan struct{} // capacity 1: there is something to take out, or the end
	room   chan struct{} // capacity 1: something was taken out, or the pipe is closed

	mu     sync.Mutex
	pieces [][]byte // the oldest first; the last may have room
	held   int      // bytes in pieces
	taken  uint64   // bytes that ever came in
	ended  bool     // nothing comes in any more
	closed bool     // nothing is taken out any more

	lent []byte // owned by whoever takes out: what Next returned, but for what Read passed on
	rest []byte // owned likewise: what Read has not passed on of lent
}

// pieceSize is the memory that comes and goes together. A pipe that is empty has none.
const pieceSize = 16 << 10

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// NewPipe returns a pipe that holds so many bytes. acquired tells how many bytes, of whatever the pipe's became on their way, the peer has. It only
// matters that this grows as long as the peer takes any.
func NewPipe(limit int, acquired func() uint64) *Pipe {
	return &Pipe{limit: limit, acquired: acquired, filled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// TryWritev implements Sink: it copies.
func (p *Pipe) TryWritev(iov [][]byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	n := 0
	for _, b := range iov {
		b = b[:min(len(b), p.limit-p.held)]
		n += len(b)
		p.put(b)
	}
	p.taken += uint64(n)
	if n > 0 {
		signal(p.filled)
	}
	return n, nil
}

// put is called with mu held.
func (p *Pipe) put(b []byte) {
	p.held += len(b)
	for len(b) > 0 {
		last := len(p.pieces) - 1
		if last < 0 || len(p.pieces[last]) == pieceSize {
			p.pieces = append(p.pieces, pieces.Get().(*[pieceSize]byte)[:0])
			last++
		}
		piece := p.pieces[last]
		n := min(len(b), pieceSize-len(piece))
		p.pieces[last] = append(piece, b[:n]...)
		b = b[n:]
	}
}

// WaitWritable implements Sink. There is room when a good part is free: so the player doesn't write crumbs.
func (p *Pipe) WaitWritable(deadline time.Time) error {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	for {
		p.mu.Lock()
		roomy, closed := p.limit-p.held >= p.limit/4, p.closed
		p.mu.Unlock()
		switch {
		case closed:
			return io.ErrClosedPipe
		case roomy:
			return nil
		}
		select {
		case <-p.room:
		case <-t.C:
			return os.ErrDeadlineExceeded
		}
	}
}

// Unacknowledged implements Sink. Where bytes become fewer or more on their way, only its changes mean something: it falls while the peer takes any.
func (p *Pipe) Unacknowledged() int {
	p.mu.Lock()
	taken := p.taken
	p.mu.Unlock()
	return int(int64(taken - p.acquired()))
}

// End has the pipe end behind what it holds. From any goroutine.
func (p *Pipe) End() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	signal(p.filled)
}

// Close ends the pipe at once. From any goroutine.
func (p *Pipe) Close() {
	p.mu.Lock()
	p.closed = true
	for _, piece := range p.pieces {
		giveBack(piece)
	}
	p.pieces, p.held = nil, 0
	p.mu.Unlock()
	signal(p.filled)
	signal(p.room)
}

// Next waits for bytes and takes them out. They are the caller's until it calls again. The error is io.EOF behind the last, or io.ErrClosedPipe.
func (p *Pipe) Next() ([]byte, error) {
	giveBack(p.lent)
	p.lent, p.rest = nil, nil
	for {
		var err error
		if p.lent, err = p.take(); p.lent != nil || err != nil {
			return p.lent, err
		}
		<-p.filled
	}
}

// take takes the oldest piece out, if there is one.
func (p *Pipe) take() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, io.ErrClosedPipe
	case len(p.pieces) > 0:
		piece := p.pieces[0]
		p.pieces = slices.Delete(p.pieces, 0, 1)
		p.held -= len(piece)
		signal(p.room)
		return piece, nil
	case p.ended:
		return nil, io.EOF
	}
	return nil, nil
}

// Read implements io.Reader, for who doesn't call Next.
func (p *Pipe) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		next, err := p.Next()
		if err != nil {
			return 0, err
		}
		p.rest = next
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func giveBack(piece []byte) {
	if cap(piece) > 0 {
		pieces.Put((*[pieceSize]byte)(piece[:pieceSize]))
	}
}

// signal makes a channel of capacity 1 have something to receive.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
