package worker

import "sync"

// An outgoing counts what players of a stream got here, as long as the stream is published, wherever that is: when its last player leaves this worker,
// the hub forgets it, but a counter must not fall.
type outgoing struct {
	published func(key string) bool // static

	mu    sync.Mutex
	past  map[string]uint64 // by key, of streams that the hub has forgotten
	swept int               // how many were left the last time
	gone  uint64            // how often the hub forgot one
}

// sweepAbove is how many forgotten streams there are at least before it is looked which of them are still published.
const sweepAbove = 1024

// add is told of a stream that the hub forgets, with its locks held.
func (o *outgoing) add(key string, bytes uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone++
	if bytes == 0 {
		return
	}
	if o.past == nil {
		o.past = map[string]uint64{}
	}
	o.past[key] += bytes
	if len(o.past) > max(sweepAbove, 2*o.swept) {
		o.sweep(nil)
	}
}

// sweep drops what nobody publishes, nor plays now. Called with mu held.
func (o *outgoing) sweep(now map[string]uint64) {
	for key := range o.past {
		if _, played := now[key]; !played && !o.published(key) {
			delete(o.past, key)
		}
	}
	o.swept = len(o.past)
}

// sums returns the counters, given what the hub counts now. It is asked again if it forgot a stream meanwhile: that would count twice, or not at all.
func (o *outgoing) sums(ask func() map[string]uint64) map[string]uint64 {
	const tries = 5
	for try := 1; ; try++ {
		before := o.forgotten()
		now := ask()
		if o.join(now, before, try == tries) {
			return now
		}
	}
}

func (o *outgoing) forgotten() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gone
}

// join adds the past to now, unless that is of another time.
func (o *outgoing) join(now map[string]uint64, before uint64, anyway bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone != before && !anyway {
		return false
	}
	o.sweep(now)
	for key, n := range o.past {
		now[key] += n
	}
	return true
}
