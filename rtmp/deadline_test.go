package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// idle is a timeout of which an eighth is a round number.
const idle = 8 * time.Second

// A driver is a peer that speaks in its own time and hears nothing.
type driver struct {
	nc     net.Conn
	s      *session
	quiet  time.Time // when it last sent what should count
	failed bool      // the server has gone
}

func (d *driver) send(b []byte) {
	if _, err := d.nc.Write(b); err != nil {
		d.failed = true
	}
}

// media sends something that counts.
func (d *driver) media(m outgoing) {
	d.send(frame(m))
	if !d.failed {
		d.quiet = time.Now()
	}
}

// every calls f in even steps, until the server goes or for so many times.
func (d *driver) every(step time.Duration, times int, f func(i int)) {
	for i := 0; i < times && !d.failed; i++ {
		time.Sleep(step)
		f(i)
	}
}

// drive runs f as a client that publishes on stream 1, and returns how long
// after its last media its session ended, and why.
func drive(t *testing.T, cfg *Config, f func(d *driver)) (after time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = client.Close() }()
		d := &driver{nc: client, s: serve(t, server, cfg)}
		publishing(t, client, d.s)
		_ = client.SetDeadline(time.Time{})
		go func() { _, _ = io.Copy(io.Discard, client) }()
		go func() {
			for { // what the tests do not look at
				select {
				case <-d.s.events:
				case <-d.s.ended:
					return
				}
			}
		}()
		d.quiet = time.Now()
		done := make(chan struct{})
		go func() { defer close(done); f(d) }()
		<-d.s.ended
		end := time.Now()
		<-done
		after, err = end.Sub(d.quiet), d.s.err
	})
	return after, err
}

func TestIdleTimeout(t *testing.T) {
	null := amf0.Null{}
	const hour = 3600
	audio := media(TypeAudio, 1, 0, "a")
	for _, tt := range []struct {
		name  string
		drive func(d *driver)
		after time.Duration // to an eighth more
	}{
		{"nothing at all", func(*driver) {}, idle},
		{"audio, then nothing", func(d *driver) {
			d.every(3*time.Second, 10, func(int) { d.media(audio) })
		}, idle},
		{"audio just before its time, then nothing", func(d *driver) {
			d.every(idle-time.Millisecond, 3, func(int) { d.media(audio) })
		}, idle},
		{"audio often, then nothing", func(d *driver) {
			d.every(100*time.Millisecond, 57, func(int) { d.media(audio) })
		}, idle},
		{"video", func(d *driver) {
			d.every(5*time.Second, 5, func(int) { d.media(media(TypeVideo, 1, 0, "v")) })
		}, idle},
		{"data", func(d *driver) {
			d.every(5*time.Second, 5, func(int) { d.media(media(TypeData, 1, 0, "\x02\x00\x01d")) })
		}, idle},
		{"aggregates", func(d *driver) {
			d.every(5*time.Second, 5, func(int) { d.media(media(TypeAggregate, 1, 0, "\x08\x00\x00\x01\x00\x00\x07\x00\x00\x00\x00a")) })
		}, idle},
		{"pings", func(d *driver) {
			d.every(time.Second, hour, func(int) { d.send(frame(userControl(userPingRequest, 1))) })
		}, idle},
		{"commands", func(d *driver) {
			d.every(time.Second, hour, func(int) { d.send(frame(cmd(0, "FCPublish", 3, null, "cam"))) })
		}, idle},
		{"plays beside it", func(d *driver) {
			d.every(time.Second, hour, func(int) { d.send(frame(cmd(2, "play", 3, null, "b"), cmd(2, "closeStream", 0, null))) })
		}, idle},
		{"media on a stream that does not publish", func(d *driver) {
			d.every(time.Second, hour, func(int) { d.send(frame(media(TypeAudio, 2, 0, "a"))) })
		}, idle},
		{"media on a stream that waits for its acceptance", func(d *driver) {
			d.send(frame(cmd(2, "publish", 3, null, "slow")))
			d.every(time.Second, hour, func(int) { d.send(frame(media(TypeAudio, 2, 0, "a"))) })
		}, idle},
		{"a message that never ends", func(d *driver) {
			d.send(declared(CSIDVideo, TypeVideo, 1<<20)[:20])
			d.every(time.Second, hour, func(int) { d.send([]byte{0}) })
		}, idle},
		{"another stream publishes", func(d *driver) {
			d.send(frame(cmd(2, "publish", 3, null, "b")))
			d.every(5*time.Second, 5, func(int) { d.media(media(TypeAudio, 2, 0, "a")) })
		}, idle},
		{"another stream begins to publish", func(d *driver) {
			time.Sleep(5 * time.Second)
			d.media(cmd(2, "publish", 3, null, "b"))
		}, idle},
		{"another stream ends", func(d *driver) {
			d.send(frame(cmd(2, "publish", 3, null, "b")))
			d.media(media(TypeAudio, 2, 0, "a"))
			time.Sleep(5 * time.Second)
			d.send(frame(cmd(2, "closeStream", 0, null)))
		}, idle},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after, err := drive(t, &Config{IdleTimeout: idle}, tt.drive)
			if !errors.Is(err, ErrIdleTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) || Kind(err) != "idle_timeout" {
				t.Errorf("ended with %v", err)
			}
			if after < tt.after || after > tt.after+tt.after/idleSlack {
				t.Errorf("after %v, want %v and at most an eighth more", after, tt.after)
			}
		})
	}
}

