package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// TestDeadlines runs in fake time: peers that do nothing, or next to nothing,
// are let go at the total deadline.
func TestDeadlines(t *testing.T) {
	hello := append([]byte{3}, make([]byte, packetSize)...)
	everything := append(append(bytes.Clone(hello), make([]byte, packetSize)...), frame(connectMessage("live"))...)
	for _, tt := range []struct {
		name  string
		bytes []byte        // what the peer sends
		quick int           // so much of it at once
		pause time.Duration // before each further byte
		want  *Error
		after time.Duration
	}{
		{"silent", nil, 0, 0, ErrHandshakeTimeout, 5 * time.Second},
		{"a byte a second", hello, 0, time.Second, ErrHandshakeTimeout, 5 * time.Second},
		{"handshake, then silent", everything[:handshakeSize], handshakeSize, 0, ErrConnectTimeout, 10 * time.Second},
		{"handshake, then slowly", everything, handshakeSize, 150 * time.Millisecond, ErrConnectTimeout, 10 * time.Second},
		{"connect, then silent", everything, len(everything), 0, ErrCommandTimeout, 10 * time.Second},
		{
			"connect and createStream", append(bytes.Clone(everything), frame(cmd(0, "createStream", 2, amf0.Null{}))...), len(everything), time.Millisecond,
			ErrCommandTimeout, 10 * time.Second,
		},
		{
			"connect and pings", append(bytes.Clone(everything), frame(userControl(userPingRequest, 1), userControl(userPingRequest, 2))...), len(everything), time.Millisecond,
			ErrCommandTimeout, 10 * time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				start := time.Now()
				s := serve(t, server, nil)
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = io.Copy(io.Discard, client) })
				wg.Go(func() {
					_, _ = client.Write(tt.bytes[:tt.quick])
					for _, b := range tt.bytes[tt.quick:] {
						time.Sleep(tt.pause)
						if _, err := client.Write([]byte{b}); err != nil {
							return
						}
					}
				})
				<-s.ended
				if !errors.Is(s.err, tt.want) || Kind(s.err) != tt.want.Kind() || !errors.Is(s.err, os.ErrDeadlineExceeded) {
					t.Errorf("ended with %v (%s), want %v", s.err, Kind(s.err), tt.want)
				}
				if got := time.Since(start); got != tt.after {
					t.Errorf("ended after %v, want %v", got, tt.after)
				}
				_ = client.Close()
				wg.Wait()
			})
		})
	}
}

// TestCommandTimeoutPauses: the timeout runs while no stream is in use, and
// starts again when the last one is closed or refused.
func TestCommandTimeoutPauses(t *testing.T) {
	for _, tt := range []struct{ name, stream string }{
		{"closed", "cam"},
		{"refused", "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				defer func() { _ = client.Close() }()
				s := serve(t, server, nil)
				p := connected(t, client)
				_ = client.SetDeadline(time.Time{})
				go func() { _, _ = io.Copy(io.Discard, client) }()
				time.Sleep(9 * time.Second)
				p.write(frame(cmd(1, "publish", 0, amf0.Null{}, tt.stream)))
				<-s.events
				if tt.stream == "cam" {
					time.Sleep(time.Hour)
					p.write(frame(cmd(1, "closeStream", 0, amf0.Null{})))
					<-s.events
				}
				start := time.Now()
				<-s.ended
				if !errors.Is(s.err, ErrCommandTimeout) || time.Since(start) != 10*time.Second {
					t.Errorf("ended with %v after %v", s.err, time.Since(start))
				}
			})
		})
	}
}

func TestAcceptContext(t *testing.T) {
	t.Run("canceled while waiting", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer func() { _ = client.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			_, err := Accept(ctx, server, nil)
			if !errors.Is(err, context.DeadlineExceeded) || Kind(err) != "canceled" || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
			if _, err := server.Write(nil); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("connection left open: %v", err)
			}
		})
	})
	t.Run("canceled before", func(t *testing.T) {
		client, server := tcpPair(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Accept(ctx, server, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		_ = client.Close()
	})
}

func TestFloods(t *testing.T) {
	null := amf0.Null{}
	for _, tt := range []struct {
		name  string
		one   outgoing
		times int
		want  error
	}{
		{"createStream", cmd(0, "createStream", 2, null), 3000, ErrFlood},
		{"unknown commands", cmd(0, "x", 2, null), 3000, ErrFlood},
		{"pings", userControl(userPingRequest, 1), 3000, ErrFlood},
		{"chunk sizes", protocolControl(TypeSetChunkSize, 128), 3000, ErrFlood},
		{"unknown types", raw(99, 0, ""), 3000, ErrFlood},
		{"commands, as many as allowed", cmd(0, "x", 2, null), DefaultCommandBurst / 2, nil},
		{"acknowledgements", protocolControl(TypeAcknowledgement, 1), 3000, nil},
		{"media without publish", media(TypeVideo, 1, 0, "v"), DefaultMaxStrayMessages + 1, ErrStrayMedia},
		{"media without publish, as many as tolerated", media(TypeVideo, 1, 0, "v"), DefaultMaxStrayMessages, nil},
		{"empty media on stream 0", media(TypeAudio, 0, 0, ""), DefaultMaxStrayMessages + 1, ErrStrayMedia},
		{"data without publish", media(TypeData, 3, 0, "\x02\x00\x01d"), DefaultMaxStrayMessages + 1, ErrStrayMedia},
		{"aggregates without publish", media(TypeAggregate, 1, 0, "bad"), DefaultMaxStrayMessages + 1, ErrStrayMedia},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := connected(t, client)
			flood := bytes.Repeat(frame(tt.one), tt.times)
			if tt.want == nil {
				p.write(flood)
				p.fence()
				return
			}
			go func() { _, _ = client.Write(flood) }()
			if err := s.end(t); !errors.Is(err, tt.want) {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
		})
	}
}

