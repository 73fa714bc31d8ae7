package rtmp

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// A data message does not get larger by being part of an aggregate.
func TestAggregateKeepsTheDataLimit(t *testing.T) {
	for _, size := range []int{DefaultMaxDataSize, DefaultMaxDataSize + 1} {
		part := binary.BigEndian.AppendUint32(nil, uint32(TypeData)<<24|uint32(size))
		part = append(append(part, make([]byte, 7)...), make([]byte, size)...)
		a := newAggregate(&Message{Type: TypeAggregate, Payload: part}, DefaultMaxDataSize)
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
	c.cfg = (&Config{MaxInFlight: 100}).withDefaults()
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
