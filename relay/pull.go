package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A Feed takes what a pull brings. It ends with the first call of Detach or HandOver.
type Feed interface {
	// Append takes a message. It does not keep the payload.
	Append(*rtmp.Message) error
	Detach()
	// HandOver is Detach where another publisher takes the stream over: players stay for at least that long.
	HandOver(within time.Duration)
}

// CodeTakenOver is the status with which an owner ends a relay when another publisher takes the stream over. It goes between workers only.
const CodeTakenOver = "RTMPEdge.Relay.TakenOver"

// HandOverTime is how long players stay, at least, when another publisher takes their stream over: for as long as that may try to claim it, and then
// takes to its first keyframe.
const HandOverTime = 10 * time.Second

// Events are told to whoever counts. Each may be nil.
type Events struct {
	Connected func(took time.Duration)          // the owner has accepted play
	Ended     func(connected bool, cause error) // a pull is over, or failed; ErrEnded is the good end
	// Latency tells half the round trip of a ping to the owner and back (RTMP 1.0 §7.1.7), while media comes: with the first, then every few seconds. The
	// answer goes the way of the media, but not through what gathers in the owner's log.
	Latency func(time.Duration)
	// Gap tells that a pull which broke has come back to the same publication, and that the first media is newer than all it had brought.
	Gap func()
}

// A Puller pulls streams from their owners. Its fields don't change once it is used.
type Puller struct {
	Zone     *streamzone.Zone
	Slot     int // this process: its own streams need no relay
	Dial     func(ctx context.Context, slot int) (net.Conn, error)
	Settings func() Settings // for each connection that is made
	Logger   *slog.Logger
	Events   Events
}

// Settings are those of one connection to an owner.
type Settings struct {
	ConnectTimeout time.Duration // from dialling to the owner's Play.Start
	RTMP           *rtmp.Config
}

// Bounds of the pause before the same publication is tried again, doubled each time, with jitter.
const (
	minPause = 25 * time.Millisecond
	maxPause = 2 * time.Second
)

// drainTime is how long the last messages of a publication may take that the zone says is over: the zone is faster than they are.
const drainTime = time.Second

// Run keeps a stream pulled while it is published by another worker, until ctx ends. In between it waits for the zone: nothing is polled.
// The key is app/name; attach is called with each publication's id once its owner has accepted the relay.
func (p *Puller) Run(ctx context.Context, key string, attach func(id string) (Feed, error)) error {
	w, err := p.Zone.Watch(key)
	if err != nil {
		return fmt.Errorf("relay: watch %q: %w", key, err)
	}
	defer w.Close()
	var (
		last   streamzone.ID
		rested bool
		pause  = minPause
		got    trail
	)
	for ctx.Err() == nil {
		e, ok, err := p.Zone.Lookup(key) // after Watch: a claim from now on rings
		if err != nil {
			return fmt.Errorf("relay: look up %q: %w", key, err)
		}
		if !ok || e.Slot == p.Slot {
			sleep(ctx, w.C, nil)
			continue
		}
		if e.ID == last && !rested {
			p.rest(ctx, w.C, key, e.ID, pause)
			pause, rested = min(2*pause, maxPause), true
			continue
		}
		if e.ID != last {
			pause = minPause
		}
		if e.ID != last {
			got = trail{}
		}
		last, rested = e.ID, false
		if p.follow(ctx, w.C, key, e, &got, attach) > maxPause {
			pause = minPause // it did work
		}
	}
	return nil
}

// rest waits before a publication is tried again, or until the zone no longer names it.
func (p *Puller) rest(ctx context.Context, bell <-chan struct{}, key string, id streamzone.ID, pause time.Duration) {
	t := time.NewTimer(pause/2 + rand.N(pause))
	defer t.Stop()
	for sleep(ctx, bell, t.C) {
		if now, ok, err := p.Zone.Lookup(key); err != nil || !ok || now.ID != id {
			return
		}
	}
}

// sleep waits for the zone's bell, a timer (nil: none) or the end, and tells whether it was the bell.
func sleep(ctx context.Context, bell <-chan struct{}, timer <-chan time.Time) bool {
	select {
	case <-bell:
		return true
	case <-timer:
	case <-ctx.Done():
	}
	return false
}

