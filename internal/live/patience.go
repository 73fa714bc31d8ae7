package live

import "time"

// A patience is how long a sender lets packets gather. While it has little to do, they leave at once; as its work grows, so does the interval, such
// that it works for a fixed share of the time, until the interval is at its upper bound.
type patience struct {
	gather time.Duration
	since  int64 // when it was reckoned last
	spent  int64 // nanoseconds of work since then
}

const (
	// share is the part of the time that a sender works, while it can choose. The rest is for reading, for joins, and for other processes; and
	// the interval stays small where that costs little.
	share = 1.0 / 8
	// reckoning is how often the interval is adapted.
	reckoning = int64(50 * time.Millisecond)
	// coarse is the least interval: a smaller one is none.
	coarse = time.Millisecond
)

// worked notes a time of work. The interval does not grow beyond most.
func (p *patience) worked(begin, end int64, most time.Duration) {
	p.spent += end - begin
	elapsed := end - p.since
	if elapsed < max(reckoning, int64(p.gather)) {
		return
	}
	busy := float64(p.spent) / float64(elapsed)
	p.since, p.spent = end, 0
	// The work is about in inverse proportion to the interval.
	gather := max(p.gather, coarse)
	want := time.Duration(float64(gather) * busy / share)
	p.gather = min((gather+want)/2, most)
	if p.gather < coarse {
		p.gather = 0
	}
}

// interval returns the interval within bounds.
func (p *patience) interval(f Flush) time.Duration { return min(max(p.gather, f.Min), f.Max) }
