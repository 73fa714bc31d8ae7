package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// runs numbers the publishers of a test run, so that a player can tell one from the next.
var runs atomic.Uint32

// A publisher is a client of our own that sends records.
type publisher struct {
	t      testing.TB
	conn   *rtmp.ClientConn
	stream uint32 // message stream id
	source *source
	ended  chan struct{} // the server has closed the connection, or the test has

	mu       sync.Mutex
	statuses []rtmp.Status
	readErr  error
	slowest  time.Duration // the longest write
	writes   int
	bytes    uint64 // of payload
}

// dialPublish connects and publishes, and returns the refusal when there is one.
func dialPublish(t testing.TB, url string) (*publisher, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, name, err := rtmp.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	stream, err := conn.Publish(ctx, name)
	if err != nil {
		conn.Close()
		return nil, err
	}
	p := &publisher{t: t, conn: conn, stream: stream, source: newSource(runs.Add(1)), ended: make(chan struct{})}
	go p.read()
	return p, nil
}

// publish is dialPublish where nothing else than success is expected.
func publish(t testing.TB, url string) *publisher {
	t.Helper()
	p, err := dialPublish(t, url)
	if err != nil {
		t.Fatalf("publish %s: %v", url, err)
	}
	return p
}

// read keeps what the server says until the connection ends.
func (p *publisher) read() {
	defer close(p.ended)
	for {
		event, err := p.conn.Next()
		p.mu.Lock()
		if err != nil {
			p.readErr = err
		} else if event.Kind == rtmp.EventStatus {
			p.statuses = append(p.statuses, *event.Status)
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// told waits until the server has ended the session, and returns the codes of what it said.
func (p *publisher) told(within time.Duration) []string {
	p.t.Helper()
	waitClosed(p.t, within, "the end of the publisher's connection", p.ended)
	p.mu.Lock()
	defer p.mu.Unlock()
	var codes []string
	for _, s := range p.statuses {
		codes = append(codes, s.Code)
	}
	return codes
}

// write sends one message; the stream id is filled in.
func (p *publisher) write(m rtmp.Message) error {
	m.StreamID = p.stream
	began := time.Now()
	err := p.conn.WriteMessage(&m)
	took := time.Since(began)
	p.mu.Lock()
	p.slowest = max(p.slowest, took)
	p.writes++
	p.bytes += uint64(len(m.Payload))
	p.mu.Unlock()
	return err
}

// slowestWrite is how long the longest write took since the last call.
func (p *publisher) slowestWrite() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	slowest := p.slowest
	p.slowest = 0
	return slowest
}

// written counts messages; safe while the publisher is live.
func (p *publisher) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

// headers sends metadata and sequence headers.
func (p *publisher) headers() {
	p.t.Helper()
	for _, m := range p.source.headers() {
		if err := p.write(m); err != nil {
			p.t.Fatalf("publisher: %v", err)
		}
	}
}

// send sends n messages at once.
func (p *publisher) send(n int) {
	p.t.Helper()
	for range n {
		m, _ := p.source.next()
		if err := p.write(m); err != nil {
			p.t.Fatalf("publisher: %v", err)
		}
	}
}

// feed sends n messages at once and waits until all players have them: a player that lags by seconds may be moved on.
func (p *publisher) feed(n int, players map[int]*player) {
	p.t.Helper()
	p.send(n)
	last := p.source.number - 1
	for _, player := range players {
		player.await(soon, fmt.Sprintf("number %d", last), func(s seen) string {
			if s.messages > 0 && s.last.run == p.source.run && s.last.number == last {
				return ""
			}
			return fmt.Sprintf("run %d, number %d", s.last.run, s.last.number)
		})
	}
}

// awaitReceived waits until the server has taken all that was sent.
func (p *publisher) awaitReceived(s *server, stream string) {
	p.t.Helper()
	p.mu.Lock()
	sent := p.bytes
	p.mu.Unlock()
	s.awaitStream(p.t, stream, func(info streamInfo, _ bool) string {
		if info.BytesIn >= sent {
			return ""
		}
		return fmt.Sprintf("%d of %d bytes", info.BytesIn, sent)
	})
}

// A live publisher sends in real time from a goroutine of its own.
type live struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it ended
}

// goLive sends the headers, then the stream in real time until stop or the end of the connection.
func (p *publisher) goLive() *live {
	p.t.Helper()
	p.headers()
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.err = p.pace(ctx)
	}()
	p.t.Cleanup(func() {
		cancel()
		<-l.done
	})
	return l
}

// pace sends each message when it is due.
func (p *publisher) pace(ctx context.Context) error {
	began := time.Now()
	for {
		m, due := p.source.next()
		timer := time.NewTimer(time.Until(began.Add(time.Duration(due) * time.Millisecond)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if err := p.write(m); err != nil {
			return fmt.Errorf("publisher: number %d: %w", p.source.number-1, err)
		}
	}
}

// stop ends the sending, and returns why it had ended before, if it had.
func (l *live) stop() error {
	l.cancel()
	<-l.done
	return l.err
}

// end ends the publication in order: as ffmpeg does, with FCUnpublish and deleteStream.
func (p *publisher) end() {
	p.t.Helper()
	if err := p.conn.Unpublish(p.stream); err != nil {
		p.t.Errorf("unpublish: %v", err)
	}
	p.conn.Close()
}

// goLive publishes on a worker and sends in real time.
func (s *server) goLive(t testing.TB, worker int, stream string) (*publisher, *live) {
	t.Helper()
	p := publish(t, s.rtmpURL(worker, stream))
	l := p.goLive()
	return p, l
}

// goLiveAgain is goLive where the name may still be taken for a moment, after its publisher has gone.
func (s *server) goLiveAgain(t testing.TB, worker int, stream string) (*publisher, *live) {
	t.Helper()
	var p *publisher
	waitFor(t, soon, "publish "+stream+" again", func() string {
		var err error
		p, err = dialPublish(t, s.rtmpURL(worker, stream))
		if err != nil {
			return err.Error()
		}
		return ""
	})
	l := p.goLive()
	return p, l
}

// statusCode is the code of a refusal, or "" for any other error.
func statusCode(err error) string {
	var refused *rtmp.StatusError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}
