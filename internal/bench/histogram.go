package bench

import (
	"math/bits"
	"sync"
	"time"
)

// A histogram counts durations with a resolution of 1 in 128, from a microsecond on. It is safe for use from many goroutines.
type histogram struct {
	mu     sync.Mutex
	counts [32 * bucketsPerOctave]uint64
	all    uint64
	most   time.Duration
}

const (
	bucketsPerOctave = 128
	bucketBits       = 7
)

// Percentiles are milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// longest is what longer durations count as.
const longest = 24 * time.Hour

// add counts d; what is negative counts as 0.
func (h *histogram) add(d time.Duration) {
	d = min(max(d, 0), longest)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[bucketOf(d)]++
	h.all++
	h.most = max(h.most, d)
}

// bucketOf is linear up to 128 µs, then 128 buckets for each doubling.
func bucketOf(d time.Duration) int {
	v := uint64(d / time.Microsecond)
	octave := max(bits.Len64(v)-1-bucketBits, 0)
	return octave*bucketsPerOctave + int(v>>octave)
}

// upper is the largest duration of a bucket.
func upper(bucket int) time.Duration {
	octave := max(bucket/bucketsPerOctave-1, 0)
	within := uint64(bucket - octave*bucketsPerOctave)
	return time.Duration((within+1)<<octave) * time.Microsecond
}

// percentile is the smallest bound below which a part p of all values is; 0 when there is none.
func (h *histogram) percentile(p float64) time.Duration {
	rank := uint64(p*float64(h.all) + 0.999999)
	var seen uint64
	for i, n := range &h.counts {
		if seen += n; n > 0 && seen >= rank {
			return min(upper(i), h.most)
		}
	}
	return h.most
}

// percentiles of all that was counted, or nil if nothing was.
func (h *histogram) percentiles() *Percentiles {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == 0 {
		return nil
	}
	return &Percentiles{
		P50: milliseconds(h.percentile(0.5)), P90: milliseconds(h.percentile(0.9)), P99: milliseconds(h.percentile(0.99)), Max: milliseconds(h.most),
	}
}

// count is how many values there are.
func (h *histogram) count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// quantile is percentile, for callers that do not hold the lock.
func (h *histogram) quantile(p float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.percentile(p)
}

// reset forgets all that was counted.
func (h *histogram) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.counts[:])
	h.all, h.most = 0, 0
}
