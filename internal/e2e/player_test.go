package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A player is a client of our own that checks every message it gets.
type player struct {
	tracker

	t       testing.TB
	name    string        // for messages
	reading *gate         // shut while the player shall not read; nil is always open
	buffer  int           // size of the socket's receive buffer; 0 is the system's choice
	ended   chan struct{} // the connection has ended, with err
	err     error
	cancel  context.CancelFunc
	pause   atomic.Int64 // the longest between two messages, in nanoseconds

	statusMu sync.Mutex
	statuses []rtmp.Status
}

// play starts a player; it also waits for a stream that is not there yet. The test's end closes it, and fails when the
// player met a problem.
func play(t testing.TB, url string, configure ...func(*player)) *player {
	t.Helper()
	return playOver(t, url, func(ctx context.Context, p *player) (*rtmp.ClientConn, string, error) {
		conn, name, _, err := dialBuffered(ctx, url, p.buffer)
		return conn, name, err
	}, configure...)
}

// A dialer connects a player, and returns the stream's name.
type dialer func(context.Context, *player) (*rtmp.ClientConn, string, error)

// playOver is play over a connection of the dialer's.
func playOver(t testing.TB, what string, dial dialer, configure ...func(*player)) *player {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &player{t: t, name: "player of " + what, ended: make(chan struct{}), cancel: cancel}
	for _, f := range configure {
		f(p)
	}
	go func() {
		defer close(p.ended)
		p.err = p.run(ctx, dial)
	}()
	t.Cleanup(func() {
		p.close()
		if _, problem := p.seen(); problem != nil {
			t.Errorf("%s: %v", p.name, problem)
		}
	})
	return p
}

// keepAll makes a player keep every message.
func keepAll(p *player) { p.keep = true }

// run plays until the connection ends, ctx does, or something is wrong with what arrived.
func (p *player) run(ctx context.Context, dial dialer) error {
	conn, name, err := dial(ctx, p)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := conn.Play(ctx, name); err != nil {
		return err
	}
	last := time.Now()
	for {
		if err := p.reading.wait(ctx); err != nil {
			return err
		}
		event, err := conn.Next()
		now := time.Now()
		if d := int64(now.Sub(last)); d > p.pause.Load() {
			p.pause.Store(d)
		}
		last = now
		if err != nil {
			return err
		}
		switch event.Kind {
		case rtmp.EventMessage:
			if err := p.message(&event.Message); err != nil {
				return err
			}
		case rtmp.EventStatus:
			p.statusMu.Lock()
			p.statuses = append(p.statuses, *event.Status)
			p.statusMu.Unlock()
		}
	}
}

// longestPause returns how long the player waited for a message at most, since it was last asked.
func (p *player) longestPause() time.Duration { return time.Duration(p.pause.Swap(0)) }

// close ends the player and waits for it.
func (p *player) close() {
	p.cancel()
	<-p.ended
}

// check fails the test when the player met a problem or has ended.
func (p *player) check() {
	p.t.Helper()
	if _, problem := p.seen(); problem != nil {
		p.t.Fatalf("%s: %v", p.name, problem)
	}
	select {
	case <-p.ended:
		p.t.Fatalf("%s ended: %v", p.name, p.err)
	default:
	}
}

// await waits until the player has seen what it shall; done returns what is missing.
func (p *player) await(within time.Duration, what string, done func(s seen) string) {
	p.t.Helper()
	waitFor(p.t, within, p.name+": "+what, func() string {
		s, problem := p.seen()
		missing := done(s)
		if missing != "" {
			p.check()
		} else if problem != nil {
			p.t.Fatalf("%s: %v", p.name, problem)
		}
		return missing
	})
}

// awaitMessages waits for n messages in all.
func (p *player) awaitMessages(within time.Duration, n int) {
	p.t.Helper()
	p.await(within, fmt.Sprintf("%d messages", n), func(s seen) string {
		if s.messages >= n {
			return ""
		}
		return fmt.Sprintf("%d of them", s.messages)
	})
}

// awaitMore waits for n more messages than the player has now.
func (p *player) awaitMore(within time.Duration, n int) {
	p.t.Helper()
	before, _ := p.seen()
	p.awaitMessages(within, before.messages+n)
}

// awaitRun waits for the first frame of a publisher.
func (p *player) awaitRun(within time.Duration, run uint32) {
	p.t.Helper()
	p.await(within, fmt.Sprintf("run %d", run), func(s seen) string {
		if slices.Contains(s.runs, run) {
			return ""
		}
		return fmt.Sprintf("seen %v", s.runs)
	})
}

// awaitEnd waits for the connection's end and returns the codes of the statuses that came before it.
func (p *player) awaitEnd(within time.Duration) []string {
	p.t.Helper()
	waitClosed(p.t, within, p.name+": the end of its connection", p.ended)
	p.statusMu.Lock()
	defer p.statusMu.Unlock()
	var codes []string
	for _, s := range p.statuses {
		codes = append(codes, s.Code)
	}
	return codes
}
