package live

import (
	"bytes"
	"testing"
	"time"
)

func TestLogTrim(t *testing.T) {
	o := Bounds{MaxLag: 5 * time.Second, LogDuration: 30 * time.Second, LogBytes: 1000 + 2*packetOverhead}
	type sent struct {
		packet
		size int // of its chunks
	}
	at := func(s float64, key bool, size int) sent {
		return sent{packet{arrived: int64(s * 1e9), keyframe: key}, size + headerSize}
	}
	for _, c := range []struct {
		name        string
		packets     []sent
		base        uint64
		left, start int  // packets, and places to start at
		lost        bool // the newest keyframe, at the end
	}{
		{"young", []sent{at(0, true, 1), at(1, false, 1), at(4, true, 1)}, 0, 3, 2, false},
		{
			"older than the lag, but for the newest GOP",
			[]sent{at(0, true, 1), at(1, false, 1), at(2, true, 1), at(3, false, 1), at(20, false, 1)},
			2, 3, 1, false,
		},
		{"no keyframe: the lag bounds", []sent{at(0, false, 1), at(1, false, 1), at(7, false, 1)}, 2, 1, 0, false},
		{"a GOP over the duration", []sent{at(0, true, 1), at(10, false, 1), at(31, false, 1)}, 1, 2, 0, true},
		{"a GOP over the bytes", []sent{at(0, true, 500), at(1, false, 400), at(2, false, 300)}, 1, 2, 0, true},
		{"a packet over the bytes", []sent{at(0, true, 1), at(1, true, 2000)}, 2, 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l log
			lost := false
			for _, p := range c.packets {
				l.append(p.packet, make([]byte, p.size-headerSize), &headers{})
				lost = l.trim(p.arrived, &o)
			}
			if lost != c.lost {
				t.Errorf("the newest keyframe is lost: %v", lost)
			}
			if l.base != c.base || len(l.packet) != c.left || len(l.starts) != c.start {
				t.Errorf("base %d, %d packets, %d starts; want %d, %d, %d", l.base, len(l.packet), len(l.starts), c.base, c.left, c.start)
			}
			cost := 0
			for _, p := range l.packet {
				cost += p.cost()
			}
			if l.bytes != cost || l.bytes > o.LogBytes {
				t.Errorf("counts %d bytes, has %d", l.bytes, cost)
			}
		})
	}
}

// TestLogSegments: what was in the log stays as it is while it grows over many segments and forgets; and the log keeps no more than it should.
func TestLogSegments(t *testing.T) {
	o := Bounds{MaxLag: time.Hour, LogDuration: time.Hour, LogBytes: 4 << 20}
	var l log
	var seen, want [][]byte
	for i := range 3000 {
		payload := bytes.Repeat([]byte{byte(i)}, 1+i*i%40000)
		if i%500 == 7 {
			payload = bytes.Repeat([]byte{byte(i)}, 3<<20) // more than any segment
		}
		l.append(packet{kind: Video}, payload, nil)
		p, s := l.packet[len(l.packet)-1], l.segments[len(l.segments)-1]
		framed := frame(nil, Video, 0, payload)
		if !bytes.Equal(s.piece(p.at, p.end()), framed) {
			t.Fatalf("packet %d is not what was appended", i)
		}
		if i%300 == 0 {
			seen, want = append(seen, s.piece(p.at, p.end())), append(want, framed)
		}
		l.trim(0, &o)
		kept := 0
		for _, s := range l.segments {
			kept += len(s.bytes)
		}
		if most := o.LogBytes + 2*maxSegment + 3<<20; kept > most {
			t.Fatalf("%d bytes are kept for a log of %d", kept, l.bytes)
		}
	}
	for i := range seen {
		if !bytes.Equal(seen[i], want[i]) {
			t.Errorf("what was seen of packet %d has changed", i*300)
		}
	}
}
