package live

import (
	"sort"
	"time"
)

// A log is the recent past of a stream: packets with consecutive sequence numbers, framed one behind the other. A place in it is a position: how
// many bytes of packets the stream had before it. Packets are appended behind and forgotten in front, never changed. Its methods are called with
// Stream.mu held.
type log struct {
	base     uint64 // sequence number of packets[0]
	packet   []packet
	tail     uint64     // position behind the newest packet
	segments []*segment // oldest first; a packet lies in one
	bytes    int        // what the packets cost
	starts   []start    // where a player may start, oldest first
}

// A start is a keyframe with the headers in force there.
type start struct {
	seq     uint64
	at      uint64
	headers *headers
}

// head is the sequence number that the next packet gets.
func (l *log) head() uint64 { return l.base + uint64(len(l.packet)) }

// oldest is the position of the oldest packet there is, or where the next will be.
func (l *log) oldest() uint64 {
	if len(l.packet) == 0 {
		return l.tail
	}
	return l.packet[0].at
}

// append frames a payload at the end.
func (l *log) append(p packet, payload []byte, h *headers) {
	size := framedSize(p.kind, p.timestamp, payload)
	s := l.room(size)
	frame(s.bytes[s.used:s.used:s.used+size], p.kind, p.timestamp, payload)
	s.used += size
	p.at, p.size, p.payload = l.tail, uint32(size), uint32(len(payload))
	if p.keyframe {
		l.starts = append(l.starts, start{l.head(), p.at, h})
	}
	l.packet = append(l.packet, p)
	l.tail += uint64(size)
	l.bytes += p.cost()
}

// room returns the segment that takes so many bytes more.
func (l *log) room(size int) *segment {
	if n := len(l.segments); n > 0 {
		if s := l.segments[n-1]; s.used+size <= len(s.bytes) {
			return s
		}
	}
	s := newSegment(l.tail, size, l.bytes)
	l.segments = append(l.segments, s)
	return s
}

// trim forgets what no player should still get: all that is older than maxLag, but for the newest keyframe and what follows it; and, however
// young, what exceeds the log's bounds in bytes and time. It tells whether that took the newest keyframe: players that come wait for the next.
func (l *log) trim(now int64, b *Bounds) (lost bool) {
	keep := l.head()
	if n := len(l.starts); n > 0 {
		keep = l.starts[n-1].seq
	}
	oldest, ceiling := now-int64(b.MaxLag), now-int64(b.LogDuration)
	n := 0
	for n < len(l.packet) {
		p := &l.packet[n]
		lags := p.arrived < oldest && l.base+uint64(n) < keep
		if !lags && p.arrived >= ceiling && l.bytes <= b.LogBytes {
			break
		}
		l.bytes -= p.cost()
		n++
	}
	starts := len(l.starts)
	l.forget(n)
	return starts > 0 && len(l.starts) == 0
}

// forget drops the n oldest packets, and the segments without any.
func (l *log) forget(n int) {
	l.packet = l.packet[n:]
	l.base += uint64(n)
	if len(l.packet) == 0 {
		l.packet = nil // lets the old array go
	}
	old := 0
	for old < len(l.starts) && l.starts[old].seq < l.base {
		old++
	}
	l.starts = l.starts[old:]
	old = 0
	for old < len(l.segments) && l.segments[old].start+uint64(l.segments[old].used) <= l.oldest() {
		old++
	}
	if l.segments = l.segments[old:]; len(l.segments) == 0 {
		l.segments = nil // likewise
	}
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

// packetAt returns the index of the packet that the byte at a position belongs to. There is one.
func (v *view) packetAt(at uint64) int {
	return sort.Search(len(v.packet), func(i int) bool { return v.packet[i].at > at }) - 1
}

// segmentAt returns the index of the segment that the byte at a position is in. There is one.
func (v *view) segmentAt(at uint64) int {
	i := len(v.segments) - 1
	for v.segments[i].start > at {
		i--
	}
	return i
}

// startAt returns where a player may start, at the position floor or later: at the newest keyframe, or, in a stream without video, at once.
func (v *view) startAt(floor uint64) (start, bool) {
	switch {
	case !v.feeding:
		return start{}, false
	case !v.hasVideo:
		return start{v.head(), v.tail, v.headers}, true
	case len(v.starts) > 0 && v.starts[len(v.starts)-1].at >= floor:
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
