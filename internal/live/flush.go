package live

import "bytes"

// Bounds of one write: IOV_MAX is 1024, and a megabyte more than fills a socket.
const (
	maxIovecs = 512
	maxBatch  = 1 << 20
)

// A batch is the scratch memory of whoever flushes.
type batch struct {
	iov   [][]byte
	bytes int

	// Of tags: what is between payloads, and the length of iov when it ended with that, as one whole; else 0.
	scratch []byte
	joint   int
}

func (b *batch) reset() {
	clear(b.iov)
	b.iov, b.bytes = b.iov[:0], 0
	b.scratch, b.joint = b.scratch[:0], 0
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

// current tells whether there is nothing for the player: no packet has come since it was flushed.
func (p *Player) current() bool {
	return p.flushed == p.stream.end.Load() && !p.asking.Load() && !p.leaving.Load()
}

// flush writes to the player all there is for it, as far as its socket takes it.
func (p *Player) flush(v *view, b *batch) flushed {
	for {
		if p.leaving.Load() {
			return flushedBroken
		}
		p.takeControl()
		p.keepBegun(v)
		if p.last && p.through(v) {
			p.must, p.farewell = append(p.must, p.farewell...), nil
			return p.flushMust(v, b)
		}
		switch {
		case p.bound: // it goes on to its end from where it is
		case !p.playing:
			p.begin(v)
		case p.cursor < v.oldest() && p.hold == nil && len(p.must) == 0: // else what was begun goes first: it must not grow
			p.catchUp(v)
		}
		p.gather(v, b)
		if b.bytes == 0 {
			p.flushed = v.tail
			return flushedIdle
		}
		whole, err := p.write(v, b)
		switch {
		case err != nil:
			return flushedBroken
		case !whole:
			return flushedBlocked
		}
	}
}

// keepBegun copies a packet that was begun and that the log has forgotten: else a player that takes few bytes would keep all that is beside it.
func (p *Player) keepBegun(v *view) {
	if p.hold != nil && p.hold.start != p.begun.at && p.begun.at < v.oldest() {
		p.hold = &segment{start: p.begun.at, bytes: bytes.Clone(p.hold.piece(p.begun.at, p.begun.end()))}
	}
}

// through tells whether a player that is told to end has all that it should still get.
func (p *Player) through(v *view) bool {
	return !p.playing || p.cursor >= p.end || p.hold == nil && p.cursor < v.oldest() // the last one fell out of the log
}

// flushMust writes what is left of a player that is told to end.
func (p *Player) flushMust(v *view, b *batch) flushed {
	for {
		b.reset()
		p.gatherMust(b)
		if b.bytes == 0 {
			return flushedLast
		}
		whole, err := p.write(v, b)
		switch {
		case err != nil:
			return flushedBroken
		case !whole:
			return flushedBlocked
		}
	}
}

// gather collects what must be sent, then packets from the cursor on.
func (p *Player) gather(v *view, b *batch) {
	b.reset()
	end := v.tail
	if p.bound {
		end = min(end, p.end)
	}
	if len(p.must) == 0 && p.playing && p.cursor >= v.oldest() && p.opts.StreamID == sharedStreamID {
		p.gatherBytes(v, b, end)
		return
	}
	p.gatherMust(b)
	at := p.cursor
	if p.hold != nil {
		at = p.begun.end()
	}
	if p.playing && at >= v.oldest() {
		p.gatherPackets(v, b, at, end)
	}
}

// gatherBytes collects the bytes from the cursor on, just as they lie in the log.
func (p *Player) gatherBytes(v *view, b *batch, end uint64) {
	if p.cursor >= end {
		return
	}
	end = min(end, p.cursor+maxBatch)
	for i, at := v.segmentAt(p.cursor), p.cursor; at < end; i++ {
		s, to := v.segments[i], end
		if i+1 < len(v.segments) {
			to = min(end, v.segments[i+1].start)
		}
		b.add(s.piece(at, to))
		at = to
	}
}

// gatherMust collects the rest of the packet that was begun, and what else must be sent before others.
func (p *Player) gatherMust(b *batch) {
	switch {
	case p.hold == nil:
	case p.opts.Format == FormatFLV:
		b.addTag(p.hold, &p.begun, p.tags.stamp, p.tags.had)
	default:
		b.addPacket(p.hold, &p.begun, p.opts.StreamID, int(p.cursor-p.begun.at))
	}
	for _, m := range p.must {
		if b.full() {
			return
		}
		b.add(m)
	}
}

// gatherPackets collects packets one by one, from the start of one on.
func (p *Player) gatherPackets(v *view, b *batch, at, end uint64) {
	if at >= end || b.full() {
		return
	}
	segment, i := v.segmentAt(at), v.packetAt(at)
	tags := p.opts.Format == FormatFLV
	if tags {
		p.tags.clock.look(v, i)
	}
	for ; i < len(v.packet) && !b.full(); i++ {
		pkt := &v.packet[i]
		if pkt.at >= end {
			return
		}
		if segment+1 < len(v.segments) && v.segments[segment+1].start <= pkt.at {
			segment++
		}
		s := v.segments[segment]
		if tags {
			b.addTag(s, pkt, p.tags.clock.of(pkt, s), 0)
		} else {
			b.addPacket(s, pkt, p.opts.StreamID, 0)
		}
	}
}

// addPacket adds a packet, but for the first bytes, which the player has.
func (b *batch) addPacket(s *segment, p *packet, streamID uint32, had int) {
	b.iov = appendFramed(b.iov, s.piece(p.at, p.end()), streamID, had)
	b.bytes += int(p.size) - had
}

// write sends the batch, and moves must and the cursor on by what was taken.
func (p *Player) write(v *view, b *batch) (whole bool, err error) {
	n, err := p.opts.Sink.TryWritev(b.iov)
	if err != nil {
		return false, err
	}
	if n > 0 {
		p.sent.Add(uint64(n))
		p.stream.sent.Add(uint64(n))
		if !p.opts.Relay {
			p.stream.toViewers.Add(uint64(n))
		}
		if p.opts.Sent != nil {
			p.opts.Sent(n)
		}
	}
	p.consume(v, n)
	p.frames.Store(p.earlier + p.seq - p.origin)
	p.position.Store(p.cursor)
	return n == b.bytes, nil
}

// consume accounts for n written bytes: the rest of a begun packet, then must, then packets.
func (p *Player) consume(v *view, n int) {
	if p.hold != nil {
		if n = p.passBegun(n); p.hold != nil {
			return
		}
	}
	gone := 0
	for gone < len(p.must) && n >= len(p.must[gone]) {
		n -= len(p.must[gone])
		gone++
	}
	if gone < len(p.must) {
		p.must[gone] = p.must[gone][n:]
		p.must = p.must[gone:]
		return
	}
	p.must = nil
	switch {
	case n == 0:
	case p.opts.Format == FormatFLV:
		p.passTags(v, n)
	default:
		p.cursor += uint64(n)
		p.settle(v)
	}
}

// passBegun notes n more bytes of the begun packet, and returns how many of them were of what follows it.
func (p *Player) passBegun(n int) (rest int) {
	if p.opts.Format == FormatFLV {
		return p.passBegunTag(n)
	}
	took := min(n, int(p.begun.end()-p.cursor))
	if p.cursor += uint64(took); p.cursor == p.begun.end() {
		p.hold = nil
	}
	return n - took
}

// settle finds out where the cursor stands: between two packets, or in one, which is kept until the player has it.
func (p *Player) settle(v *view) {
	if p.cursor == v.tail {
		p.seq = v.head()
		return
	}
	i := v.packetAt(p.cursor)
	p.seq = v.base + uint64(i)
	if v.packet[i].at == p.cursor {
		return
	}
	p.seq++
	p.begun = v.packet[i]
	p.hold = v.segments[v.segmentAt(p.cursor)]
}
