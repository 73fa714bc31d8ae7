package worker

import (
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A reading is the pace at which a worker reads from its publishers. To be woken for a message, and to acknowledge it, costs much more than the message.
// So where many publish, each is read from once in a while only: what came meanwhile is read at once.
type reading struct {
	wakeups float64 // in a second that are no trouble

	mu    sync.Mutex
	most  time.Duration // between two reads
	gap   time.Duration // between two reads
	since time.Time     // when it was reckoned last, with
	count int           // reads since then
}

const (
	// easyWakeups is how many of them a second a core does beside other things, for some percent of its time.
	easyWakeups = 2000
	// emptyGaps in a row are too many: one may be empty by chance.
	emptyGaps = 2
	// minGap is the least that is worth a timer.
	minGap = time.Millisecond
	// readingWindow is how often the gap is reckoned anew.
	readingWindow = 100 * time.Millisecond
)

// newReading returns the pace of a worker that uses so many cores.
func newReading(cores int, most time.Duration) *reading {
	return &reading{wakeups: float64(cores) * easyWakeups, most: most, since: time.Now()}
}

// bound changes the longest gap.
func (r *reading) bound(most time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most, r.gap = most, min(r.gap, most)
}

// next counts a read, and returns the gap before it.
func (r *reading) next(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if elapsed := now.Sub(r.since); elapsed >= readingWindow {
		// Where somebody always has something to send, reads are in inverse proportion to the gap.
		gap := max(r.gap, minGap)
		want := time.Duration(float64(gap) * float64(r.count) / elapsed.Seconds() / r.wakeups)
		r.gap = min((gap+want)/2, r.most)
		if r.gap < minGap {
			r.gap = 0
		}
		r.since, r.count = now, 0
	}
	return r.gap
}

// gather lets a publisher's messages gather, if there is a gap now, and returns the first event of what came meanwhile; ok is false if nothing did.
func (s *session) gather() (ev rtmp.Event, ok bool, err error) {
	for range emptyGaps {
		gap := s.w.hub.Gather(s.w.reading.next(time.Now()))
		if gap == 0 {
			break
		}
		s.nc.Gather()
		time.Sleep(gap)
		if ev, ok, err = s.conn.Poll(); ok || err != nil {
			return ev, ok, err
		}
	}
	return ev, false, nil // the next byte is waited for
}