// TestNoIdleTimeout: what has none, or has it no longer.
func TestNoIdleTimeout(t *testing.T) {
	null := amf0.Null{}
	for _, tt := range []struct {
		name  string
		idle  time.Duration
		drive func(d *driver)
		want  error
		after time.Duration
	}{
		{"none wanted", 0, func(d *driver) { time.Sleep(time.Hour); _ = d.nc.Close() }, io.EOF, time.Hour},
		{"less than none", -1, func(d *driver) { time.Sleep(time.Hour); _ = d.nc.Close() }, io.EOF, time.Hour},
		{"longest", 1<<63 - 1, func(d *driver) { time.Sleep(time.Hour); _ = d.nc.Close() }, io.EOF, time.Hour},
		{"publishing ends", idle, func(d *driver) {
			d.media(cmd(1, "closeStream", 0, null))
		}, ErrCommandTimeout, DefaultCommandTimeout},
		{"publishing ends, then begins again", idle, func(d *driver) {
			d.send(frame(cmd(1, "closeStream", 0, null)))
			time.Sleep(DefaultCommandTimeout - time.Second)
			d.media(cmd(1, "publish", 0, null, "cam"))
		}, ErrIdleTimeout, idle + idle/idleSlack},
		{"publishing ends, playing goes on", idle, func(d *driver) {
			d.send(frame(cmd(2, "play", 0, null, "b")))
			d.media(cmd(1, "closeStream", 0, null))
			time.Sleep(time.Hour)
			_ = d.nc.Close()
		}, io.EOF, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after, err := drive(t, &Config{IdleTimeout: tt.idle}, tt.drive)
			if !errors.Is(err, tt.want) || after != tt.after {
				t.Errorf("ended after %v with %v, want %v and %v", after, err, tt.after, tt.want)
			}
		})
	}
}

