package api

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting is a poller that takes so long and says how often it was asked.
func counting(takes time.Duration) (poll func(context.Context) []byte, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	return func(ctx context.Context) []byte {
		n := asked.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(takes):
		}
		return fmt.Append(nil, n)
	}, asked
}

func join(t *testing.T, h *eventHub) *eventListener {
	t.Helper()
	l, err := h.join()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// next is the newest state of a listener that came by now, or "".
func (l *eventListener) next() string {
	synctest.Wait()
	select {
	case state := <-l.states:
		return string(state)
	default:
		return ""
	}
}

func (l *eventListener) wants(t *testing.T, want string) {
	t.Helper()
	if got := l.next(); got != want {
		t.Errorf("state %q, want %q", got, want)
	}
}

// However many listen, the workers are asked once a second; while nobody does, never.
func TestEventsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		poll, asked := counting(0)
		h := newEventHub(poll)
		defer h.close()
		time.Sleep(10 * time.Second)
		if n := asked.Load(); n != 0 {
			t.Errorf("asked %d times for nobody", n)
		}
		a := join(t, h)
		a.wants(t, "1") // at once
		b := join(t, h)
		b.wants(t, "1") // what is there, without asking again
		for _, want := range []string{"2", "3"} {
			time.Sleep(eventInterval)
			a.wants(t, want)
			b.wants(t, want)
		}
		h.leave(a)
		time.Sleep(eventInterval)
		b.wants(t, "4")
		h.leave(b)
		time.Sleep(10 * time.Second)
		if n := asked.Load(); n != 4 {
			t.Errorf("asked %d times, want 4: nobody listens any more", n)
		}
		c := join(t, h)
		c.wants(t, "5") // nothing that is ten seconds old
		h.leave(c)
	})
}

// A listener that is slow gets the newest state, and keeps nobody waiting.
func TestEventsSlowListener(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		poll, _ := counting(0)
		h := newEventHub(poll)
		defer h.close()
		slow, quick := join(t, h), join(t, h)
		for i := range 5 {
			quick.wants(t, fmt.Sprint(i+1))
			time.Sleep(eventInterval)
		}
		slow.wants(t, "6")
		slow.wants(t, "")
	})
}

// A stopped worker makes the poll take longer than the interval. States come as fast as they can, and none is late for whoever joins.
func TestEventsSlowPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		poll, asked := counting(1300 * time.Millisecond)
		h := newEventHub(poll)
		defer h.close()
		a := join(t, h)
		time.Sleep(1250 * time.Millisecond)
		a.wants(t, "")
		time.Sleep(100 * time.Millisecond)
		a.wants(t, "1")
		time.Sleep(1300 * time.Millisecond)
		a.wants(t, "2")
		// The last listener goes while a poll is under way: what that finds is nobody's, and the next listener's poller is another.
		h.leave(a)
		b := join(t, h)
		time.Sleep(1200 * time.Millisecond)
		b.wants(t, "")
		time.Sleep(200 * time.Millisecond)
		b.wants(t, "4")
		if n := asked.Load(); n > 5 {
			t.Errorf("asked %d times: the old poller goes on", n)
		}
		h.leave(b)
	})
}

// A state that can't be had changes nothing.
func TestEventsWithoutState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		h := newEventHub(func(context.Context) []byte {
			if polls++; polls == 2 {
				return nil
			}
			return fmt.Append(nil, polls)
		})
		defer h.close()
		l := join(t, h)
		l.wants(t, "1")
		time.Sleep(eventInterval)
		l.wants(t, "")
		time.Sleep(eventInterval)
		l.wants(t, "3")
	})
}

func TestEventsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		poll, _ := counting(0)
		h := newEventHub(poll)
		defer h.close()
		var all []*eventListener
		for range eventListeners {
			all = append(all, join(t, h))
		}
		if _, err := h.join(); !errors.Is(err, errEventsFull) {
			t.Errorf("one too many: %v", err)
		}
		h.leave(all[0])
		join(t, h)
	})
}

// Closing ends the poller, also in the middle of a poll, waits for it, and lets nobody in any more.
func TestEventsClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slow = 30 * time.Millisecond // of the poll to notice
		var polls, ended int
		h := newEventHub(func(ctx context.Context) []byte {
			polls++
			<-ctx.Done()
			time.Sleep(slow)
			ended++
			return nil
		})
		l := join(t, h)
		synctest.Wait()
		began := time.Now()
		h.close()
		h.close()
		if took := time.Since(began); took != slow || polls != 1 || ended != 1 {
			t.Errorf("closing took %v; %d polls, %d ended", took, polls, ended)
		}
		select {
		case <-h.closing:
		default:
			t.Error("listeners are not told")
		}
		h.leave(l)
		if _, err := h.join(); !errors.Is(err, errEventsClosed) {
			t.Errorf("joined: %v", err)
		}
	})
}
