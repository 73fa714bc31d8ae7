package worker

import (
	"testing"
	"time"
)

// TestReading: publishers that send 73 messages a second are read from at once while they are few, and seldom when they are many.
func TestReading(t *testing.T) {
	t.Parallel()
	const maxGap = 50 * time.Millisecond
	r := newReading(1, maxGap)
	now := r.since
	const message = time.Second / 73
	run := func(publishers int, d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(max(message, r.gap)) {
			for range publishers {
				r.next(now)
			}
		}
	}
	for _, c := range []struct {
		publishers int
		low, high  time.Duration
	}{
		{1, 0, 0},
		{20, 0, 0},
		{40, 15 * time.Millisecond, 25 * time.Millisecond},
		{200, maxGap, maxGap},
		{10_000, maxGap, maxGap},
		{5, 0, 0},
	} {
		run(c.publishers, 5*time.Second)
		if r.gap < c.low || r.gap > c.high {
			t.Errorf("%d publishers: a gap of %v, want %v to %v", c.publishers, r.gap, c.low, c.high)
		}
	}
}
