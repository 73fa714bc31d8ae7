package bench

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Sockets are emptied in turns, each every sweepTime, a part of them at a time.
const (
	sweepTime  = 20 * time.Millisecond
	sweepParts = 10
)

// acknowledgeTime is how long a player is silent at most. Servers take those that say nothing for a minute for dead, and ask; who does not read the
// question can at least say how much has come.
const acknowledgeTime = 15 * time.Second

// silenceTime is how long a socket may bring nothing before the player counts as not playing.
const silenceTime = 5 * time.Second

// A sink is a connection of which nothing is read any more, only thrown away.
type sink struct {
	// Static after construction.
	fd     int
	name   string
	window int64 // bytes between two acknowledgements; 0 for none

	// Owned by the drain.
	received     int64 // as acknowledgements count
	acknowledged int64
	spoken       time.Time // when the last acknowledgement was sent

	last atomic.Int64 // when something came, CLOCK_MONOTONIC
	over atomic.Bool
}

// newSink takes over a socket of which so many bytes were read.
func newSink(nc *net.TCPConn, name string, received, window int64) (*sink, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	// A descriptor of its own takes the socket away from Go's poller, which would wake up for every packet.
	fd := -1
	if controlErr := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, err
	}
	_ = nc.Close() // the socket lives on
	s := &sink{fd: fd, name: name, window: window, received: received, acknowledged: received, spoken: time.Now()}
	s.last.Store(monotonic())
	return s, nil
}

// A drain empties sockets.
type drain struct {
	bytes atomic.Int64
	ended func(s *sink, err error) // called by run for each that the peer ends

	mu    sync.Mutex
	fresh []*sink
}

// add gives a socket to the drain, which closes it in the end.
func (d *drain) add(s *sink) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fresh = append(d.fresh, s)
}

// run empties sockets until ctx ends, then closes them.
//
// It looks at each in turn instead of waiting for one to be ready: a waiting process is woken by whoever sends, on a loopback network at the expense
// of the server.
func (d *drain) run(ctx context.Context) {
	var sinks []*sink
	defer func() {
		for _, s := range append(sinks, d.take()...) {
			_ = unix.Close(s.fd)
		}
	}()
	due := time.Now()
	for part := 0; ; part = (part + 1) % sweepParts {
		due = due.Add(sweepTime / sweepParts)
		if late := time.Since(due); late > 0 {
			due = due.Add(late)
		}
		if !sleep(ctx, time.Until(due)) {
			return
		}
		if part == 0 {
			sinks = living(sinks)
		}
		sinks = append(sinks, d.take()...)
		d.sweep(sinks[len(sinks)*part/sweepParts : len(sinks)*(part+1)/sweepParts])
	}
}

func (d *drain) take() []*sink {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := d.fresh
	d.fresh = nil
	return fresh
}

func (d *drain) sweep(sinks []*sink) {
	var bytes int64
	now, monotonicNow := time.Now(), monotonic()
	for _, s := range sinks {
		if s.over.Load() {
			continue
		}
		n, err := discard(s.fd)
		if n > 0 {
			bytes += n
			s.received += n
			s.last.Store(monotonicNow)
			s.acknowledge(now)
		}
		if err != nil {
			s.over.Store(true)
			d.ended(s, err)
		}
	}
	d.bytes.Add(bytes)
}

// acknowledge tells the server how much has come, when it is time to. What the socket does not take is said the next time.
func (s *sink) acknowledge(now time.Time) {
	if s.window == 0 || s.received-s.acknowledged < s.window && now.Sub(s.spoken) < acknowledgeTime {
		return
	}
	s.acknowledged, s.spoken = s.received, now
	_ = unix.Send(s.fd, acknowledgement(s.received), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// living closes and leaves out those that are over.
func living(sinks []*sink) []*sink {
	kept := sinks[:0]
	for _, s := range sinks {
		if s.over.Load() {
			_ = unix.Close(s.fd)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
