package bench

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// pause is the shortest sleep of the writing loop: a thousand wake-ups a second serve any number of streams, each message being late by half of it.
const pause = time.Millisecond

// write sends every stream's messages when they are due, until ctx ends. One goroutine does that for all of them.
func (p *publisher) write(ctx context.Context) {
	var queue byDue
	defer func() {
		for _, e := range queue {
			e.stream.end()
		}
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-p.ready:
			heap.Push(&queue, entry{s.due(), s})
		case <-timer.C:
		}
		now := time.Now()
		for len(queue) > 0 && !queue[0].due.After(now) {
			p.writeFirst(&queue)
		}
		wait := time.Hour
		if len(queue) > 0 {
			wait = max(time.Until(queue[0].due), pause)
		}
		timer.Reset(wait)
	}
}

// writeFirst sends what has been due for the longest time.
func (p *publisher) writeFirst(queue *byDue) {
	e := &(*queue)[0]
	s := e.stream
	if s.over.Load() {
		heap.Pop(queue)
		return
	}
	p.late.add(time.Since(e.due))
	if err := s.sendNext(); err != nil {
		s.fail(p.lost, err)
		heap.Pop(queue)
		return
	}
	e.due = s.due()
	heap.Fix(queue, 0)
}

// end ends a stream in order.
func (s *outStream) end() {
	if !s.over.Swap(true) {
		_ = s.conn.Unpublish(s.id) // the connection ends anyway
	}
	_ = s.conn.Close()
}

// byDue is a heap of streams, the next that is due first.
type byDue []entry

type entry struct {
	due    time.Time
	stream *outStream
}

func (q byDue) Len() int           { return len(q) }
func (q byDue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q byDue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *byDue) Push(x any) { *q = append(*q, x.(entry)) }

// Pop implements heap.Interface.
func (q *byDue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// ramp calls f with 0 to n-1, so many in a second, until ctx ends.
func ramp(ctx context.Context, n int, perSecond float64, f func(i int)) {
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		if !sleep(ctx, time.Until(due)) {
			return
		}
		f(i)
	}
}

// sleep tells whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// faults counts what went wrong, and remembers the first.
type faults struct {
	mu    sync.Mutex
	n     int
	first []string
}

const faultsTold = 5

func (f *faults) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if len(f.first) < faultsTold {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

func (f *faults) told() (n int, first []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n, append([]string(nil), f.first...)
}