// TestInterruptWinsOverIdle: media that is dealt with after Interrupt puts off
// nothing, and the error is not that of a timeout.
func TestInterruptWinsOverIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			p := connected(t, client)
			p.write(frame(cmd(1, "publish", 0, amf0.Null{}, "cam")))
			p.expectStatus(CodePublishStart)
			audio := media(TypeAudio, 1, 0, "a")
			p.write(frame(audio, audio, audio)) // read at once
		}()
		c, err := Accept(t.Context(), server, &Config{IdleTimeout: idle})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AcceptConnect(); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			ev, err := c.Next()
			if err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
			switch i {
			case 0:
				if err := c.AcceptPublish(ev.StreamID); err != nil {
					t.Fatal(err)
				}
			case 1:
				c.Interrupt()
				time.Sleep(idle / 2) // the next media could put off the deadline
			}
		}
		start := time.Now()
		if _, err := c.Next(); !errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, new(*Error)) || time.Since(start) != 0 {
			t.Errorf("ended after %v with %v", time.Since(start), err)
		}
		<-done
		_ = c.Close()
		_ = client.Close()
	})
}

// A countingConn counts how often its read deadline is set.
type countingConn struct {
	net.Conn
	set atomic.Int64
}

func (c *countingConn) SetReadDeadline(t time.Time) error {
	c.set.Add(1)
	return c.Conn.SetReadDeadline(t)
}

// TestIdleTimeoutIsCheap: the deadline is not set for every message.
func TestIdleTimeoutIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer func() { _ = client.Close() }()
		counting := &countingConn{Conn: server}
		s := serve(t, counting, &Config{IdleTimeout: idle})
		p := publishing(t, client, s)
		_ = client.SetDeadline(time.Time{})
		before := counting.set.Load()
		audio := bytes.Repeat(frame(media(TypeAudio, 1, 0, "a")), 100)
		for range 20 { // of seconds
			time.Sleep(time.Second)
			p.write(audio)
		}
		p.fence()
		if n := counting.set.Load() - before; n < 15 || n > 20 {
			t.Errorf("set %d times in 20 s", n)
		}
	})
}

// TestVector22SlowLoris: whoever speaks slowly has a total deadline, however
// steadily it does.
func TestVector22SlowLoris(t *testing.T) {
	hello := append([]byte{protocolVersion}, make([]byte, 2*packetSize)...)
	connect := frame(connectMessage("live"))
	for _, tt := range []struct {
		name  string
		begin []byte // at once; then a byte of rest each second
		rest  []byte
		want  error
		after time.Duration
	}{
		{"silent", nil, nil, ErrHandshakeTimeout, DefaultHandshakeTimeout},
		{"slow C0 and C1", nil, hello, ErrHandshakeTimeout, DefaultHandshakeTimeout},
		{"slow C2", hello[:1+packetSize], hello[1+packetSize:], ErrHandshakeTimeout, DefaultHandshakeTimeout},
		{"silent before connect", hello, nil, ErrConnectTimeout, DefaultConnectTimeout},
		{"slow connect", hello, connect, ErrConnectTimeout, DefaultConnectTimeout},
		{"pings before connect", hello, bytes.Repeat(frame(userControl(userPingRequest, 1)), 9), ErrConnectTimeout, DefaultConnectTimeout},
		{"silent after connect", join(hello, connect), nil, ErrCommandTimeout, DefaultCommandTimeout},
		{"slow publish", join(hello, connect), frame(cmd(1, "publish", 0, amf0.Null{}, "cam")), ErrCommandTimeout, DefaultCommandTimeout},
		{"createStream only", join(hello, connect), frame(cmd(0, "createStream", 0, amf0.Null{})), ErrCommandTimeout, DefaultCommandTimeout},
	} {
		t.Run("vector 22: "+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				start := time.Now()
				s := serve(t, server, nil)
				go func() { _, _ = io.Copy(io.Discard, client) }()
				done := make(chan struct{})
				go func() {
					defer close(done)
					if _, err := client.Write(tt.begin); err != nil {
						return
					}
					for _, b := range tt.rest {
						time.Sleep(time.Second)
						if _, err := client.Write([]byte{b}); err != nil {
							return
						}
					}
				}()
				<-s.ended
				if took := time.Since(start); !errors.Is(s.err, tt.want) || took != tt.after {
					t.Errorf("ended with %v after %v, want %v after %v", s.err, took, tt.want, tt.after)
				}
				<-done
				_ = client.Close()
			})
		})
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