// TestStrayMediaBesidePublish: the wrong message stream is wrong even if
// another one publishes.
func TestStrayMediaBesidePublish(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := publishing(t, client, s)
	for range DefaultMaxStrayMessages {
		p.write(frame(media(TypeVideo, 2, 0, "v")))
	}
	p.write(frame(media(TypeVideo, 1, 7, "good")))
	p.fence()
	if ev := s.event(t); describe(&ev) != `message 1 9 @7 "good"` || len(s.events) != 0 {
		t.Errorf("event %s", describe(&ev))
	}
	if got := s.conn.Stats().StrayMedia; got != DefaultMaxStrayMessages {
		t.Errorf("counted %d", got)
	}
	p.write(frame(media(TypeVideo, 2, 0, "v")))
	if err := s.end(t); !errors.Is(err, ErrStrayMedia) {
		t.Errorf("ended with %v", err)
	}
}

func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBucket(2, 3, now)
	steps := []struct {
		after time.Duration
		want  bool
	}{
		{0, true},
		{0, true},
		{0, true},
		{0, false},
		{499 * time.Millisecond, false},
		{time.Millisecond, true},
		{0, false},
		{time.Hour, true},
		{0, true},
		{0, true},
		{0, false},
		{-time.Hour, false},
		{time.Hour + time.Second, true},
	}
	for i, step := range steps {
		now = now.Add(step.after)
		if got := b.take(now); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	for _, tt := range []struct {
		name   string
		asked  uint32 // the peer's WindowAckSize
		window int    // what it is clamped to
	}{
		{"0", 0, minWindow},
		{"1", 1, minWindow},
		{"usual", 250_000, 250_000},
		{"greatest", 0xffffffff, maxWindow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			p := publishing(t, client, s)
			p.write(frame(protocolControl(TypeWindowAckSize, tt.asked)))
			p.fence()
			before := s.conn.Stats().BytesRead
			go func() {
				one := frame(media(TypeVideo, 1, 0, string(make([]byte, 100_000))))
				for sent := 0; sent < tt.window; sent += len(one) {
					if _, err := client.Write(one); err != nil {
						return
					}
				}
			}()
			// Bytes before the window was announced count too.
			m := p.read()
			got := int64(binary.BigEndian.Uint32(m.Payload))
			if m.Type != TypeAcknowledgement || got < int64(tt.window) || got > int64(before)+int64(tt.window)+64<<10 {
				t.Errorf("type %d, sequence number %d, window %d", m.Type, got, tt.window)
			}
		})
	}
}

// TestAcknowledgementWraps: the sequence number is the count modulo 2^32, and
// comes in the middle of a message if need be.
func TestAcknowledgementWraps(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	c := &conn{nc: server}
	c.init((&Config{WindowAckSize: minWindow}).withDefaults())
	c.received = 1<<32 - 6000
	c.acknowledged = c.received

	sent := frame(media(TypeVideo, 1, 0, string(make([]byte, 12_000))))
	go func() {
		for len(sent) > 0 {
			n := min(1000, len(sent))
			_, _ = client.Write(sent[:n])
			sent = sent[n:]
		}
		_ = client.Close()
	}()
	var out bytes.Buffer
	c.SetControlWriter(func(b []byte) error { out.Write(b); return nil })
	if _, err := c.receive(); err != nil {
		t.Fatal(err)
	}
	var want []byte // after 5000 bytes (five reads), 10000 bytes …
	for _, number := range []uint32{1<<32 - 1000, 4000} {
		want = append(want, frame(protocolControl(TypeAcknowledgement, number))...)
	}
	if !bytes.HasPrefix(out.Bytes(), want) || out.Len() > len(want)+16 {
		t.Errorf("got %x, want %x", out.Bytes(), want)
	}
}
