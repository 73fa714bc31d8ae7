package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// inMemory returns a server whose peer has connected and published, has then
// sent input, and reads nothing. Nothing of that is read yet but `connect`.
func inMemory(t testing.TB, cfg *Config, input []byte) (*ServerConn, *memoryConn) {
	t.Helper()
	nc := newMemoryConn(join(frame(connectMessage("live"), cmd(1, "publish", 0, amf0.Null{}, "cam")), input))
	c, err := Accept(context.Background(), nc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AcceptConnect(); err != nil {
		t.Fatal(err)
	}
	return c, nc
}

// drain reads a server's events to the end, and accepts every publish.
func drain(c *ServerConn) error {
	for {
		ev, err := c.Next()
		if err == nil && ev.Kind == EventPublish {
			err = c.AcceptPublish(ev.StreamID)
		}
		if err != nil {
			return err
		}
	}
}

// acknowledgements returns the sequence numbers that a server wrote.
func acknowledgements(t *testing.T, nc *memoryConn) (numbers []uint32) {
	t.Helper()
	rd := chunk.NewReader(bytes.NewReader(nc.out.Bytes()[handshakeSize:]), chunk.Limits{})
	for {
		m, err := rd.ReadMessage()
		if errors.Is(err, io.EOF) {
			return numbers
		}
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := parseNumber(m.Payload); ok && m.Type == TypeAcknowledgement {
			numbers = append(numbers, n)
		}
	}
}

// megabytes is media of n MiB.
func megabytes(n int) []byte {
	return bytes.Repeat(frame(media(TypeVideo, 1, 0, strings.Repeat("v", 1<<20))), n)
}

func TestVector13Window(t *testing.T) {
	for _, tt := range []struct {
		name    string
		asked   uint32
		used    int
		clamped uint64
	}{
		{"0", 0, 4096, 1},
		{"1", 1, 4096, 1},
		{"4095", 4095, 4096, 1},
		{"4096", 4096, 4096, 0},
		{"2500000", 2500000, 2500000, 0},
		{"16 MiB", 16 << 20, 16 << 20, 0},
		{"16 MiB + 1", 16<<20 + 1, 16 << 20, 1},
		{"2^31", 1 << 31, 16 << 20, 1},
		{"0xFFFFFFFF", 0xffffffff, 16 << 20, 1},
	} {
		t.Run("vector 13: window "+tt.name, func(t *testing.T) {
			const sent = 20 // MiB
			c, nc := inMemory(t, nil, join(frame(protocolControl(TypeWindowAckSize, tt.asked)), megabytes(sent)))
			if err := drain(c); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if got := c.Stats().Clamped; got != tt.clamped {
				t.Errorf("%d values clamped, want %d", got, tt.clamped)
			}
			numbers, last := acknowledgements(t, nc), uint32(0)
			for i, n := range numbers {
				if n-last < uint32(tt.used) {
					t.Fatalf("acknowledgement %d of byte %d comes %d bytes after the last, the window is %d", i, n, n-last, tt.used)
				}
				last = n
			}
			// One comes with the read that fills the window: a read buffer late at most.
			const buffer = 64 << 10
			most, least := (sent+1)<<20/tt.used, sent<<20/(tt.used+buffer)
			if len(numbers) > most || len(numbers) < least {
				t.Errorf("%d acknowledgements, want %d to %d", len(numbers), least, most)
			}
			if rest := c.Stats().BytesRead - uint64(last); rest >= uint64(tt.used) {
				t.Errorf("the last %d bytes are not acknowledged, the window is %d", rest, tt.used)
			}
		})
	}
}

// TestVector13AcknowledgementWraps: the sequence number is that of all bytes,
// modulo 2^32, in either direction.
func TestVector13AcknowledgementWraps(t *testing.T) {
	t.Run("vector 13: our acknowledgements across 2^32", func(t *testing.T) {
		const window = 100_000
		c, nc := inMemory(t, nil, join(frame(protocolControl(TypeWindowAckSize, window)), megabytes(4)))
		// As if four gigabytes but one and a half million bytes had come before.
		before := uint64(1<<32 - 1_500_000)
		c.received, c.acknowledged = c.received+before, c.received+before
		if err := drain(c); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		numbers := acknowledgements(t, nc)
		last, wraps := uint32(before), 0
		for i, n := range numbers {
			if step := n - last; step < window || step > window+64<<10 { // modulo 2^32
				t.Errorf("acknowledgement %d: %d after %d", i, n, last)
			}
			if n < last {
				wraps++
			}
			last = n
		}
		if wraps != 1 {
			t.Errorf("the number wrapped %d times in %d", wraps, numbers)
		}
		if all := before + c.Stats().BytesRead; uint32(all)-last >= window {
			t.Errorf("the last is %d, received were %d, which is %d", last, all, uint32(all))
		}
	})
	t.Run("vector 13: the peer's acknowledgements across 2^32", func(t *testing.T) {
		c, _ := inMemory(t, nil, frame(
			protocolControl(TypeAcknowledgement, 0xfffffff0), protocolControl(TypeAcknowledgement, 0xffffffff), protocolControl(TypeAcknowledgement, 16)))
		if err := drain(c); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if got := c.Stats(); got.PeerReceived != 16 || got.Clamped != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestVector13NoAcknowledgements: a peer need not acknowledge anything, nor
// does what it says about its bandwidth hold us up.
func TestVector13NoAcknowledgements(t *testing.T) {
	for name, said := range map[string][]outgoing{
		"never acknowledges": nil,
		"bandwidth 0":        {setPeerBandwidth(0)},
		"bandwidth 1":        {setPeerBandwidth(1)},
		"bandwidth 2^32-1":   {setPeerBandwidth(0xffffffff)},
		"acknowledges what it never got": {
			protocolControl(TypeAcknowledgement, 0xffffffff), protocolControl(TypeAcknowledgement, 0),
		},
	} {
		t.Run("vector 13: "+name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, &Config{WindowAckSize: 4096})
			p := connected(t, client)
			p.write(frame(append(said, cmd(1, "play", 0, amf0.Null{}, "cam"))...))
			p.expectStatus(CodePlayReset)
			p.expectStatus(CodePlayStart)
			s.event(t)
			const messages = 30
			go func() {
				for i := range uint32(messages) {
					m := media(TypeVideo, 1, i, strings.Repeat("v", 100_000)).Message
					if err := s.conn.WriteMessage(&m); err != nil {
						t.Error(err)
					}
				}
			}()
			for i := range uint32(messages) {
				if m := p.read(); m.Timestamp != i || len(m.Payload) != 100_000 {
					t.Fatalf("message %d is %v @%d, %d bytes", i, m.Type, m.Timestamp, len(m.Payload))
				}
			}
			p.finish()
			if err := s.end(t); !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// TestClamped counts what a peer asks for and does not get.
func TestClamped(t *testing.T) {
	for _, tt := range []struct {
		name string
		send []outgoing
		want uint64
	}{
		{"nothing", nil, 0},
		{"largest chunk size", []outgoing{protocolControl(TypeSetChunkSize, 1<<24-1)}, 0},
		{"a larger one", []outgoing{protocolControl(TypeSetChunkSize, 1<<24)}, 1},
		{"the largest 31 bits", []outgoing{protocolControl(TypeSetChunkSize, 1<<31-1)}, 1},
		{"again and again", []outgoing{
			protocolControl(TypeSetChunkSize, 1<<31-1), protocolControl(TypeWindowAckSize, 0), protocolControl(TypeWindowAckSize, 0),
		}, 3},
		{"no value", []outgoing{raw(TypeSetChunkSize, 0, ""), raw(TypeWindowAckSize, 0, "\x00\x00\x00")}, 0},
		{"a large window for the other direction", []outgoing{setPeerBandwidth(0xffffffff)}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := inMemory(t, nil, frame(tt.send...))
			if err := drain(c); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if got := c.Stats().Clamped; got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
