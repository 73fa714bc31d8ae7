package limit

import (
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPublishes(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration // since the step before
		key   string
		wait  time.Duration // 0: allowed
	}
	for _, c := range []struct {
		name     string
		burst    int
		interval time.Duration
		steps    []step
	}{
		{"a burst, then one per interval", 3, time.Second, []step{
			{0, "a", 0},
			{0, "a", 0},
			{0, "a", 0},
			{0, "a", time.Second},
			{400 * time.Millisecond, "a", 600 * time.Millisecond},
			{600 * time.Millisecond, "a", 0},
			{0, "a", time.Second},
			{time.Second, "a", 0},
			{time.Second - 1, "a", 1},
			{1, "a", 0},
		}},
		{"what was refused does not count", 1, time.Second, []step{
			{0, "a", 0}, {0, "a", time.Second}, {0, "a", time.Second}, {0, "a", time.Second}, {time.Second, "a", 0},
		}},
		{"each key by itself", 1, time.Second, []step{{0, "a", 0}, {0, "b", 0}, {0, "a", time.Second}, {0, "b", time.Second}}},
		{"a full bucket has no more than the burst", 2, time.Second, []step{
			{0, "a", 0}, {time.Hour, "a", 0}, {0, "a", 0}, {0, "a", time.Second},
		}},
		{"a bucket fills by and by", 2, time.Second, []step{
			{0, "a", 0}, {0, "a", 0}, {1500 * time.Millisecond, "a", 0}, {0, "a", 500 * time.Millisecond},
		}},
		{"a burst below 1 is 1", 0, time.Second, []step{{0, "a", 0}, {0, "a", time.Second}}},
		{"no interval: no limit", 1, 0, []step{{0, "a", 0}, {0, "a", 0}, {0, "a", 0}}},
		{"a negative interval: no limit", 1, -time.Second, []step{{0, "a", 0}, {0, "a", 0}}},
		{"a burst beyond all measure", math.MaxInt, time.Hour, []step{{0, "a", 0}, {0, "a", 0}, {time.Hour, "a", 0}}},
		{"an interval beyond all measure", math.MaxInt, math.MaxInt64, []step{{0, "a", 0}, {0, "a", math.MaxInt64 / 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPublishes(c.burst, c.interval)
				for i, s := range c.steps {
					time.Sleep(s.after)
					if wait, ok := p.Allow(s.key); wait != s.wait || ok != (s.wait == 0) {
						t.Fatalf("step %d: Allow(%q) = %v, %v; want %v", i, s.key, wait, ok, s.wait)
					}
				}
			})
		})
	}
}

// A million names cost no more memory than one, and lock nobody out: somebody else gets their whole burst all along, and then one per
// interval.
func TestPublishesManyKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const burst = 20
		p := NewPublishes(burst, time.Second)
		allowed := 0
		for i := range 1_000_000 {
			p.Allow(strconv.Itoa(i))
			if i%(1_000_000/burst) != 0 {
				continue
			}
			if _, ok := p.Allow("live/innocent"); !ok {
				t.Fatalf("an innocent is refused after %d publishes, with %d names around", allowed, i+1)
			}
			allowed++
		}
		for range 100 {
			time.Sleep(time.Second)
			if _, ok := p.Allow("live/innocent"); !ok {
				t.Fatal("an innocent is refused at one publish per interval")
			}
		}
		if room := len(p.sets) * places; room > 200_000 {
			t.Errorf("%d names may be remembered", room)
		}
	})
}

// Whoever publishes one name in a tight loop stays known while others publish theirs now and then, as long as there is room.
func TestPublishesForgetsTheFullest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPublishes(20, time.Second)
		loop := func() (refused int) {
			for range 30 {
				if _, ok := p.Allow("live/loop"); !ok {
					refused++
				}
			}
			return refused
		}
		if n := loop(); n != 10 {
			t.Fatalf("%d of 30 publishes refused, want 10", n)
		}
		for i := range 2 * sets * places {
			p.Allow(strconv.Itoa(i))
		}
		if n := loop(); n != 30 {
			t.Errorf("%d of 30 publishes refused after many other names, want all", n)
		}
		time.Sleep(20 * time.Second)
		if n := loop(); n != 10 {
			t.Errorf("%d of 30 publishes refused when the bucket is full again, want 10", n)
		}
	})
}

// A key whose bucket is full again holds no place that another could need.
func TestPublishesForgetsFullBuckets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPublishes(2, time.Second)
		for i := range 10_000 {
			p.Allow(strconv.Itoa(i))
		}
		if n := inUse(p); n < 9_900 {
			t.Errorf("%d of 10,000 keys are remembered", n)
		}
		time.Sleep(time.Second)
		if n := inUse(p); n != 0 {
			t.Errorf("%d keys are remembered, whose buckets are full", n)
		}
	})
}

func inUse(p *Publishes) (n int) {
	for _, set := range p.sets {
		for _, b := range set {
			if b.full > time.Since(p.born) {
				n++
			}
		}
	}
	return n
}

func TestPublishesConcurrently(t *testing.T) {
	t.Parallel()
	const burst = 1000
	p := NewPublishes(burst, time.Hour)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range burst / 4 {
				if _, ok := p.Allow("live/cam"); ok {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != burst {
		t.Errorf("%d publishes allowed, want %d", allowed.Load(), burst)
	}
}

func BenchmarkAllow(b *testing.B) {
	p := NewPublishes(20, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		p.Allow("live/cam")
	}
}
