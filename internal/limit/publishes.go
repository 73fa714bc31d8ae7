package limit

import (
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// Publishes limits how often one stream name is published: burst times at once, then once per interval. It is safe for concurrent use.
//
// Each name has a token bucket, of which a single time is known: when it will be full again (that is the generic cell rate algorithm, ITU-T
// I.371). A bucket that is full by now is like one that was never touched, so it needs no memory. The others are in a table of fixed size,
// a set-associative cache: a key may be in any place of one set. A new key takes the place of the fullest bucket in its set; forgetting
// that one does the least harm. Forgetting only ever fills a bucket, so whoever keeps to the rate is never refused, however many names
// somebody else makes up; and which names share a set is not known outside.
type Publishes struct {
	born time.Time    // static
	seed maphash.Seed // static

	mu              sync.Mutex
	burst, interval time.Duration // guarded by mu, as is what follows; burst: what a whole bucket takes to fill
	sets            [][places]bucket
}

// The table has room for sets×places = 131,072 names in use at once, and takes 2 MiB, of which the kernel gives what was touched.
const (
	sets   = 1 << 14
	places = 8
)

// A bucket is that of a key. Keys are told apart by their hashes: for two of a set to be taken for one is as likely as to guess 64 random
// bits.
type bucket struct {
	hash uint64
	full time.Duration // after born; the bucket is not in use any more when that is past
}

// NewPublishes returns a limit of burst publishes of one name at once, and one more per interval. A burst below 1 is 1; an interval of 0 or
// less is no limit.
func NewPublishes(burst int, interval time.Duration) *Publishes {
	p := &Publishes{born: time.Now(), seed: maphash.MakeSeed(), sets: make([][places]bucket, sets)}
	p.Set(burst, interval)
	return p
}

// Set changes the limit. Buckets keep what is in them, as far as it is less than the new one.
func (p *Publishes) Set(burst int, interval time.Duration) {
	size := interval
	if interval > 0 {
		const most = math.MaxInt64 / 4 // 73 years, so that sums of times don't overflow
		interval = min(interval, most)
		size = interval * time.Duration(max(1, min(int64(burst), int64(most/interval))))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.burst, p.interval = size, interval
}

// Allow tells whether key may be published now, and counts it if so. If not, wait is how long until it may.
func (p *Publishes) Allow(key string) (wait time.Duration, ok bool) {
	hash := maphash.String(p.seed, key)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.born)
	b := p.find(hash, now)
	b.full = min(b.full, now+p.burst) // it is later only if the limit was another, and waits no longer than is waited for now
	full := b.full + p.interval
	if wait = full - now - p.burst; wait > 0 {
		return wait, false
	}
	b.full = full
	return 0, true
}

// find returns the bucket of a key, full if it is new. With p.mu.
func (p *Publishes) find(hash uint64, now time.Duration) *bucket {
	set := &p.sets[hash%sets]
	fullest := &set[0]
	for i := range set {
		b := &set[i]
		if b.hash == hash && b.full > now {
			return b
		}
		if b.full < fullest.full {
			fullest = b
		}
	}
	*fullest = bucket{hash: hash, full: now}
	return fullest
}
