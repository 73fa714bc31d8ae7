package live

// Bounds of one writev: IOV_MAX is 1024, and a megabyte more than fills a socket.
const (
	maxIovecs = 512
	maxBatch  = 1 << 20
)

// A batch is the scratch memory of whoever flushes.
type batch struct {
	iov   [][]byte
	bytes int
}

func (b *batch) reset() {
	clear(b.iov)
	b.iov, b.bytes = b.iov[:0], 0
}

func (b *batch) add(p []byte) {
	b.iov = append(b.iov, p)
	b.bytes += len(p)
}

func (b *batch) full() bool { return len(b.iov)+2 > maxIovecs || b.bytes >= maxBatch }

// flushed is what a flush left behind.
type flushed int

const (
	flushedIdle    flushed = iota // everything there is was written
	flushedBlocked                // the socket is full
	flushedLast                   // the farewell is written
	flushedBroken                 // the socket is broken, or the session gone
)

// flush writes to the player all there is for it, as far as its socket takes it.
func (p *Player) flush(v *view, b *batch) flushed {
	for {
		if p.leaving.Load() {
			return flushedBroken
		}
		p.takeControl()
		if p.last && p.through(v) {
			p.must, p.farewell = append(p.must, p.farewell...), nil
			return p.flushMust(b)
		}
		switch {
		case p.bound: // it goes on to its end from where it is
		case !p.playing:
			p.begin(v)
		case p.cursor < v.base && len(p.must) == 0: // else what was begun goes first: it must not grow
			p.catchUp(v)
		}
		p.gather(v, b)
		if len(b.iov) == 0 {
			return flushedIdle
		}
		whole, err := p.write(b)
		switch {
		case err != nil:
			return flushedBroken
		case !whole:
			return flushedBlocked
		}
	}
}

// through tells whether a player that is told to end has all that it should still get.
func (p *Player) through(v *view) bool {
	return !p.playing || p.cursor >= p.end || p.cursor < v.base // the last one fell out of the log
}

// flushMust writes what is left of a player that is told to end.
func (p *Player) flushMust(b *batch) flushed {
	for len(p.must) > 0 {
		b.reset()
		p.gatherMust(b)
		whole, err := p.write(b)
		switch {
		case err != nil:
			return flushedBroken
		case !whole:
			return flushedBlocked
		}
	}
	return flushedLast
}

// gather collects what must be sent, then packets from the cursor on.
func (p *Player) gather(v *view, b *batch) {
	b.reset()
	p.gatherMust(b)
	if !p.playing || p.cursor < v.base {
		return
	}
	for i, pkt := range v.from(p.cursor) {
		if b.full() || p.bound && p.cursor+uint64(i) >= p.end {
			return
		}
		b.iov = appendFramed(b.iov, pkt.framed, p.opts.StreamID)
		b.bytes += len(pkt.framed)
	}
}

func (p *Player) gatherMust(b *batch) {
	for _, m := range p.must {
		if b.full() {
			return
		}
		b.add(m)
	}
}

// write sends the batch, and moves must and the cursor on by what was taken.
func (p *Player) write(b *batch) (whole bool, err error) {
	n, err := p.opts.Sink.TryWritev(b.iov)
	if err != nil {
		return false, err
	}
	if n > 0 {
		p.sent.Add(uint64(n))
		p.stream.sent.Add(uint64(n))
		if p.opts.Sent != nil {
			p.opts.Sent(n)
		}
	}
	p.consume(b, n)
	return n == b.bytes, nil
}

// consume accounts for n written bytes of the batch: whole pieces of must go, whole packets move the cursor, and the rest of a packet that was
// begun must be sent next.
func (p *Player) consume(b *batch, n int) {
	musts := min(len(p.must), len(b.iov))
	gone := 0
	for gone < musts && n >= len(p.must[gone]) {
		n -= len(p.must[gone])
		gone++
	}
	if gone < musts {
		p.must[gone] = p.must[gone][n:]
		p.must = p.must[gone:]
		return
	}
	p.must = p.must[gone:]
	if len(p.must) == 0 {
		p.must = nil
	}
	pieces := 1 // of a packet
	if p.opts.StreamID != sharedStreamID {
		pieces = 2
	}
	for i := musts; i < len(b.iov) && n > 0; i += pieces {
		p.cursor++
		for _, piece := range b.iov[i : i+pieces] {
			took := min(n, len(piece))
			n -= took
			if took < len(piece) {
				p.must = append(p.must, piece[took:])
			}
		}
	}
}
