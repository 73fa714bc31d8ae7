package transport

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
)

// A pump writes to a sink as a player does: what was begun comes first, and it waits when not all is taken.
type pump struct {
	sink    live.Sink
	left    [][]byte // begun
	blocked int      // how often it had to wait
}

// try writes what is left and more, and tells whether all was taken.
func (p *pump) try(t testing.TB, more ...[]byte) bool {
	t.Helper()
	p.left = append(p.left, more...)
	n, err := p.sink.TryWritev(p.left)
	if err != nil {
		t.Fatal(err)
	}
	for len(p.left) > 0 && n >= len(p.left[0]) {
		n -= len(p.left[0])
		p.left = p.left[1:]
	}
	if len(p.left) > 0 {
		p.left[0] = p.left[0][n:]
	}
	return len(p.left) == 0
}

// write returns when the sink has taken all.
func (p *pump) write(t testing.TB, more ...[]byte) {
	t.Helper()
	for whole := p.try(t, more...); !whole; whole = p.try(t) {
		p.blocked++
		if err := p.sink.WaitWritable(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
}

// fill writes pieces until the socket is full, and the peer's too: for a while, nothing moves.
func (p *pump) fill(t testing.TB, size int) {
	t.Helper()
	for n, before := 0, -1; ; {
		if p.try(t) {
			if n += size; n > 100<<20 {
				t.Fatal("it is never full")
			}
			p.left = append(p.left, make([]byte, size))
			continue
		}
		err := p.sink.WaitWritable(time.Now().Add(200 * time.Millisecond)) // several times the delay of an acknowledgement
		now := p.sink.Unacknowledged()
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatal(err)
		case err != nil && now == before && now > 0:
			return
		}
		before = now
	}
}

func playerOf(t testing.TB, c *Conn) *pump {
	t.Helper()
	s, err := c.Sink()
	if err != nil {
		t.Fatal(err)
	}
	return &pump{sink: s}
}

// noise is what streams are cut out of.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 4<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
})

// TestSinkByteExact: much, in writes of all sizes, to a slow reader behind small buffers.
func TestSinkByteExact(t *testing.T) {
	t.Parallel()
	const total = 50 << 20
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			s, c := sockets(t)
			narrow(t, s, c)
			l := secure(t, s, c, func(c *tls.Config) { c.MaxVersion = version })
			sums := make(chan [sha256.Size]byte, 1)
			go func() {
				h, buf := sha256.New(), make([]byte, 3000)
				n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{l.client}, buf)
				if n != total || err != nil {
					t.Errorf("the player got %d bytes, %v", n, err)
				}
				sums <- [sha256.Size]byte(h.Sum(nil))
			}()
			p, rnd, want := playerOf(t, l.server), rand.New(rand.NewPCG(1, 2)), sha256.New()
			for at := 0; at < total; {
				var iov [][]byte
				for range 1 + rnd.IntN(20) {
					size := min(total-at, 12+rnd.IntN(1<<(1+rnd.IntN(17))))
					piece := noise()[rnd.IntN(1<<20):][:size]
					iov, at = append(iov, piece), at+size
					want.Write(piece)
				}
				p.write(t, iov...)
			}
			if p.blocked < 100 {
				t.Errorf("full %d times only", p.blocked)
			}
			if l.server.wire.holds() > 0 {
				t.Error("all is taken, but something held")
			}
			eventually(t, "there is room for close_notify", func() bool { return p.sink.Unacknowledged() == 0 })
			if err := l.server.CloseWrite(); err != nil {
				t.Error(err)
			}
			if got := <-sums; got != [sha256.Size]byte(want.Sum(nil)) {
				t.Error("the player got other bytes")
			}
		})
	}
}

