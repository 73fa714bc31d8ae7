package limit

import (
	"sync"
	"time"
)

// Quiet thins out the log where a peer could flood it: one line per interval for each reason. It is safe for concurrent use.
type Quiet struct {
	interval time.Duration // static

	mu      sync.Mutex
	reasons map[string]*lines // guarded by mu
}

// lines is what became of one reason's lines.
type lines struct {
	next       time.Time // when one may be written again
	suppressed int       // since the last one
}

// maxReasons bounds the reasons that are told apart. They are meant to be constants of the program; should some of a peer's making get
// here, then those beyond the bound count as one.
const maxReasons = 256

// NewQuiet returns a Quiet that lets one line per interval through.
func NewQuiet(interval time.Duration) *Quiet {
	return &Quiet{interval: interval, reasons: make(map[string]*lines)}
}

// Allow tells whether a line may be written for that reason, and how many were not since the last one.
func (q *Quiet) Allow(reason string) (suppressed int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.of(reason)
	now := time.Now()
	if now.Before(l.next) {
		l.suppressed++
		return 0, false
	}
	suppressed = l.suppressed
	*l = lines{next: now.Add(q.interval)}
	return suppressed, true
}

// of returns the lines of a reason. With q.mu.
func (q *Quiet) of(reason string) *lines {
	l := q.reasons[reason]
	if l == nil && len(q.reasons) >= maxReasons {
		reason = ""
		l = q.reasons[reason]
	}
	if l == nil {
		l = &lines{}
		q.reasons[reason] = l
	}
	return l
}