// follow pulls one publication to its end, or until the zone says that it is over, and tells how long it lasted.
func (p *Puller) follow(ctx context.Context, bell <-chan struct{}, key string, e streamzone.Entry, got *trail, attach func(string) (Feed, error)) time.Duration {
	begin := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var connected atomic.Bool
	var drained <-chan time.Time
	done := make(chan error, 1)
	go func() {
		defer func() { // what comes was written by a publisher: a bug that it trips over ends this pull alone
			if v := recover(); v != nil {
				p.Logger.Error("relay failed", "stream", key, "error", fmt.Sprintf("panic: %v\n%s", v, debug.Stack()))
				done <- fmt.Errorf("%w: %v", ErrPanic, v)
			}
		}()
		done <- p.pull(ctx, key, e, got, attach, &connected)
	}()
	for {
		select {
		case <-bell:
			if now, ok, err := p.Zone.Lookup(key); err != nil || !ok || now.ID != e.ID {
				if !connected.Load() {
					cancel(ErrMoved)
				}
				drained, bell = time.After(drainTime), nil
			}
		case <-drained:
			cancel(ErrMoved)
		case err := <-done:
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			p.ended(key, e, connected.Load(), err)
			return time.Since(begin)
		}
	}
}

func (p *Puller) ended(key string, e streamzone.Entry, connected bool, err error) {
	p.Logger.Debug("relay ended", "stream", key, "owner", e.Slot, "publication", e.ID.String(), "cause", err)
	if p.Events.Ended != nil {
		p.Events.Ended(connected, err)
	}
}

// pull plays the stream at its owner and hands on what comes.
func (p *Puller) pull(
	ctx context.Context, key string, e streamzone.Entry, got *trail, attach func(string) (Feed, error), connected *atomic.Bool,
) error {
	begin := time.Now()
	app, name, _ := strings.Cut(key, "/")
	c, err := p.connect(ctx, app, name, e)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	feed, err := attach(e.ID.String())
	if err != nil {
		return err
	}
	defer feed.Detach()
	connected.Store(true)
	if p.Events.Connected != nil {
		p.Events.Connected(time.Since(begin))
	}
	got.resumes()
	err = p.copyTo(feed, c, got)
	if errors.Is(err, ErrTakenOver) {
		feed.HandOver(HandOverTime)
	}
	return err
}

func (p *Puller) copyTo(feed Feed, c *rtmp.ClientConn, got *trail) error {
	var ev rtmp.Event // one for all: the feed is handed a pointer into it
	pings := newPinger(c, p.Events.Latency)
	var err error
	for {
		ev, err = c.Next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("relay: the owner closed the connection: %w", err)
		case err != nil:
			return err
		case ev.Kind == rtmp.EventMessage:
			if got.gap(&ev.Message) && p.Events.Gap != nil {
				p.Events.Gap()
			}
			if err := feed.Append(&ev.Message); err != nil {
				return err
			}
			if err := pings.ping(); err != nil {
				return err
			}
		case ev.Kind == rtmp.EventStatus && ev.Status.Code == CodeTakenOver:
			return ErrTakenOver
		case ev.Kind == rtmp.EventStatus && over(ev.Status):
			return ErrEnded
		}
	}
}

func (p *Puller) connect(ctx context.Context, app, name string, e streamzone.Entry) (*rtmp.ClientConn, error) {
	settings := p.Settings()
	ctx, cancel := context.WithTimeout(ctx, settings.ConnectTimeout)
	defer cancel()
	nc, err := p.Dial(ctx, e.Slot)
	if err != nil {
		return nil, fmt.Errorf("relay: dial slot %d: %w", e.Slot, err)
	}
	c, err := rtmp.NewClient(ctx, nc, connectRequest(app, e.ID), settings.RTMP)
	if err != nil {
		return nil, fmt.Errorf("relay: connect to slot %d: %w", e.Slot, err)
	}
	if _, err := c.Play(ctx, name); err != nil {
		c.Close()
		return nil, fmt.Errorf("relay: play at slot %d: %w", e.Slot, err)
	}
	return c, nil
}

func over(s *rtmp.Status) bool {
	return s.Level == rtmp.LevelError || s.Code == rtmp.CodePlayUnpublishNotify || s.Code == rtmp.CodePlayStop
}
