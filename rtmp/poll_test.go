package rtmp

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// polled is an event that Poll and Wait brought, or the end.
type polled struct {
	ev  Event
	err error
}

// poll reads with Poll and Wait, in goroutines that last as long as they must.
func poll(c *ServerConn) <-chan polled {
	events := make(chan polled, 100)
	var work, rest func()
	work = func() {
		for {
			ev, ok, err := c.Poll()
			switch {
			case err != nil:
				events <- polled{err: err}
				close(events)
				return
			case !ok:
				go rest()
				return
			}
			events <- polled{ev: ev}
		}
	}
	rest = func() {
		c.Wait()
		go work()
	}
	go work()
	return events
}

// acceptOver is a server's end with a peer that is connected.
func acceptOver(t *testing.T, client, server net.Conn) (*ServerConn, *peer) {
	t.Helper()
	accepted := make(chan *ServerConn, 1)
	go func() {
		c, err := Accept(t.Context(), server, nil)
		if err == nil {
			err = c.AcceptConnect()
		}
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	p := connected(t, client)
	return <-accepted, p
}

// TestPoll: what a peer says gets through, event or not, and so does its end.
func TestPoll(t *testing.T) {
	for name, pair := range map[string]func() (net.Conn, net.Conn){"socket": func() (net.Conn, net.Conn) { return tcpPair(t) }, "pipe": net.Pipe} {
		client, server := pair()
		c, p := acceptOver(t, client, server)
		events := poll(c)
		play := cmd(1, "play", 0, amf0.Null{}, "cam")
		p.write(frame(play))
		ev := (<-events).ev
		if ev.Kind != EventPlay || ev.Play.Name != "cam" {
			t.Fatal(name, describe(&ev))
		}
		for range 3 {
			p.fence() // a ping, which is no event
			p.write(frame(protocolControl(TypeAcknowledgement, 1)))
		}
		two := frame(cmd(1, "closeStream", 0, amf0.Null{}), play)
		for i := range two { // in pieces: some of it has begun
			p.write(two[i : i+1])
		}
		for _, want := range []EventKind{EventCloseStream, EventPlay} {
			if got := <-events; got.ev.Kind != want {
				t.Fatal(name, got, want)
			}
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if end := <-events; !errors.Is(end.err, io.EOF) {
			t.Error(name, end)
		}
		if _, ok, err := c.Poll(); ok || !errors.Is(err, io.EOF) {
			t.Error(name, "after the end:", ok, err)
		}
		c.Wait() // returns
		_ = c.Close()
	}
}

// TestPollEnds: Interrupt and Close end a Wait, as they end Next.
func TestPollEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*ServerConn)
		want error
	}{
		"interrupted": {(*ServerConn).Interrupt, os.ErrDeadlineExceeded},
		"closed":      {func(c *ServerConn) { _ = c.Close() }, ErrClosed},
	} {
		client, server := tcpPair(t)
		c, p := acceptOver(t, client, server)
		events := poll(c)
		p.fence()
		tt.end(c)
		if end := <-events; !errors.Is(end.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, end.err, tt.want)
		}
	}
	c := &ServerConn{}
	if _, ok, err := c.Poll(); ok || !errors.Is(err, ErrNotConnected) {
		t.Error(ok, err)
	}
}

// TestBuffered: it tells whether Next would have to read.
func TestBuffered(t *testing.T) {
	const parts = "\x08\x00\x00\x01\x00\x00\x07\x00\x00\x00\x00a\x00\x00\x00\x0c\x09\x00\x00\x01\x00\x00\x09\x00\x00\x00\x00v"
	c := endlessly(t, &Config{ReuseBuffers: true}, initialChunkSize,
		media(TypeVideo, 1, 0, "v"), media(TypeAggregate, 1, 0, parts), media(TypeVideo, 1, 0, "v"))
	for i := range 16 { // the four messages come at once, again and again
		if i > 0 && c.Buffered() != (i%4 != 0) {
			t.Errorf("message %d: %v", i, c.Buffered())
		}
		if _, err := c.Next(); err != nil {
			t.Fatal(err)
		}
	}
}
