package rtmp

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// mixed is what an encoder may send on stream 1, aggregates included, in chunks
// of the given size.
func mixed(chunkSize int) []byte {
	wire := frame(protocolControl(TypeSetChunkSize, uint32(chunkSize)))
	part := func(typ byte, timestamp, size int) string {
		return string([]byte{typ, byte(size >> 16), byte(size >> 8), byte(size), 0, 0, byte(timestamp), 0, 0, 0, 0}) +
			strings.Repeat(string('a'+byte(timestamp)), size) + "\x00\x00\x00\x00"
	}
	for i, size := range []int{0, 1, 127, 128, 129, 4095, 5000, 70_000, 300_000, 10} {
		text := strings.Repeat(string('A'+byte(i)), size)
		wire = append(wire, frameIn(chunkSize,
			media(TypeVideo, 1, uint32(i)|0x1000000, text), media(TypeAudio, 1, uint32(i), "sound"+text[:size/10]),
			asAMF3(media(TypeData, 1, uint32(i), "\x02\x00\x01d"+text[:size/100])),
			media(TypeAggregate, 1, uint32(i), part(8, 1, size)+part(9, 2, 3*size/2)+part(18, 3, 7)),
		)...)
	}
	return wire
}

// eventsOf are a server's events of what a client sends after its connect.
func eventsOf(t *testing.T, cfg *Config, input []byte, next func(*ServerConn) (Event, error)) (seen []string) {
	t.Helper()
	c, err := Accept(t.Context(), newMemoryConn(join(frame(connectMessage("live")), input)), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AcceptConnect(); err != nil {
		t.Fatal(err)
	}
	s := &session{}
	for {
		ev, err := next(c)
		if err != nil {
			return append(seen, err.Error())
		}
		seen = append(seen, describe(&ev))
		clear(ev.Message.Payload) // it is ours until the next call, in any case
		if err := s.answer(c, &ev); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReuseBuffers(t *testing.T) {
	for _, chunkSize := range []int{initialChunkSize, 4096, 60_000} {
		input := join(frame(cmd(1, "publish", 0, amf0.Null{}, "cam")), mixed(chunkSize))
		want := eventsOf(t, nil, input, (*ServerConn).Next)
		got := eventsOf(t, &Config{ReuseBuffers: true}, input, (*ServerConn).Next)
		if len(want) != 1+10*(3+3)+1 {
			t.Fatalf("%d events: %.300q", len(want), want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("chunks of %d: %.300q; want %.300q", chunkSize, got, want)
		}
	}
}

// TestReuseBuffersOfAClient: media that arrives while a client waits for an
// answer is kept for it.
func TestReuseBuffersOfAClient(t *testing.T) {
	client, server := tcpPair(t)
	const messages = 50
	text := func(i int) string { return strings.Repeat(string('a'+byte(i%26)), 1000) }
	go func() {
		c, err := Accept(t.Context(), server, nil)
		if err != nil {
			return
		}
		_ = c.AcceptConnect()
		for {
			ev, err := c.Next()
			if err != nil {
				return
			}
			for i := range messages {
				m := media(TypeVideo, 1, uint32(i), text(i)).Message
				if ev.StreamID == 2 && c.WriteMessage(&m) != nil { // before the second play is answered
					return
				}
			}
			if err := c.AcceptPlay(ev.Play); err != nil {
				return
			}
		}
	}()
	c, err := NewClient(t.Context(), client, ConnectRequest{App: "live"}, &Config{ReuseBuffers: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Play(t.Context(), "cam"); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < messages; {
		ev, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind != EventMessage {
			continue
		}
		if string(ev.Message.Payload) != text(i) {
			t.Fatalf("message %d is %.50s", i, describe(&ev))
		}
		i++
	}
}

// An endless connection is one of a publisher that sends the same for ever.
type endless struct {
	memoryConn
	wire []byte
	pos  int
}

// Read hands out a message's worth at most, as it comes from the network.
func (e *endless) Read(p []byte) (int, error) {
	if e.in.Len() > 0 {
		return e.in.Read(p)
	}
	n := copy(p, e.wire[e.pos:])
	e.pos = (e.pos + n) % len(e.wire)
	return n, nil
}

// endlessly returns a server's end of a publish in which the same comes over
// and over.
func endlessly(t testing.TB, cfg *Config, chunkSize int, messages ...outgoing) *ServerConn {
	t.Helper()
	input := join(frame(connectMessage("live"), cmd(1, "publish", 0, amf0.Null{}, "cam"), protocolControl(TypeSetChunkSize, uint32(chunkSize))))
	e := &endless{wire: frameIn(chunkSize, messages...)}
	e.in.Reset(join([]byte{protocolVersion}, make([]byte, 2*packetSize), input))
	c, err := Accept(t.Context(), e, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AcceptConnect(); err != nil {
		t.Fatal(err)
	}
	ev, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AcceptPublish(ev.StreamID); err != nil {
		t.Fatal(err)
	}
	c.SetControlWriter(func([]byte) error { return nil }) // nobody reads it
	return c
}

// usual is what comes of an encoder in a second at about a megabit.
func usual() (messages []outgoing) {
	for i := range 30 {
		messages = append(messages, media(TypeVideo, 1, uint32(33*i), strings.Repeat("v", 3600)), media(TypeAudio, 1, uint32(33*i), strings.Repeat("a", 370)))
	}
	messages[0].Payload = bytes.Repeat([]byte("k"), 30_000)
	return messages
}

func TestNextAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes pools forget")
	}
	for _, chunkSize := range []int{initialChunkSize, 4096, 60_000} {
		c := endlessly(t, &Config{ReuseBuffers: true, IdleTimeout: time.Hour, WindowAckSize: maxWindow}, chunkSize, usual()...)
		next := func() {
			if _, err := c.Next(); err != nil {
				t.Fatal(err)
			}
		}
		for range 200 {
			next()
		}
		if n := testing.AllocsPerRun(1000, next); n > 0 {
			t.Errorf("chunks of %d: %v allocations for a message", chunkSize, n)
		}
	}
}

// BenchmarkNext is a message of a publisher, from the connection's Read to the
// event.
func BenchmarkNext(b *testing.B) {
	for _, reuse := range []bool{false, true} {
		for _, chunkSize := range []int{initialChunkSize, 4096, 60_000} {
			b.Run(fmt.Sprintf("reuse=%v/chunk=%d", reuse, chunkSize), func(b *testing.B) {
				messages := usual()
				c := endlessly(b, &Config{ReuseBuffers: reuse, IdleTimeout: time.Hour}, chunkSize, messages...)
				size := 0
				for _, m := range messages {
					size += len(m.Payload)
				}
				b.SetBytes(int64(size / len(messages)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Next(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkNextSocket is the same through the kernel, a message at a time: it
// wakes the goroutine that reads.
func BenchmarkNextSocket(b *testing.B) {
	client, server := tcpPair(b)
	c := make(chan *ServerConn, 1)
	go func() {
		conn, err := Accept(b.Context(), server, &Config{ReuseBuffers: true})
		if err == nil {
			err = conn.AcceptConnect()
		}
		if err != nil {
			b.Error(err)
		}
		c <- conn
	}()
	p := connected(b, client)
	conn := <-c
	got := make(chan struct{})
	go func() {
		for {
			ev, err := conn.Next()
			if err != nil {
				return
			}
			if ev.Kind == EventPublish {
				_ = conn.AcceptPublish(ev.StreamID)
			}
			got <- struct{}{}
		}
	}()
	p.write(frame(cmd(1, "publish", 0, amf0.Null{}, "cam"), protocolControl(TypeSetChunkSize, 60_000)))
	<-got
	go func() { _, _ = io.Copy(io.Discard, client) }()
	if err := client.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	wire := frameIn(60_000, media(TypeVideo, 1, 0, strings.Repeat("v", 3600)))
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		p.write(wire)
		<-got
	}
}

// TestIdleConnectionsAreSmall: who waits holds less than the smallest buffer, in
// Next and in Wait.
func TestIdleConnectionsAreSmall(t *testing.T) {
	const connections = 100
	cfg := (&Config{CommandTimeout: time.Hour}).Complete()
	for _, way := range []string{"next", "wait"} {
		var servers []net.Conn
		for range connections {
			client, server := tcpPair(t)
			if _, err := client.Write(join([]byte{protocolVersion}, make([]byte, 2*packetSize), frame(connectMessage("live"), cmd(1, "play", 0, amf0.Null{}, "cam")))); err != nil {
				t.Fatal(err)
			}
			servers = append(servers, server)
		}
		before := liveHeap()
		var conns []*ServerConn
		for _, nc := range servers {
			c, err := Accept(t.Context(), nc, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.AcceptConnect(); err != nil {
				t.Fatal(err)
			}
			ev, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.AcceptPlay(ev.Play); err != nil {
				t.Fatal(err)
			}
			c.SetControlWriter(func([]byte) error { return nil })
			conns = append(conns, c)
			if ev, ok, err := c.Poll(); ok || err != nil {
				t.Fatal(describe(&ev), err)
			}
			go func() {
				if way == "wait" {
					c.Wait()
				} else {
					_, _ = c.Next()
				}
			}()
		}
		for range 10 {
			runtime.Gosched() // let them wait
		}
		if each := (liveHeap() - before) / connections; each > 3<<10 {
			t.Errorf("%s: %d bytes each", way, each)
		}
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// liveHeap is the heap without garbage, and without what pools hold.
func liveHeap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
