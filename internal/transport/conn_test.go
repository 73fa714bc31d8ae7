package transport

import (
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// from is a connection that comes from an address of the test's choice.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

// TestTrust: the ways to write an address make no difference.
func TestTrust(t *testing.T) {
	t.Parallel()
	mapped := net.IP{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}
	for _, tt := range []struct {
		addr    net.Addr
		trusted string
		want    bool
		peer    string
	}{
		{&net.TCPAddr{IP: net.IP{192, 0, 2, 7}, Port: 1}, "192.0.2.0/24", true, "192.0.2.7:1"},
		{&net.TCPAddr{IP: mapped, Port: 1}, "192.0.2.7/32", true, "192.0.2.7:1"},
		{&net.TCPAddr{IP: mapped, Port: 1}, "192.0.3.0/24", false, "192.0.2.7:1"},
		{&net.TCPAddr{IP: mapped, Port: 1}, "::/0", false, "192.0.2.7:1"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 1}, "2001:db8::/32", true, "[2001:db8::7]:1"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 1}, "0.0.0.0/0", false, "[2001:db8::7]:1"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::7"), Port: 1, Zone: "lo"}, "fe80::/10", true, "[fe80::7]:1"},
		{&net.UnixAddr{Net: "unix", Name: "@"}, "0.0.0.0/0", false, "invalid AddrPort"},
	} {
		o := &Options{Trusted: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix(tt.trusted)}}
		c := Wrap(from{nil, tt.addr}, false, o)
		if c.Proxied() != tt.want {
			t.Errorf("%v, trusted %s: %t", tt.addr, tt.trusted, c.Proxied())
		}
		if !tt.want {
			if peer, err := c.Peer(); err != nil || peer.String() != tt.peer {
				t.Errorf("%v is %v, %v", tt.addr, peer, err)
			}
		}
	}
}

func option(t *testing.T, c syscall.Conn, level, name int) (value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return value
}

func TestSocketOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keepAlive, userTimeout   time.Duration
		on, idle, userTimeoutSet int
	}{
		{10 * time.Second, 20 * time.Second, 1, 10, 20000},
		{time.Second, 1500 * time.Millisecond, 1, 1, 1500},
		{10 * time.Second, time.Microsecond, 1, 10, 1},
		{0, 0, 0, 0, 0},
	} {
		s, _ := sockets(t)
		Wrap(s, false, &Options{KeepAlive: tt.keepAlive, UserTimeout: tt.userTimeout})
		if got := option(t, s, unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != tt.on {
			t.Errorf("%+v: SO_KEEPALIVE is %d", tt, got)
		}
		if got := option(t, s, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); got != tt.userTimeoutSet {
			t.Errorf("%+v: TCP_USER_TIMEOUT is %d", tt, got)
		}
		if tt.on == 0 {
			continue
		}
		for name, want := range map[int]int{unix.TCP_KEEPIDLE: tt.idle, unix.TCP_KEEPINTVL: tt.idle, unix.TCP_KEEPCNT: keepAliveProbes} {
			if got := option(t, s, unix.IPPROTO_TCP, name); got != want {
				t.Errorf("%+v: option %d is %d", tt, name, got)
			}
		}
	}
}

// TestUnixSocket: a sibling worker's connection is as it was.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := Wrap(nc, false, testOptions(t).trustAll())
	t.Cleanup(func() { _ = c.Close() })
	if peer, err := c.Peer(); c.Proxied() || peer.IsValid() || err != nil || c.RemoteAddr().Network() != "unix" {
		t.Errorf("proxied %t, peer %v, %v, %s", c.Proxied(), peer, err, c.RemoteAddr().Network())
	}
	playerOf(t, c).write(t, []byte("hello"))
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(client); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestPeerWhileOthersLook: whoever lists sessions asks for their addresses at any time.
func TestPeerWhileOthersLook(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, false, testOptions(t).trustAll())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				_ = conn.RemoteAddr().String()
			}
		})
	}
	all.Go(func() { send(c, "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n", true) })
	if _, err := conn.Peer(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if got := conn.RemoteAddr().String(); got != "203.0.113.7:4711" {
		t.Error(got)
	}
}