// TestSinkAnyPieces: how the slices are cut makes no difference, empty ones included.
func TestSinkAnyPieces(t *testing.T) {
	t.Parallel()
	l := secured(t, nil)
	p := playerOf(t, l.server)
	want := noise()[:1<<20]
	go func() {
		defer func() { _ = l.server.Close() }()
		for _, cuts := range [][]int{
			{0, 0},
			{12, 100},
			{0, 12, 0, 1, 0},
			{maxRecord - 12, 12},
			{maxRecord},
			{maxRecord + 1},
			{maxSealed - 1, 2},
			{maxSealed},
			{maxSealed, 1},
			{100, maxSealed},
			{2*maxSealed + 1, 1, 1},
		} {
			var iov [][]byte
			for _, n := range cuts {
				iov, want = append(iov, want[:n]), want[n:]
			}
			p.write(t, iov...)
		}
		p.write(t, want)
	}()
	got, err := io.ReadAll(l.client)
	if err != nil || !bytes.Equal(got, noise()[:1<<20]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestSinkFull: what a full socket does not take is bounded, counted, and goes on when there is room.
func TestSinkFull(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "tls"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			conn, client := narrowConn(t, kind)
			p := playerOf(t, conn)
			p.fill(t, 5000)
			full := p.sink.Unacknowledged()
			if full == 0 {
				t.Error("all of it is acknowledged")
			}
			if conn.wire != nil {
				held := conn.wire.holds()
				if held == 0 || held > maxSealed+1<<10 || cap(conn.wire.held) > maxRecord {
					t.Errorf("%d bytes are held, in %d", held, cap(conn.wire.held))
				}
			}
			for range 3 {
				if p.try(t, make([]byte, 100)) {
					t.Error("it takes more")
				}
			}
			if got := p.sink.Unacknowledged(); got != full {
				t.Errorf("unacknowledged %d, then %d: nothing was taken", full, got)
			}
			if err := p.sink.WaitWritable(time.Now().Add(10 * time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("there is room: %v", err)
			}
			go func() { _, _ = io.Copy(io.Discard, client) }()
			eventually(t, "a part is acknowledged", func() bool { return p.sink.Unacknowledged() < full })
			p.write(t)
			eventually(t, "all is acknowledged", func() bool { return p.sink.Unacknowledged() == 0 })
		})
	}
}

// narrowConn returns a connection, and what its client reads.
func narrowConn(t testing.TB, kind string) (*Conn, io.ReadWriter) {
	t.Helper()
	s, c := sockets(t)
	narrow(t, s, c)
	if kind == "plain" {
		return Wrap(s, false, testOptions(t)), c
	}
	l := secure(t, s, c, nil)
	return l.server, l.client
}

// TestSinkKeepsNothing: an idle player over TLS has no memory of its own.
func TestSinkKeepsNothing(t *testing.T) {
	t.Parallel()
	l := secured(t, nil)
	go func() { _, _ = io.Copy(io.Discard, l.client) }()
	p := playerOf(t, l.server)
	p.write(t, make([]byte, 100), make([]byte, 3*maxSealed))
	if l.server.wire.held != nil || len(p.left) > 0 {
		t.Errorf("%d bytes are held", cap(l.server.wire.held))
	}
}

// TestSinkAfterWrites: the sink takes over where blocking writes stopped, and leaves no deadline of theirs in force.
func TestSinkAfterWrites(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "tls"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			conn, client := narrowConn(t, kind)
			_ = conn.SetWriteDeadline(time.Now().Add(patience))
			go func() {
				defer func() { _ = conn.Close() }()
				if _, err := conn.Write([]byte("one ")); err != nil {
					t.Error(err)
				}
				_ = conn.SetWriteDeadline(time.Unix(1, 0))
				p := playerOf(t, conn)
				p.write(t, []byte("two "))
				p.write(t, make([]byte, 1<<20))
			}()
			got, err := io.ReadAll(client)
			if err != nil || len(got) != 8+1<<20 || string(got[:8]) != "one two " {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestSinkNeedsHandshake(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, true, testOptions(t))
	_ = c.Close()
	if sink, err := conn.Sink(); err == nil {
		t.Errorf("%T", sink)
	}
}

// TestSinkPastHeader: through a proxy, a player's socket is written to as any other.
func TestSinkPastHeader(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, false, testOptions(t).trustAll())
	go send(c, "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n", false)
	if _, err := conn.Peer(); err != nil {
		t.Fatal(err)
	}
	p := playerOf(t, conn)
	if got, want := fmt.Sprintf("%T", p.sink), "*live.connSink"; got != want {
		t.Errorf("it is a %s", got)
	}
	p.write(t, []byte("hello"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}
