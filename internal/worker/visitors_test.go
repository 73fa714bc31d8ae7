package worker

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/config"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A guest is a connection from somewhere.
type guest struct {
	net.Conn
	from   string
	closed bool
}

func (g *guest) RemoteAddr() net.Addr {
	addr, _ := net.ResolveTCPAddr("tcp", g.from)
	return addr
}

func (g *guest) Close() error {
	g.closed = true
	return nil
}

// Nobody from elsewhere has more connections of HTTP than of RTMP, whether or not anything comes over them.
func TestVisitors(t *testing.T) {
	s := serve(t, streamzone.Config{Streams: 4})
	v := newVisitors(s.Worker, &config.Limits{Connections: 3, ConnectionsPerAddress: 2})
	come := func(from string) *guest {
		g := &guest{from: from}
		v.note(g, http.StateNew)
		v.note(g, http.StateActive)
		return g
	}
	first, second := come("192.0.2.1:1"), come("192.0.2.1:2")
	if third := come("192.0.2.1:3"); first.closed || second.closed || !third.closed {
		t.Error("three from one address")
	} else {
		v.note(third, http.StateClosed) // it had no place
	}
	if other := come("[2001:db8::1]:1"); other.closed {
		t.Error("another address is refused")
	}
	if last := come("192.0.2.3:1"); !last.closed {
		t.Error("four in all")
	}
	v.note(first, http.StateHijacked) // it plays
	v.note(first, http.StateClosed)
	v.note(second, http.StateClosed)
	for _, from := range []string{"192.0.2.1:4", "192.0.2.1:5", "127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:2"} {
		if come(from).closed {
			t.Errorf("%s is refused", from)
		}
	}
	if log := s.logged.take(); !strings.Contains(log, "connections are rejected") {
		t.Errorf("log: %s", log)
	}
}

// A body that does not come ends its connection, though nobody reads it.
func TestPromptly(t *testing.T) {
	deadlines := make(chan time.Time, 2)
	h := promptly(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv := httptest.NewUnstartedServer(h)
	srv.Listener = timedListener{srv.Listener, deadlines}
	srv.Start()
	defer srv.Close()
	nc, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-deadlines:
		if in := time.Until(d); in < httpIdleTimeout/2 || in > httpIdleTimeout {
			t.Errorf("the body may come for %v", in)
		}
	case <-time.After(testTime):
		t.Fatal("the body may come at any time")
	}
	_ = nc.SetDeadline(time.Now().Add(testTime))
	if _, err := io.Copy(io.Discard, nc); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection is not closed: %v", err)
	}
}

// A timedListener tells deadlines of reading that are in the future.
type timedListener struct {
	net.Listener
	to chan time.Time
}

func (l timedListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return &timedConn{nc, l.to}, err
}

type timedConn struct {
	net.Conn
	to chan time.Time
}

func (c *timedConn) SetReadDeadline(d time.Time) error {
	if time.Until(d) > 0 {
		select {
		case c.to <- d:
		default:
		}
		d = time.Now().Add(100 * time.Millisecond) // none has to wait for it
	}
	return c.Conn.SetReadDeadline(d)
}
