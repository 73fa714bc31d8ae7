package live

import (
	"math"
	"time"
)

// A meter counts what comes into a stream, since its feed attached, and how fast.
type meter struct {
	now      sample
	past     [samples]sample // of the beginnings of seconds in which something came, the newest at index taken-1, modulo samples
	taken    int
	second   int64
	key      uint32 // timestamp of the newest keyframe
	keyed    bool
	interval time.Duration // between the last two
	framed   bool          // a frame came
	newest   int64         // when the newest frame came, on the hub's clock
	stamp    uint32        // its timestamp
	jumps    Discontinuities
}

// samples is over how many seconds rates are taken.
const samples = 8

// A sample is how far a stream's counters were at some time.
type sample struct {
	at     int64 // on the hub's clock
	bytes  [kinds]uint64
	frames uint64 // of video
	sent   uint64
	stamp  uint32 // timestamp of the newest frame by then
}

// Discontinuities counts steps in a publisher's timestamps that were levelled for players.
type Discontinuities struct{ Forward, Backward, Small uint64 }

func (d *Discontinuities) add(kind Discontinuity) {
	switch kind {
	case DiscontinuityForward:
		d.Forward++
	case DiscontinuityBackward:
		d.Backward++
	case DiscontinuitySmall:
		d.Small++
	}
}

// note counts a message that came; sent is how many bytes players of the stream got by then. It returns the time since the keyframe before, if this is
// one.
func (m *meter) note(p *packet, size int, media bool, sent uint64) (interval time.Duration, again bool) {
	if second := p.arrived / int64(time.Second); second != m.second || m.taken == 0 {
		m.second = second
		m.now.at, m.now.sent, m.now.stamp = p.arrived, sent, m.stamp
		m.past[m.taken%samples] = m.now
		m.taken++
	}
	m.now.bytes[p.kind] += uint64(size)
	if !media {
		return 0, false
	}
	if !m.framed { // what came before has no timestamp
		for i := range m.past {
			m.past[i].stamp = p.timestamp
		}
	}
	m.framed, m.newest, m.stamp = true, p.arrived, p.timestamp
	if p.kind == Video {
		m.now.frames++
	}
	if !p.keyframe {
		return 0, false
	}
	interval, again = time.Duration(int32(p.timestamp-m.key))*time.Millisecond, m.keyed
	m.key, m.keyed = p.timestamp, true
	if again {
		m.interval = interval
	}
	return interval, again
}

// Rates are of the last few seconds, rounded to what can be told.
type Rates struct {
	Bitrate [kinds]float64 // bits a second that came in, by kind
	FPS     float64        // of video
	Out     float64        // bits a second that went out
}

// rates returns the rates at a time, until which so many bytes were sent.
func (m *meter) rates(now int64, sent uint64) (r Rates) {
	if m.taken == 0 {
		return r
	}
	oldest := &m.past[(m.taken-1)%samples]
	for i := max(0, m.taken-samples); i < m.taken; i++ { // the oldest that is young enough, or else the newest
		if s := &m.past[i%samples]; now-s.at <= samples*int64(time.Second) {
			oldest = s
			break
		}
	}
	wall := max(time.Duration(now-oldest.at), time.Second)
	elapsed := max(wall, time.Duration(int32(m.stamp-oldest.stamp))*time.Millisecond).Seconds() // what relays begin with comes all at once
	for k := range r.Bitrate {
		r.Bitrate[k] = math.Round(8 * float64(m.now.bytes[k]-oldest.bytes[k]) / elapsed)
	}
	r.FPS = math.Round(100*float64(m.now.frames-oldest.frames)/elapsed) / 100
	r.Out = math.Round(8 * float64(sent-oldest.sent) / wall.Seconds())
	return r
}

// In is how many bits a second came in.
func (r *Rates) In() float64 { return r.Bitrate[Audio] + r.Bitrate[Video] + r.Bitrate[Data] }
