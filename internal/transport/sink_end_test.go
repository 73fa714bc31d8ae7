package transport

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestSinkClosedWhileFull: the end of a player that doesn't read.
func TestSinkClosedWhileFull(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "tls"} {
		for name, end := range map[string]func(*Conn) error{
			"close": (*Conn).Close, "cut": (*Conn).Cut, "close write": func(c *Conn) error { return errors.Join(c.CloseWrite(), c.Close()) },
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				conn, _ := narrowConn(t, kind)
				p := playerOf(t, conn)
				p.fill(t, 5000)
				waited := make(chan struct{})
				go func() {
					defer close(waited)
					_ = p.sink.WaitWritable(time.Now().Add(10 * patience)) // a closed connection may count as one with room
				}()
				begun := time.Now()
				if err := end(conn); err != nil {
					t.Error(err)
				}
				if d := time.Since(begun); d > promptly {
					t.Errorf("took %v", d)
				}
				<-waited
				if n, err := p.sink.TryWritev([][]byte{{1, 2}}); n != 0 || err == nil {
					t.Errorf("then %d, %v", n, err)
				}
			})
		}
	}
}

// TestSinkWaitsPastNotify: crypto/tls sets a deadline of its own when it says that the end is near. Whoever waits for room must not be hit.
// Not parallel to others: it looks for the one goroutine that waits.
func TestSinkWaitsPastNotify(t *testing.T) {
	conn, client := narrowConn(t, "tls")
	p := playerOf(t, conn)
	p.fill(t, 5000)
	waits := make(chan error, 1)
	go func() { waits <- p.sink.WaitWritable(time.Now().Add(patience)) }()
	eventually(t, "the player to wait for room", func() bool {
		stacks := make([]byte, 1<<20)
		for g := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(g, "[IO wait") && strings.Contains(g, "WaitWritable") {
				return true
			}
		}
		return false
	})
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	go func() { _, _ = io.Copy(io.Discard, client) }()
	if err := <-waits; err != nil {
		t.Error(err)
	}
}

// TestSinkEndsWithNotify: a player that has got all is told the end, as TLS wants it.
func TestSinkEndsWithNotify(t *testing.T) {
	t.Parallel()
	l := secured(t, nil)
	p := playerOf(t, l.server)
	go func() {
		defer func() { _ = l.server.CloseWrite() }()
		p.write(t, []byte("farewell"))
	}()
	got, err := io.ReadAll(l.client)
	if string(got) != "farewell" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	last, err := l.client.Read(make([]byte, 1))
	if last != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d, %v", last, err)
	}
}

// TestSinkEndsWhenThereIsRoom: what did not fit is said at Close.
func TestSinkEndsWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	conn, client := narrowConn(t, "tls")
	p := playerOf(t, conn)
	p.fill(t, 1000)
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, client)
		done <- err
	}()
	eventually(t, "there is room", func() bool { return conn.wire.socket.Unacknowledged() == 0 })
	_ = conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
