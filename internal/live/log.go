package live

import "time"

// A log is the recent past of a stream: packets with consecutive sequence numbers. Packets are appended behind and forgotten in front, never
// changed: a slice taken of them stays valid without a lock. Its methods are called with Stream.mu held.
type log struct {
	base   uint64 // sequence number of packets[0]
	packet []packet
	bytes  int
	starts []start // where a player may start, oldest first
}

// A start is a keyframe with the headers in force there.
type start struct {
	seq     uint64
	headers *headers
}

// head is the sequence number that the next packet gets.
func (l *log) head() uint64 { return l.base + uint64(len(l.packet)) }

func (l *log) append(p packet, h *headers) {
	if p.keyframe {
		l.starts = append(l.starts, start{l.head(), h})
	}
	l.packet = append(l.packet, p)
	l.bytes += p.size()
}

// packetOverhead is about what a packet takes besides its bytes.
const packetOverhead = 100

func (p *packet) size() int { return len(p.framed) + packetOverhead }

// trim forgets what no player should still get: all that is older than maxLag, but for the newest keyframe and what follows it; and, however
// young, what exceeds the log's bounds in bytes and time. It tells whether that took the newest keyframe: players that come wait for the next.
func (l *log) trim(now int64, o *Options) (lost bool) {
	keep := l.head()
	if n := len(l.starts); n > 0 {
		keep = l.starts[n-1].seq
	}
	oldest, ceiling := now-int64(o.MaxLag), now-int64(o.LogDuration)
	n := 0
	for n < len(l.packet) {
		p := &l.packet[n]
		lags := p.arrived < oldest && l.base+uint64(n) < keep
		if !lags && p.arrived >= ceiling && l.bytes <= o.LogBytes {
			break
		}
		l.bytes -= p.size()
		n++
	}
	starts := len(l.starts)
	l.forget(n)
	return starts > 0 && len(l.starts) == 0
}

func (l *log) forget(n int) {
	l.packet = l.packet[n:]
	l.base += uint64(n)
	if len(l.packet) == 0 {
		l.packet = nil // lets the old array go
	}
	gone := 0
	for gone < len(l.starts) && l.starts[gone].seq < l.base {
		gone++
	}
	l.starts = l.starts[gone:]
}

// A view is a snapshot of a stream that players are served from without its lock.
type view struct {
	log
	headers  *headers
	feeding  bool // there is a feed, and it has delivered something
	hasVideo bool
	timeline timeline
}

// from returns the packets from seq on.
func (v *view) from(seq uint64) []packet {
	if seq >= v.head() {
		return nil
	}
	return v.packet[seq-v.base:]
}

// startAt returns where a player may start, at floor or later: at the newest keyframe, or, in a stream without video, at once.
func (v *view) startAt(floor uint64) (start, bool) {
	switch {
	case !v.feeding:
		return start{}, false
	case !v.hasVideo:
		return start{max(floor, v.head()), v.headers}, true
	case len(v.starts) > 0 && v.starts[len(v.starts)-1].seq >= floor:
		return v.starts[len(v.starts)-1], true
	}
	return start{}, false
}

// timestampAt returns the timestamp that headers of a kind get which are sent before seq: that of the packet there, but not more than what
// follows of the kind.
func (v *view) timestampAt(seq uint64, k Kind) uint32 {
	packets := v.from(seq)
	at, next := v.timeline.newest, v.timeline.pace[k]
	if len(packets) > 0 {
		at = packets[0].timestamp
	}
	for i := range packets {
		if packets[i].kind == k {
			next.framed, next.last = true, packets[i].timestamp
			break
		}
	}
	if next.framed && int32(next.last-at) < 0 {
		return next.last
	}
	return at
}

// clock is a monotonic clock in nanoseconds.
type clock struct{ start time.Time }

func (c clock) now() int64 { return int64(time.Since(c.start)) }
