package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h histogram
	if h.percentiles() != nil {
		t.Error("percentiles of nothing")
	}
	random := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 20000 {
		d := time.Duration(math.Exp(random.Float64()*18)) * time.Microsecond // up to a minute
		all = append(all, d)
		h.add(d)
	}
	slices.Sort(all)
	for _, p := range []float64{0.001, 0.5, 0.9, 0.99, 0.9999, 1} {
		want := all[int(math.Ceil(p*float64(len(all))))-1]
		if got := h.percentile(p); got < want || float64(got) > float64(want)*1.01+float64(time.Microsecond) {
			t.Errorf("p%v is %v, want %v", 100*p, got, want)
		}
	}
	if got := h.percentiles(); got.Max != milliseconds(all[len(all)-1]) {
		t.Errorf("most is %v ms, want %v", got.Max, all[len(all)-1])
	}
	h.reset()
	h.add(-time.Second)
	if got := h.percentiles(); *got != (Percentiles{}) || h.count() != 1 {
		t.Errorf("what is negative counts as %+v", got)
	}
	h.add(math.MaxInt64)
	if got := h.quantile(1); got != longest {
		t.Errorf("longest is %v", got)
	}
}

func TestHistogramBuckets(t *testing.T) {
	t.Parallel()
	for bucket, last := 0, time.Duration(0); bucket < len(histogram{}.counts); bucket++ {
		most := upper(bucket)
		if most <= last || bucketOf(last) != bucket || bucketOf(most-time.Nanosecond) != bucket || bucketOf(most) != bucket+1 {
			t.Fatalf("bucket %d is %v to %v", bucket, last, most)
		}
		last = most
	}
}
