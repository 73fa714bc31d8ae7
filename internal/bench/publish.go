package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// PublishOptions say what to publish, and where to.
type PublishOptions struct {
	URL      string // rtmp:// or rtmps://; {n} is the stream's number, from 0
	Streams  int
	Format   Format
	Ramp     float64       // streams that begin in a second; 0 is 100
	Duration time.Duration // from when all have begun
	Server   []int         // processes whose cost is measured, each with its children
	Anywhere bool
	Progress Progress
}

// A PublishResult is what was published from when all streams had begun.
type PublishResult struct {
	Streams       int           `json:"streams"`
	Published     int           `json:"published"` // streams that began
	Bytes         int64         `json:"bytes"`     // payload of messages and their framing
	Messages      int64         `json:"messages"`
	Seconds       float64       `json:"seconds"`
	MbitPerSecond float64       `json:"mbit_per_second"`
	LateMS        *Percentiles  `json:"late_ms"` // between when a message was due and when it was written
	Held          int64         `json:"held"`    // messages that the server's window held up
	Errors        int           `json:"errors"`
	FirstErrors   []string      `json:"first_errors,omitempty"`
	Server        *ServerResult `json:"server,omitempty"`
}

// A publisher is a run of Publish.
type publisher struct {
	options PublishOptions
	layout  layout
	target  target
	run     uint32
	ready   chan *outStream
	begun   atomic.Int64
	reading sync.WaitGroup
	faults  faults
	late    *histogram
	total   counters
	gone    context.CancelFunc // when no stream is left
}

// counters are what was written since the start.
type counters struct{ bytes, messages, held atomic.Int64 }

// Publish publishes until the duration is over or ctx ends. The error wraps ErrFound if a stream did not begin or ended early.
func Publish(ctx context.Context, o PublishOptions) (*PublishResult, error) {
	p := &publisher{options: o, run: rand.Uint32(), ready: make(chan *outStream), late: new(histogram)}
	if o.Streams < 1 || o.Duration <= 0 {
		return nil, fmt.Errorf("%w: there must be a stream and a duration", ErrOptions)
	}
	if p.options.Ramp <= 0 {
		p.options.Ramp = 100
	}
	var err error
	if p.layout, err = o.Format.layout(); err != nil {
		return nil, err
	}
	if p.target, err = parseTarget(ctx, o.URL, o.Anywhere); err != nil {
		return nil, err
	}
	if p.target.overHTTP() {
		return nil, fmt.Errorf("%w: streams are published by RTMP", ErrOptions)
	}
	if err := needFiles(o.Streams); err != nil {
		return nil, err
	}
	return p.publish(ctx)
}

func (p *publisher) publish(ctx context.Context) (*PublishResult, error) {
	server, err := watchServer(p.options.Server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	measured, gone := context.WithCancel(ctx)
	defer gone()
	p.gone = gone
	var running sync.WaitGroup
	running.Go(func() { p.write(ctx) })
	var connecting sync.WaitGroup
	ramp(ctx, p.options.Streams, p.options.Ramp, func(i int) { connecting.Go(func() { p.begin(ctx, i) }) })
	connecting.Wait()
	p.allSend(measured)
	result, err := p.measure(measured, server)
	cancel()
	running.Wait()
	p.reading.Wait()
	if err != nil {
		return nil, err
	}
	if result.Errors > 0 {
		return result, fmt.Errorf("%w: %d errors, the first: %s", ErrFound, result.Errors, result.FirstErrors[0])
	}
	return result, nil
}

// allSend waits until all streams that have begun send: each has its own place in a GOP, and begins with a keyframe.
func (p *publisher) allSend(ctx context.Context) {
	select {
	case <-time.After(time.Duration(p.layout.gop) * time.Second / time.Duration(p.layout.fps)):
	case <-ctx.Done():
	}
}

// measure waits for the duration and tells what went on in it.
func (p *publisher) measure(ctx context.Context, server *serverWatch) (r *PublishResult, err error) {
	p.late.reset()
	bytes, messages, held, start := p.total.bytes.Load(), p.total.messages.Load(), p.total.held.Load(), time.Now()
	if err := server.begin(); err != nil {
		return nil, err
	}
	p.options.Progress.until(ctx, p.options.Duration, p.progress)
	passed := time.Since(start)
	r = &PublishResult{
		Streams: p.options.Streams, Published: int(p.begun.Load()),
		Bytes: p.total.bytes.Load() - bytes, Messages: p.total.messages.Load() - messages, Held: p.total.held.Load() - held,
		Seconds: passed.Seconds(), LateMS: p.late.percentiles(),
	}
	r.MbitPerSecond = float64(r.Bytes) * 8 / 1e6 / r.Seconds
	r.Errors, r.FirstErrors = p.faults.told()
	r.Server, err = server.end(r.Bytes, r.Published, passed)
	return r, err
}

func (p *publisher) progress(seconds, left float64, last *int64) string {
	bytes := p.total.bytes.Load()
	rate := float64(bytes-*last) * 8 / 1e6 / seconds
	*last = bytes
	errors, _ := p.faults.told()
	return fmt.Sprintf("publishing %d/%d streams, %.1f Mbit/s, late p99 %.1f ms, %d errors, %.0f s left",
		p.begun.Load(), p.options.Streams, rate, milliseconds(p.late.quantile(0.99)), errors, left)
}

// begin connects stream i and hands it to the writing loop.
func (p *publisher) begin(ctx context.Context, i int) {
	t := p.target.stream(i, p.options.Streams)
	s, err := p.open(ctx, t, i)
	if err != nil {
		if ctx.Err() == nil {
			p.lost(t.String(), err)
		}
		return
	}
	select {
	case p.ready <- s:
		p.begun.Add(1)
	case <-ctx.Done():
		_ = s.conn.Close()
	}
}

func (p *publisher) open(ctx context.Context, t target, i int) (*outStream, error) {
	waiting, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := t.connect(waiting, i)
	if err != nil {
		return nil, err
	}
	id, err := conn.Publish(waiting, t.path)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s := &outStream{
		timetable: timetable{layout: p.layout, run: p.run, stream: streamID(t.path)},
		name:      t.String(), id: id, conn: conn, total: &p.total,
	}
	if err := s.init(i); err != nil {
		_ = conn.Close()
		return nil, err
	}
	p.reading.Go(func() { s.read(ctx, p.lost) })
	return s, nil
}

// lost notes why a stream is none any more. The run ends with the last.
func (p *publisher) lost(name string, err error) {
	p.faults.add("%s: %v", name, err)
	if n, _ := p.faults.told(); n >= p.options.Streams {
		p.gone()
	}
}

// read notices that the server ends the stream, and lets the client answer pings.
func (s *outStream) read(ctx context.Context, lost func(name string, err error)) {
	for {
		ev, err := s.conn.Next()
		switch {
		case ctx.Err() != nil || s.over.Load():
			return
		case err != nil:
			if errors.Is(err, io.EOF) {
				err = errEnded
			}
			s.fail(lost, err)
			return
		case ev.Kind == rtmp.EventStatus && ev.Status.Level == rtmp.LevelError:
			s.fail(lost, &rtmp.StatusError{Status: *ev.Status})
			return
		}
	}
}

var errEnded = errors.New("the server closed the connection")
