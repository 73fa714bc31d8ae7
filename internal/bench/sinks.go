package bench

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A sinkList is all that discard.
type sinkList struct {
	mu  sync.Mutex
	all []*sink
}

func (l *sinkList) add(s *sink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, s)
}

// silent counts those that are connected and to which nothing comes any more.
func (l *sinkList) silent() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := monotonic() - int64(silenceTime)
	for _, s := range l.all {
		if !s.over.Load() && s.last.Load() < oldest {
			n++
		}
	}
	return n
}

// stalls are the players that read nothing.
type stalls struct{ sinkList }

// lookTime is how long stalled players read in the end.
const lookTime = time.Second

// dropped counts those that the server has dropped. That shows only when they read: an end does not pass a window that is closed.
func (s *stalls) dropped() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for begun := time.Now(); n < len(s.all) && time.Since(begun) < lookTime; {
		for _, one := range s.all {
			if one.over.Load() {
				continue
			}
			if _, err := discard(one.fd); err != nil {
				one.over.Store(true)
				n++
			}
		}
		time.Sleep(sweepTime)
	}
	return n
}

// close closes all.
func (s *stalls) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		_ = unix.Close(one.fd)
	}
	s.all = nil
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
