package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// lender is chunk.Memory that is counted.
type lender struct {
	mem    []byte
	lent   atomic.Bool
	waited atomic.Int32 // times that it was given back
}

func (l *lender) Borrow() []byte {
	l.lent.Store(true)
	return l.mem
}

func (l *lender) GiveBack() {
	l.lent.Store(false)
	l.waited.Add(1)
}

// read reads once, and returns what came.
func (l *lender) read(c *Conn) ([]byte, error) {
	n, err := c.ReadPatiently(l)
	return l.mem[:n], err
}

// peers are a plain and a secure connection, by name, with where the client writes.
func peers(t *testing.T) map[string]struct {
	server *Conn
	client io.WriteCloser
} {
	t.Helper()
	s, c := sockets(t)
	l := secured(t, nil)
	return map[string]struct {
		server *Conn
		client io.WriteCloser
	}{"plain": {Wrap(s, false, testOptions(t)), c}, "tls": {l.server, l.client}}
}

// TestPatience: who waits has lent memory to nobody, and gets what comes.
func TestPatience(t *testing.T) {
	t.Parallel()
	for name, p := range peers(t) {
		m := &lender{mem: make([]byte, 100)}
		_ = p.server.SetReadDeadline(time.Now().Add(patience))
		got := make(chan string, 1)
		for i, text := range []string{"hello", "and again"} {
			go func() {
				b, err := m.read(p.server)
				if err != nil {
					t.Error(name, err)
				}
				got <- string(b)
			}()
			eventually(t, "it waits", func() bool { return int(m.waited.Load()) > i })
			if m.lent.Load() {
				t.Error(name, "it holds memory while it waits")
			}
			if _, err := io.WriteString(p.client, text); err != nil {
				t.Fatal(err)
			}
			if got := <-got; got != text {
				t.Errorf("%s: %q, want %q", name, got, text)
			}
		}
	}
}

