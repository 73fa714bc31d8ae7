//go:build unix

package chunk

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds waits for what happens at once.
const patience = 20 * time.Second

// socketPairs are both ends of a TCP and of a unix connection.
func socketPairs(t *testing.T) map[string][2]net.Conn {
	t.Helper()
	return map[string][2]net.Conn{
		"tcp": socketPair(t, "tcp", "127.0.0.1:0"), "unix": socketPair(t, "unix", filepath.Join(t.TempDir(), "s")),
	}
}

func socketPair(t *testing.T, network, address string) [2]net.Conn {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	if err := ours.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return [2]net.Conn{ours, theirs}
}

// lender is Memory that is counted.
type lender struct {
	mem           [64]byte
	lent, waiting atomic.Int32 // waiting: times that it was given back
}

func (l *lender) Borrow() []byte {
	l.lent.Store(1)
	return l.mem[:]
}

func (l *lender) GiveBack() {
	l.lent.Store(0)
	l.waiting.Add(1)
}

// TestSocketWaitsWithoutMemory: there is a buffer only when there are bytes.
func TestSocketWaitsWithoutMemory(t *testing.T) {
	for network, c := range socketPairs(t) {
		s, m := NewSocket(c[0]), &lender{}
		done := make(chan error, 1)
		go func() {
			n, err := s.ReadPatiently(m)
			if err == nil && string(m.mem[:n]) != "hello" {
				err = errors.New(string(m.mem[:n]))
			}
			done <- err
		}()
		for end := time.Now().Add(patience); m.waiting.Load() == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(network, "it does not wait")
			}
		}
		if m.lent.Load() != 0 {
			t.Error(network, "it holds memory while it waits")
		}
		send(t, c[1], "hello")
		if err := <-done; err != nil || m.lent.Load() != 1 {
			t.Error(network, err)
		}
	}
}

func send(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	if _, err := nc.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestSocketNow: nothing is lost between looking and waiting.
func TestSocketNow(t *testing.T) {
	for network, c := range socketPairs(t) {
		s := NewSocket(c[0])
		var p [3]byte
		for _, want := range []string{"abc", "def", "g"} {
			if want != "def" { // which comes with what is before it
				if n, err := s.ReadNow(p[:]); !errors.Is(err, ErrNotYet) {
					t.Fatal(network, n, err)
				}
				send(t, c[1], map[string]string{"abc": "abcdef", "g": "g"}[want])
			}
			for range 2 { // the second finds what the first left
				if err := s.Wait(); err != nil {
					t.Fatal(network, err)
				}
			}
			if n, err := s.ReadNow(p[:]); err != nil || string(p[:n]) != want {
				t.Errorf("%s: %q, %v; want %q", network, p[:n], err, want)
			}
		}
	}
}

// TestSocketErrors: they are those of package net, whatever way it is read.
func TestSocketErrors(t *testing.T) {
	ways := map[string]func(*Socket) (int, error){
		"patiently": func(s *Socket) (int, error) { return s.ReadPatiently(&lender{}) },
		"now":       func(s *Socket) (int, error) { return s.ReadNow(make([]byte, 10)) },
		"wait, now": func(s *Socket) (int, error) {
			if err := s.Wait(); err != nil {
				return 0, err
			}
			return s.ReadNow(make([]byte, 10))
		},
		"read": func(s *Socket) (int, error) { return s.Read(make([]byte, 10)) },
	}
	for way, read := range ways {
		for _, tt := range []struct {
			name  string
			cause func(ours, theirs net.Conn) error
			want  error
		}{
			{"deadline", func(ours, _ net.Conn) error { return ours.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
			{"closed", func(ours, _ net.Conn) error { return ours.Close() }, net.ErrClosed},
			{"reset", reset, syscall.ECONNRESET},
		} {
			c := socketPairs(t)["tcp"]
			s := NewSocket(c[0])
			if err := tt.cause(c[0], c[1]); err != nil {
				t.Fatal(err)
			}
			n, err := read(s)
			var op *net.OpError
			if n != 0 || !errors.Is(err, tt.want) || !errors.As(err, &op) || op.Op != "read" || op.Net != "tcp" || op.Addr == nil {
				t.Errorf("%s, %s: %d, %v", way, tt.name, n, err)
			}
		}
		for network, c := range socketPairs(t) {
			s := NewSocket(c[0])
			closeWrite(t, c[1])
			if n, err := read(s); n != 0 || err != io.EOF { //nolint:errorlint // plain, as of any io.Reader
				t.Errorf("%s, %s: at the end, %d, %v", way, network, n, err)
			}
		}
	}
}

// reset has the peer's kernel end the connection, and waits for it.
func reset(ours, theirs net.Conn) error {
	if err := theirs.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	if err := theirs.Close(); err != nil {
		return err
	}
	raw, err := ours.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
	})
}

// closeWrite ends what the peer sends, and waits until that is known.
func closeWrite(t *testing.T, nc net.Conn) {
	t.Helper()
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok {
		t.Fatalf("%T", nc)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// TestSocketInterrupted: a deadline that is set and a Close end the wait of
// another goroutine.
func TestSocketInterrupted(t *testing.T) {
	for _, want := range []error{os.ErrDeadlineExceeded, net.ErrClosed} {
		for network, c := range socketPairs(t) {
			s, m := NewSocket(c[0]), &lender{}
			done := make(chan error, 2)
			go func() {
				_, err := s.ReadPatiently(m)
				done <- err
				done <- s.Wait()
			}()
			for m.waiting.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			var err error
			if errors.Is(want, net.ErrClosed) {
				err = c[0].Close()
			} else {
				err = c[0].SetReadDeadline(time.Unix(1, 0))
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := <-done; !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", network, err, want)
				}
			}
		}
	}
}

// TestNoSocket: what is not read from directly is left alone.
func TestNoSocket(t *testing.T) {
	p, q := net.Pipe()
	defer p.Close()
	defer q.Close()
	c := socketPairs(t)["tcp"][0]
	for _, nc := range []net.Conn{p, struct{ net.Conn }{c}, struct{ *net.TCPConn }{c.(*net.TCPConn)}} {
		if s := NewSocket(nc); s != nil {
			t.Errorf("%T is a socket", nc)
		}
	}
}

// TestSocketAllocatesNothing reads in all ways.
func TestSocketAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("for the race detector, it reads in another way")
	}
	for network, c := range socketPairs(t) {
		s, m, p := NewSocket(c[0]), &lender{}, []byte("x")
		n := testing.AllocsPerRun(100, func() {
			for _, read := range []func() (int, error){func() (int, error) { return s.ReadPatiently(m) }, func() (int, error) { return s.ReadNow(p) }} {
				if _, err := s.ReadNow(p); !errors.Is(err, ErrNotYet) {
					t.Fatal(err)
				}
				if _, err := c[1].Write(p); err != nil {
					t.Fatal(err)
				}
				if err := s.Wait(); err != nil {
					t.Fatal(err)
				}
				if _, err := read(); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", network, n)
		}
	}
}
