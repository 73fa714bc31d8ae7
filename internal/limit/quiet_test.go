package limit

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewQuiet(10 * time.Second)
		for i, s := range []struct {
			after      time.Duration
			reason     string
			suppressed int
			ok         bool
		}{
			{0, "a", 0, true},
			{0, "a", 0, false},
			{0, "b", 0, true},
			{10*time.Second - 1, "a", 0, false},
			{1, "a", 2, true},
			{0, "a", 0, false},
			{time.Hour, "b", 0, true},
			{0, "a", 1, true},
			{10 * time.Second, "a", 0, true},
		} {
			time.Sleep(s.after)
			if suppressed, ok := q.Allow(s.reason); suppressed != s.suppressed || ok != s.ok {
				t.Errorf("step %d: Allow(%q) = %d, %v; want %d, %v", i, s.reason, suppressed, ok, s.suppressed, s.ok)
			}
		}
	})
}

func TestQuietManyReasons(t *testing.T) {
	t.Parallel()
	q := NewQuiet(time.Hour)
	q.Allow("known")
	written := 1
	for i := range 10_000 {
		if _, ok := q.Allow(strconv.Itoa(i)); ok {
			written++
		}
	}
	if written > maxReasons+1 || len(q.reasons) > maxReasons+1 {
		t.Errorf("%d lines written, %d reasons remembered", written, len(q.reasons))
	}
	if _, ok := q.Allow("known"); ok {
		t.Error("a reason was forgotten")
	}
}

func TestQuietConcurrently(t *testing.T) {
	t.Parallel()
	q := NewQuiet(time.Hour)
	var written atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if _, ok := q.Allow("a"); ok {
					written.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if written.Load() != 1 || q.reasons["a"].suppressed != 7999 {
		t.Errorf("%d lines written, %d suppressed", written.Load(), q.reasons["a"].suppressed)
	}
}