// TestPatienceInPieces: records that are cut and joined by the network, and are longer than what they are read into.
func TestPatienceInPieces(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	l := secured(t, nil)
	l.tap.to = &wire
	want := make([]byte, 50_000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1+len(rest)/3)
		if _, err := l.client.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	go func() {
		for i := 0; wire.Len() > 0; i++ {
			if _, err := l.socket.Write(wire.Next(1 + 997*(i%3))); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	_ = l.server.SetReadDeadline(time.Now().Add(patience))
	var got []byte
	p := make([]byte, 333)
	for len(got) < len(want) {
		n, err := l.server.ReadNow(p)
		got = append(got, p[:n]...)
		if errors.Is(err, chunk.ErrNotYet) {
			err = l.server.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("something else came")
	}
}

// TestPatienceEnds: the errors are those of Read.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	ways := map[string]func(*Conn) (int, error){
		"patiently": func(c *Conn) (int, error) { return c.ReadPatiently(&lender{mem: make([]byte, 10)}) },
		"now, when there is something": func(c *Conn) (int, error) {
			for {
				n, err := c.ReadNow(make([]byte, 10))
				if !errors.Is(err, chunk.ErrNotYet) {
					return n, err
				}
				if err := c.Wait(); err != nil {
					return 0, err
				}
			}
		},
		"read": func(c *Conn) (int, error) { return c.Read(make([]byte, 10)) },
	}
	for way, read := range ways {
		for _, tt := range []struct {
			name string
			end  func(server *Conn, client io.Closer) error
			want error
		}{
			{"interrupted", func(s *Conn, _ io.Closer) error { return s.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
			{"closed", func(s *Conn, _ io.Closer) error { return s.Close() }, net.ErrClosed},
			{"cut", func(s *Conn, _ io.Closer) error { return s.Cut() }, net.ErrClosed},
			{"at its end", func(_ *Conn, c io.Closer) error { return c.Close() }, io.EOF},
		} {
			for name, p := range peers(t) {
				if err := tt.end(p.server, p.client); err != nil {
					t.Fatal(err)
				}
				if n, err := read(p.server); n != 0 || !errors.Is(err, tt.want) {
					t.Errorf("%s, %s, %s: %d, %v; want %v", name, way, tt.name, n, err, tt.want)
				}
			}
		}
	}
}

// TestPatienceComesBack: after a deadline, what was read of a record is still there.
func TestPatienceComesBack(t *testing.T) {
	t.Parallel()
	var wire bytes.Buffer
	l := secured(t, nil)
	l.tap.to = &wire
	if _, err := l.client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	m := &lender{mem: make([]byte, 100)}
	for wire.Len() > 0 {
		_ = l.server.SetReadDeadline(time.Now().Add(time.Millisecond))
		if b, err := m.read(l.server); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q, %v", b, err)
		}
		if _, err := l.socket.Write(wire.Next(9)); err != nil {
			t.Fatal(err)
		}
	}
	_ = l.server.SetReadDeadline(time.Now().Add(patience))
	if b, err := m.read(l.server); string(b) != "hello" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// TestPatienceBeforeTheBeginning: the PROXY header and the TLS handshake come first, and their errors.
func TestPatienceBeforeTheBeginning(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, true, testOptions(t).trustAll())
	m := &lender{mem: make([]byte, 100)}
	if _, err := m.read(conn); !errors.Is(err, errNotIdentified) {
		t.Error(err)
	}
	send(c, "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n", false)
	if _, err := conn.Peer(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() {
		client := tls.Client(c, testPair().client(t))
		_, _ = io.WriteString(client, "hello")
	}()
	if b, err := m.read(conn); string(b) != "hello" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	plain := Wrap(from{s, s.RemoteAddr()}, false, testOptions(t)) // no socket that could be read past it
	if _, err := c.Write([]byte("clear")); err != nil {
		t.Fatal(err)
	}
	if err := plain.Wait(); err != nil {
		t.Fatal(err)
	}
	if n, err := plain.ReadNow(m.mem); string(m.mem[:n]) != "clear" || err != nil {
		t.Errorf("%q, %v", m.mem[:n], err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := m.read(plain); err != io.EOF { //nolint:errorlint // plain, as of any io.Reader
		t.Errorf("%q, %v", b, err)
	}
}

// TestGather: what a gap brings can be read, though nobody is woken for it. A byte that is waited for wakes all the same, as the rest of a message
// must, whether it is waited for with memory or without; and so does the end.
func TestGather(t *testing.T) {
	t.Parallel()
	for name, p := range peers(t) {
		t.Run(name, func(t *testing.T) {
			buffer := make([]byte, 100)
			p.server.Gather()
			if _, err := io.WriteString(p.client, "hello"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the bytes are read", func() bool {
				n, err := p.server.ReadNow(buffer)
				if err != nil && !errors.Is(err, chunk.ErrNotYet) {
					t.Fatal(err)
				}
				return string(buffer[:n]) == "hello"
			})
			for way, wait := range map[string]func(){
				"Wait":          func() { _ = p.server.Wait() },
				"ReadPatiently": func() { _, _ = p.server.ReadPatiently(&lender{mem: buffer}) },
				"Read":          func() { _, _ = p.server.Read(buffer) },
			} {
				p.server.Gather()
				awaitWoken(t, way, wait, func() error {
					_, err := io.WriteString(p.client, "x")
					return err
				})
				_, _ = p.server.ReadNow(buffer)
			}
			p.server.Gather()
			m := &lender{mem: buffer}
			awaitWoken(t, "who waits already", func() { _, _ = p.server.ReadPatiently(m) }, func() error {
				eventually(t, "it waits", func() bool { return m.waited.Load() > 0 })
				_, err := io.WriteString(p.client, "x")
				return err
			})
			p.server.Gather()
			awaitWoken(t, "the end", func() { _ = p.server.Wait() }, p.client.Close)
		})
	}
}

// awaitWoken waits until something ends that the peer ends by what it does.
func awaitWoken(t *testing.T, way string, wait func(), peer func() error) {
	t.Helper()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		wait()
	}()
	if err := peer(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nobody is woken", way)
	}
}
