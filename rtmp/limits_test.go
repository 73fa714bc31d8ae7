package rtmp

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// A data message does not get larger by being part of an aggregate.
func TestAggregateKeepsTheDataLimit(t *testing.T) {
	for _, size := range []int{DefaultMaxDataSize, DefaultMaxDataSize + 1} {
		part := binary.BigEndian.AppendUint32(nil, uint32(TypeData)<<24|uint32(size))
		part = append(append(part, make([]byte, 7)...), make([]byte, size)...)
		a := newAggregate(&Message{Type: TypeAggregate, Payload: part}, &Config{MaxDataSize: DefaultMaxDataSize})
		m, ok, err := a.next()
		switch {
		case size <= DefaultMaxDataSize && (!ok || err != nil || len(m.Payload) != size):
			t.Errorf("%d bytes: %v, %v", size, ok, err)
		case size > DefaultMaxDataSize && !errors.Is(err, ErrAggregate):
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// The command timeout ends a peer that asks again and again, and is always refused.
func TestRefusalDoesNotRestartTheCommandTimeout(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, &Config{CommandTimeout: 300 * time.Millisecond, CommandBurst: 1 << 20})
	p := connected(t, client)
	deadline := time.Now().Add(10 * time.Second)
	refused := frame(cmd(1, "publish", 3, amf0.Null{}, "refused"))
	for {
		if _, err := p.nc.Write(refused); err != nil {
			break
		}
		select {
		case <-s.ended:
		case <-time.After(50 * time.Millisecond): // a peer that asks now and then
			if time.Now().Before(deadline) {
				continue
			}
			t.Fatal("it may ask for ever")
		}
		break
	}
	if err := s.end(t); !errors.Is(err, ErrCommandTimeout) {
		t.Errorf("ended by %v", err)
	}
}

// FCUnpublish of a stream that is gone ends no other.
func TestFCUnpublishOfAnotherStream(t *testing.T) {
	client, server := tcpPair(t)
	s := serve(t, server, nil)
	p := connected(t, client)
	for id, name := range []string{1: "a", 2: "b"} {
		if name == "" {
			continue
		}
		p.write(frame(cmd(0, "createStream", 2, amf0.Null{}), cmd(uint32(id), "publish", 3, amf0.Null{}, name)))
		p.expectCommand("_result")
		p.expectStatus(CodePublishStart)
		s.event(t)
	}
	p.write(frame(cmd(0, "deleteStream", 0, amf0.Null{}, float64(1)), cmd(0, "FCUnpublish", 0, amf0.Null{}, "a")))
	p.fence()
	if ev := s.event(t); ev.Kind != EventCloseStream || ev.StreamID != 1 {
		t.Errorf("first %s", describe(&ev))
	}
	if n := len(s.events); n != 0 {
		ev := <-s.events
		t.Errorf("then %s", describe(&ev))
	}
}

// What is refused for want of room takes none.
func TestBacklogForgetsWhatItRefused(t *testing.T) {
	c := &ClientConn{}
	c.cfg = (&Config{MaxInFlight: 100}).Complete()
	ev := Event{Kind: EventMessage, Message: Message{Payload: make([]byte, 60)}}
	if err := c.keep(ev); err != nil {
		t.Fatal(err)
	}
	if err := c.keep(ev); !errors.Is(err, ErrBacklog) {
		t.Fatalf("the second: %v", err)
	}
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	if err := c.keep(ev); err != nil {
		t.Errorf("after the first was taken: %v", err)
	}
}

// The limits of AMF are those of the connection, in `connect` and after it.
func TestAMFLimits(t *testing.T) {
	nested := func(depth int) any {
		var v any = amf0.Null{}
		for range depth {
			v = amf0.StrictArray{v}
		}
		return v
	}
	nulls := func(n int) amf0.StrictArray {
		a := make(amf0.StrictArray, n)
		for i := range a {
			a[i] = amf0.Null{}
		}
		return a
	}
	wide := &Config{MaxAMFDepth: 40, MaxAMFNodes: 10_000}
	narrow := &Config{MaxAMFDepth: 2, MaxAMFNodes: 8}
	for _, tt := range []struct {
		name string
		cfg  *Config
		v    any
		want error
	}{
		// Beside the value: name, transaction id and null (publish), or name,
		// transaction id and the object around it (connect).
		{"default depth", nil, nested(DefaultMaxAMFDepth - 1), nil},
		{"too deep", nil, nested(DefaultMaxAMFDepth + 1), amf0.ErrDepth},
		{"too deep, default by a negative limit", &Config{MaxAMFDepth: -1}, nested(DefaultMaxAMFDepth + 1), amf0.ErrDepth},
		{"default nodes", nil, nulls(DefaultMaxAMFNodes - 4), nil},
		{"too many", nil, nulls(DefaultMaxAMFNodes - 3), amf0.ErrNodes},
		{"deep, and may be", wide, nested(39), nil},
		{"deeper still", wide, nested(41), amf0.ErrDepth},
		{"many, and may be", wide, nulls(9_996), nil},
		{"more still", wide, nulls(9_997), amf0.ErrNodes},
		{"narrow", narrow, nulls(4), nil},
		{"narrow, too many", narrow, nulls(5), amf0.ErrNodes},
		{"narrow, too deep", narrow, nested(3), amf0.ErrDepth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Accept(t.Context(), newMemoryConn(frame(cmd(0, "connect", 1, amf0.Object{{Key: "k", Value: tt.v}}))), tt.cfg)
			if !errors.Is(err, tt.want) {
				t.Errorf("connect: %v, want %v", err, tt.want)
			}
			want := tt.want
			if want == nil {
				want = io.EOF
			}
			c, _ := inMemory(t, tt.cfg, frame(cmd(2, "publish", 0, amf0.Null{}, tt.v)))
			if err := drain(c); !errors.Is(err, want) {
				t.Errorf("publish: %v, want %v", err, want)
			}
		})
	}
}

// A client has them as well.
func TestAMFLimitsOfAClient(t *testing.T) {
	deep := strings.Repeat("\x0a\x00\x00\x00\x01", 5) + "\x05"
	for depth, want := range map[int]error{5: io.ErrUnexpectedEOF, 4: amf0.ErrDepth} {
		nc := newMemoryConn(frame(raw(TypeCommand, 0, "\x02\x00\x07_result\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"+deep)))
		c, err := NewClient(t.Context(), nc, ConnectRequest{App: "live"}, &Config{MaxAMFDepth: depth})
		if err == nil {
			_, err = c.Publish(t.Context(), "cam")
		}
		if !errors.Is(err, want) {
			t.Errorf("depth %d: %v, want %v", depth, err, want)
		}
	}
}

// A transaction id goes back as it came, whatever number it is.
func TestTransactionIDs(t *testing.T) {
	for _, id := range []float64{
		0, 1, -1, 1.5, 1 << 53, math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.MaxFloat64,
		math.NaN(), math.Float64frombits(0x7ff8dead_beef0001), math.Float64frombits(0xfff8000000000000),
	} {
		client, server := tcpPair(t)
		s := serve(t, server, nil)
		p := newPeer(t, client)
		same := func(what string, values []any) {
			t.Helper()
			if got, ok := values[0].(float64); !ok || math.Float64bits(got) != math.Float64bits(id) {
				t.Errorf("%s: id %x came back as %v", what, math.Float64bits(id), values[0])
			}
		}
		p.write(frame(cmd(0, "connect", id, amf0.Object{{Key: "app", Value: "live"}})))
		same("connect", p.expectCommand("_result"))
		for range DefaultMaxStreams {
			p.write(frame(cmd(0, "createStream", id, amf0.Null{})))
			same("createStream", p.expectCommand("_result"))
		}
		p.write(frame(cmd(0, "createStream", id, amf0.Null{})))
		same("createStream too many", p.expectCommand("_error"))
		p.write(frame(cmd(1, "publish", id, amf0.Null{}, "cam"), cmd(2, "play", id, amf0.Null{}, "cam", id, id, id), cmd(0, "deleteStream", id, amf0.Null{}, math.NaN())))
		p.expectStatus(CodePublishStart)
		p.expectStatus(CodePlayReset)
		p.expectStatus(CodePlayStart)
		p.fence()
		p.finish()
		if err := s.end(t); !errors.Is(err, io.EOF) {
			t.Errorf("id %v: ended with %v", id, err)
		}
	}
}
