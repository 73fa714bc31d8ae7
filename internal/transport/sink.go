package transport

import (
	"crypto/tls"
	"sync"
	"time"
)

// maxRecord is the most that one TLS record carries (RFC 8446 §5.1).
const maxRecord = 16 << 10

// A playerSink is a live.Sink over TLS. Encrypted bytes can't be taken back: the player's position has moved on, so what the socket doesn't
// take stays on the wire. To the player that must look like a full socket, or nobody would wait for room. So of what was encrypted, one byte is
// owed: it counts as taken when the wire is empty.
type playerSink struct {
	// static
	tls  *tls.Conn
	wire *wire

	owed int // 0 or 1; owned by whoever flushes the player
}

// scratch memory, borrowed for the time of one write: a player that is idle has none.
type scratch struct {
	plain  [maxSealed]byte
	cipher []byte
}

var scratches = sync.Pool{New: func() any { return &scratch{cipher: make([]byte, 0, maxSealed+1<<10)} }}

// TryWritev implements live.Sink. It encrypts only what there seems to be room for: nothing while the wire holds something.
func (s *playerSink) TryWritev(iov [][]byte) (int, error) {
	empty, err := s.wire.push()
	if err != nil || !empty {
		return 0, err
	}
	in := pieces{rest: iov}
	taken := s.owed
	in.skip(s.owed)
	s.owed = 0
	if !in.more() {
		return taken, nil
	}
	mem := scratches.Get().(*scratch)
	defer scratches.Put(mem)
	for in.more() {
		n, err := s.seal(in.next(mem.plain[:0]), mem)
		taken += n
		switch {
		case err != nil:
			return 0, err
		case s.wire.holds() > 0:
			s.owed = 1
			return taken - 1, nil
		}
	}
	return taken, nil
}

// seal encrypts b and gives the socket what it takes, in one piece.
func (s *playerSink) seal(b []byte, mem *scratch) (int, error) {
	if len(b) <= maxRecord {
		return s.tls.Write(b)
	}
	s.wire.cork(mem.cipher)
	n, err := s.tls.Write(b)
	buffer, pushErr := s.wire.uncork()
	mem.cipher = buffer[:0]
	if err == nil {
		err = pushErr
	}
	return n, err
}

// WaitWritable implements live.Sink.
func (s *playerSink) WaitWritable(deadline time.Time) error {
	return s.wire.socket.WaitWritable(deadline)
}

// Unacknowledged implements live.Sink. It counts encrypted bytes.
func (s *playerSink) Unacknowledged() int { return s.wire.holds() + s.wire.socket.Unacknowledged() }

// pieces walk over the slices of a write.
type pieces struct {
	rest [][]byte
	off  int // in rest[0]
}

func (p *pieces) skip(n int) {
	p.off += n
	for len(p.rest) > 0 && p.off >= len(p.rest[0]) {
		p.off -= len(p.rest[0])
		p.rest = p.rest[1:]
	}
}

func (p *pieces) more() bool { return len(p.rest) > 0 }

// next returns what fills a write: of one piece, as it is; of more than one, copied together in buf.
func (p *pieces) next(buf []byte) []byte {
	first := p.rest[0][p.off:]
	if len(first) >= cap(buf) || len(p.rest) == 1 {
		first = first[:min(len(first), cap(buf))]
		p.skip(len(first))
		return first
	}
	for p.more() && len(buf) < cap(buf) {
		piece := p.rest[0][p.off:]
		n := min(len(piece), cap(buf)-len(buf))
		buf = append(buf, piece[:n]...)
		p.skip(n)
	}
	return buf
}
