package live

import (
	"testing"
	"time"
)

// TestPatience: a sender whose work depends on the interval finds its own, for any number of players, and from any other.
func TestPatience(t *testing.T) {
	t.Parallel()
	const most, turn, message = 100 * time.Millisecond, 10 * time.Microsecond, 14 * time.Millisecond
	var p patience
	now := int64(0)
	run := func(players int, d time.Duration) {
		for end := now + int64(d); now < end; {
			every := max(p.gather, message) // nobody is written to who has nothing to get
			p.worked(now, now+int64(time.Duration(players)*turn), most)
			now += int64(max(every, time.Duration(players)*turn))
		}
	}
	for _, c := range []struct {
		players   int
		low, high time.Duration
	}{
		{10, 0, 0},
		{100, 0, 0},
		{250, 15 * time.Millisecond, 30 * time.Millisecond}, // 2.5 ms of work each 20
		{500, 30 * time.Millisecond, 50 * time.Millisecond},
		{5000, most, most},
		{700, 45 * time.Millisecond, 70 * time.Millisecond},
		{20_000, most, most}, // more than it can do
		{100, 0, 0},
	} {
		run(c.players, 3*time.Second)
		if p.gather < c.low || p.gather > c.high {
			t.Errorf("%d players: packets gather for %v, want %v to %v", c.players, p.gather, c.low, c.high)
		}
	}
}

func TestPatienceHasBounds(t *testing.T) {
	t.Parallel()
	p := patience{gather: 50 * time.Millisecond}
	const ms = time.Millisecond
	for f, want := range map[Flush]time.Duration{
		{}:                 0,
		{0, 100 * ms}:      50 * ms,
		{0, 20 * ms}:       20 * ms,
		{70 * ms, 80 * ms}: 70 * ms,
	} {
		if got := p.interval(f); got != want {
			t.Errorf("%v: %v, want %v", f, got, want)
		}
	}
}
