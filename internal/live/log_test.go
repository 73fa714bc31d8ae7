package live

import (
	"testing"
	"time"
)

func TestLogTrim(t *testing.T) {
	o := Options{MaxLag: 5 * time.Second, LogDuration: 30 * time.Second, LogBytes: 1000 + 2*packetOverhead}
	at := func(s float64, key bool, size int) packet {
		return packet{framed: make([]byte, size), arrived: int64(s * 1e9), keyframe: key}
	}
	for _, c := range []struct {
		name        string
		packets     []packet
		base        uint64
		left, start int  // packets, and places to start at
		lost        bool // the newest keyframe, at the end
	}{
		{"young", []packet{at(0, true, 1), at(1, false, 1), at(4, true, 1)}, 0, 3, 2, false},
		{
			"older than the lag, but for the newest GOP",
			[]packet{at(0, true, 1), at(1, false, 1), at(2, true, 1), at(3, false, 1), at(20, false, 1)},
			2, 3, 1, false,
		},
		{"no keyframe: the lag bounds", []packet{at(0, false, 1), at(1, false, 1), at(7, false, 1)}, 2, 1, 0, false},
		{"a GOP over the duration", []packet{at(0, true, 1), at(10, false, 1), at(31, false, 1)}, 1, 2, 0, true},
		{"a GOP over the bytes", []packet{at(0, true, 500), at(1, false, 400), at(2, false, 300)}, 1, 2, 0, true},
		{"a packet over the bytes", []packet{at(0, true, 1), at(1, true, 2000)}, 2, 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l log
			lost := false
			for _, p := range c.packets {
				l.append(p, &headers{})
				lost = l.trim(p.arrived, &o)
			}
			if lost != c.lost {
				t.Errorf("the newest keyframe is lost: %v", lost)
			}
			if l.base != c.base || len(l.packet) != c.left || len(l.starts) != c.start {
				t.Errorf("base %d, %d packets, %d starts; want %d, %d, %d", l.base, len(l.packet), len(l.starts), c.base, c.left, c.start)
			}
			bytes := 0
			for _, p := range l.packet {
				bytes += p.size()
			}
			if l.bytes != bytes || l.bytes > o.LogBytes {
				t.Errorf("counts %d bytes, has %d", l.bytes, bytes)
			}
		})
	}
}
