package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

var (
	errSilent    = errors.New("nothing came")
	errStreamEnd = errors.New("the server says that the stream has ended")
)

// A player is one of a load, until it discards.
type player struct {
	*load
	target target
	number int
	begun  func() // to be called when it plays
}

// A media is a connection whose play was accepted.
type media interface {
	// begin reads what comes before the first message.
	begin() error
	// next returns the next message of audio, video or data.
	next() (rtmp.Message, error)
	// sink gives the socket away, after which the media is of no use.
	sink(name string) (*sink, error)
	// received is how many bytes have come so far.
	received() int64
	close()
}

// open connects to the target and plays it.
func (p *player) open(ctx context.Context) (media, error) {
	waiting, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return p.target.open(waiting, p.number)
}

func (t target) open(ctx context.Context, number int) (media, error) {
	if t.overHTTP() {
		return t.openFLV(ctx, number)
	}
	c, err := t.connect(ctx, number)
	if err != nil {
		return nil, err
	}
	if _, err := c.Play(ctx, t.path); err != nil {
		_ = c.Close()
		return nil, err
	}
	return &rtmpMedia{c}, nil
}

func (p *player) run(ctx context.Context) {
	start := time.Now()
	m, err := p.open(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.lost(&p.failed, p.target.String(), err)
		}
		return
	}
	stalls := p.number >= p.options.Players
	if !stalls {
		p.connected.Add(1)
	}
	if p.verify[p.number] {
		p.verifiers.Add(1)
		p.begun()
		p.check(ctx, m, newVerifier(&p.found, p.target.String(), start))
		return
	}
	s, err := m.sink(p.target.String())
	if err != nil {
		m.close()
		p.lost(&p.failed, p.target.String(), err)
		return
	}
	if stalls {
		p.stalls.add(s)
		return
	}
	p.sinks.add(s)
	p.drain.add(s)
}

// check verifies everything until ctx or the connection ends.
func (p *player) check(ctx context.Context, m media, v *verifier) {
	stop := context.AfterFunc(ctx, m.close)
	defer stop()
	defer m.close()
	err := m.begin()
	for before := m.received(); ; {
		var message rtmp.Message
		if err == nil {
			message, err = m.next()
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			if errors.Is(err, errSilent) {
				p.silent.Add(1)
			}
			p.lost(&p.dropped, p.target.String(), err)
			break
		}
		now := m.received()
		p.drain.bytes.Add(now - before)
		before = now
		v.message(&message)
	}
	p.missing.Add(v.missing)
}

// sinkEnded notes that the server ended a connection that discards.
func (l *load) sinkEnded(s *sink, err error) { l.lost(&l.dropped, s.name, err) }

// lost notes why a player is none any more. The run ends with the last.
func (l *load) lost(f *faults, name string, err error) {
	if errors.Is(err, io.EOF) {
		err = errEnded
	}
	f.add("%s: %v", name, err)
	failed, _ := l.failed.told()
	if dropped, _ := l.dropped.told(); failed+dropped >= l.options.Players {
		l.gone()
	}
}

// keepJoining begins a player every so often, until ctx ends.
func (l *load) keepJoining(ctx context.Context, running *sync.WaitGroup) {
	if l.options.JoinRate == 0 {
		return
	}
	every := time.Duration(float64(time.Second) / l.options.JoinRate)
	first := l.options.Players + l.options.Stalled
	for i := 0; sleep(ctx, every); i++ {
		running.Go(func() { l.join(ctx, first+i) })
	}
}

// join plays until the first keyframe.
func (l *load) join(ctx context.Context, number int) {
	t := l.target(number)
	v := newVerifier(&l.found, t.String(), time.Now())
	v.joins = true
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	m, err := t.open(ctx, number)
	if err == nil {
		defer m.close()
		stop := context.AfterFunc(ctx, m.close)
		defer stop()
		var message rtmp.Message
		err = m.begin()
		for err == nil && !v.joined {
			if message, err = m.next(); err == nil {
				v.message(&message)
			}
		}
	}
	switch {
	case err == nil:
		l.joins.Add(1)
	case !errors.Is(ctx.Err(), context.Canceled):
		l.found.faults.add("joining %v: %v", t, err)
	}
	l.missing.Add(v.missing)
}

// An rtmpMedia plays by RTMP.
type rtmpMedia struct{ c *rtmpConn }

func (*rtmpMedia) begin() error { return nil }

func (m *rtmpMedia) next() (rtmp.Message, error) {
	for {
		if err := m.c.socket.SetReadDeadline(time.Now().Add(silenceTime)); err != nil {
			return rtmp.Message{}, err
		}
		ev, err := m.c.Next()
		switch {
		case isTimeout(err):
			return rtmp.Message{}, fmt.Errorf("%w for %v", errSilent, silenceTime)
		case err != nil:
			return rtmp.Message{}, err
		case ev.Kind == rtmp.EventMessage:
			return ev.Message, nil
		case ev.Kind == rtmp.EventStreamEOF, ev.Kind == rtmp.EventStatus && ev.Status.Code == rtmp.CodePlayUnpublishNotify:
			return rtmp.Message{}, errStreamEnd
		case ev.Kind == rtmp.EventStatus && ev.Status.Level == rtmp.LevelError:
			return rtmp.Message{}, &rtmp.StatusError{Status: *ev.Status}
		}
	}
}

func (m *rtmpMedia) sink(name string) (*sink, error) {
	window := m.c.tap.window()
	if m.c.secure {
		window = 0 // nobody is left to encrypt it
	}
	return newSink(m.c.socket, name, m.received(), window)
}

func (m *rtmpMedia) received() int64 { return int64(m.c.Stats().BytesRead) }

func (m *rtmpMedia) close() { _ = m.c.Close() }
