package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

func TestTLSBothWays(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		l := secured(t, func(c *tls.Config) { c.MaxVersion = version })
		sent := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
		go func() {
			_, _ = l.client.Write(sent)
			_ = l.client.CloseWrite()
		}()
		got, err := io.ReadAll(l.server)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%#x: server got %d bytes, %v", version, len(got), err)
		}
		go func() {
			_, _ = l.server.Write(sent)
			_ = l.server.CloseWrite()
		}()
		got, err = io.ReadAll(l.client)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%#x: client got %d bytes, %v", version, len(got), err)
		}
		if s := l.client.ConnectionState(); s.Version != version || s.NegotiatedProtocol != "" {
			t.Errorf("%#x: version %#x, protocol %q", version, s.Version, s.NegotiatedProtocol)
		}
	}
}

// TestTLSBehindHeader: the header is in clear, and what follows it at once is TLS.
func TestTLSBehindHeader(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n", v2(cmdProxy, fam4, v4Body)} {
		s, c := sockets(t)
		conn := Wrap(s, true, testOptions(t).trustAll())
		client := tls.Client(&prefixed{Conn: c, prefix: header}, testPair().client(t))
		go func() { _, _ = io.WriteString(client, "hello") }()
		if peer, err := conn.Peer(); err != nil || peer.String() != "203.0.113.7:4711" {
			t.Errorf("peer is %v, %v", peer, err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

// prefixed sends something in the same segment as the first write.
type prefixed struct {
	net.Conn
	prefix string
}

func (p *prefixed) Write(b []byte) (int, error) {
	n := len(p.prefix)
	k, err := p.Conn.Write(append([]byte(p.prefix), b...))
	p.prefix = ""
	return k - n, err
}

// TestTLSRefused: what is no TLS, or too old, ends in an error that says so, and in nothing but an alert.
func TestTLSRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		hello bool // the server gets as far as its own part of the handshake
		speak func(t *testing.T, c net.Conn)
	}{
		{"RTMP", false, func(_ *testing.T, c net.Conn) { send(c, "\x03"+strings.Repeat("\x00", 1536), false) }},
		{"HTTP", false, func(_ *testing.T, c net.Conn) { send(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false) }},
		{"a PROXY header from anybody", false, func(_ *testing.T, c net.Conn) { send(c, "PROXY UNKNOWN\r\n", false) }},
		{"half a record", false, func(t *testing.T, c net.Conn) {
			send(c, "\x16\x03\x01\x02\x00\x01\x00", false)
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Error(err)
			}
		}},
		{"TLS 1.1", false, func(t *testing.T, c net.Conn) {
			cfg := testPair().client(t)
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			if err := tls.Client(c, cfg).Handshake(); err == nil {
				t.Error("TLS 1.1 is good enough")
			}
		}},
		{"a client that does not trust us", true, func(t *testing.T, c net.Conn) {
			if err := tls.Client(c, &tls.Config{ServerName: serverName}).Handshake(); err == nil {
				t.Error("trusted")
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, c := sockets(t)
			conn := Wrap(s, true, testOptions(t))
			_ = conn.SetDeadline(time.Now().Add(patience))
			done := make(chan struct{})
			go func() {
				defer close(done)
				tt.speak(t, c)
			}()
			n, err := conn.Read(make([]byte, 1))
			if n != 0 || !errors.Is(err, ErrTLS) || rtmp.Kind(err) != "tls" || errors.Is(err, io.EOF) {
				t.Errorf("%d, %v, kind %q", n, err, rtmp.Kind(err))
			}
			<-done
			_ = conn.CloseWrite()
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if said, err := io.ReadAll(c); err != nil || len(said) > 7 && !tt.hello { // an alert has 7 bytes
				t.Errorf("was told %q, %v", said, err)
			}
		})
	}
}

func TestTLSMinVersion(t *testing.T) {
	t.Parallel()
	cert, key := testPair().write(t, t.TempDir())
	crt, err := LoadCertificate(cert, key, CertificateEvents{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		min, client uint16
		ok          bool
	}{
		{tls.VersionTLS12, tls.VersionTLS12, true},
		{tls.VersionTLS12, tls.VersionTLS13, true},
		{tls.VersionTLS13, tls.VersionTLS12, false},
		{tls.VersionTLS13, tls.VersionTLS13, true},
	} {
		s, c := sockets(t)
		conn := Wrap(s, true, &Options{TLS: TLSConfig(crt, tt.min)})
		cfg := testPair().client(t)
		cfg.MaxVersion = tt.client
		client := tls.Client(c, cfg)
		go func() {
			_, _ = io.WriteString(client, "x")
		}()
		if _, err := conn.Read(make([]byte, 1)); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrTLS) {
			t.Errorf("at least %#x, client %#x: %v", tt.min, tt.client, err)
		}
	}
}

// TestTLSNoTickets: nobody is given a ticket that another worker could not open.
func TestTLSNoTickets(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		tickets := &ticketBox{}
		l := secured(t, func(c *tls.Config) { c.MaxVersion, c.ClientSessionCache = version, tickets })
		go func() { _, _ = io.WriteString(l.server, "x") }()
		if _, err := l.client.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		if tickets.got {
			t.Errorf("%#x: got a ticket", version)
		}
	}
}

// A ticketBox notes whether there are tickets.
type ticketBox struct{ got bool }

func (b *ticketBox) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (b *ticketBox) Put(_ string, s *tls.ClientSessionState)    { b.got = b.got || s != nil }

// TestTLSPortLookedAt: whoever connects and leaves did nothing wrong.
func TestTLSPortLookedAt(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, true, testOptions(t))
	_ = c.Close()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // the bare one
		t.Error(err)
	}
}

// TestTLSHandshakeDeadline: the deadline that package rtmp sets for its handshake holds for this one.
func TestTLSHandshakeDeadline(t *testing.T) {
	t.Parallel()
	for _, sent := range []string{"", "\x16\x03\x01\x02\x00\x01\x00"} {
		s, c := sockets(t)
		conn := Wrap(s, true, testOptions(t))
		_ = conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
		send(c, sent, false)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrTLS) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	}
}

// TestTLSReadDeadline: an interrupted Read, even in the middle of a record, loses nothing.
func TestTLSReadDeadline(t *testing.T) {
	t.Parallel()
	l := secured(t, nil)
	var record bytes.Buffer
	l.tap.to = &record
	if _, err := io.WriteString(l.client, "hello"); err != nil {
		t.Fatal(err)
	}
	b := record.Bytes()
	send(l.socket, string(b[:10]), false)
	_ = l.server.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	got := make([]byte, 5)
	if n, err := l.server.Read(got); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrTLS) {
		t.Errorf("%d, %v", n, err)
	}
	send(l.socket, string(b[10:]), false)
	_ = l.server.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(l.server, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTLSDamagedRecord: behind the handshake, too, a broken protocol is told from a connection that just ends.
func TestTLSDamagedRecord(t *testing.T) {
	t.Parallel()
	l := secured(t, nil)
	var record bytes.Buffer
	l.tap.to = &record
	_, _ = io.WriteString(l.client, "hello")
	b := record.Bytes()
	b[len(b)-1] ^= 1
	send(l.socket, string(b), false)
	if _, err := l.server.Read(make([]byte, 5)); !errors.Is(err, ErrTLS) || rtmp.Kind(err) != "tls" {
		t.Errorf("%v, kind %q", err, rtmp.Kind(err))
	}
}

// TestWriteDeadline: a peer that reads nothing.
func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	narrow(t, s, c)
	l := secure(t, s, c, nil)
	_ = l.server.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := l.server.Write(make([]byte, 10<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || rtmp.Kind(err) != "timeout" || n == 0 || n == 10<<20 {
		t.Errorf("%d, %v", n, err)
	}
	if h := l.server.wire.holds(); h > maxHeld {
		t.Errorf("%d bytes are held", h)
	}
}

// TestCloseDoesNotWait: for whatever the connection is busy with.
func TestCloseDoesNotWait(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		busy func(*Conn)
		is   func(*Conn) bool
	}{
		{"nothing", func(*Conn) {}, func(*Conn) bool { return true }},
		{"a read", func(c *Conn) { _, _ = c.Read(make([]byte, 1)) }, func(*Conn) bool { return true }},
		{
			"a write to a peer that does not read",
			func(c *Conn) { _, _ = c.Write(make([]byte, 10<<20)) }, func(c *Conn) bool { return c.wire.holds() > 0 },
		},
	} {
		for name, end := range map[string]func(*Conn) error{"close": (*Conn).Close, "cut": (*Conn).Cut} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s, c := sockets(t)
				narrow(t, s, c)
				l := secure(t, s, c, nil)
				done := make(chan struct{})
				go func() {
					defer close(done)
					tt.busy(l.server)
				}()
				eventually(t, "busy", func() bool { return tt.is(l.server) })
				begun := time.Now()
				if err := end(l.server); err != nil {
					t.Error(err)
				}
				if d := time.Since(begun); d > promptly {
					t.Errorf("took %v", d)
				}
				<-done
				if _, err := l.server.Write([]byte{1}); err == nil {
					t.Error("writes are still taken")
				}
			})
		}
	}
}

// TestCloseInHandshake: somebody ends the session while the peer says nothing.
func TestCloseInHandshake(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, true, testOptions(t))
	time.AfterFunc(10*time.Millisecond, func() { _ = conn.Close() })
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if said, err := io.ReadAll(c); len(said) > 0 || err != nil {
		t.Errorf("%q, %v", said, err)
	}
}

// TestLastWords: which end says what. The client's TLS layer returns io.EOF for close_notify only as long as nothing is missing.
func TestLastWords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end    func(*Conn) error
		notify bool
	}{
		"close":       {(*Conn).Close, true},
		"close write": {(*Conn).CloseWrite, true},
		"cut":         {(*Conn).Cut, false},
	} {
		l := secured(t, nil)
		if _, err := io.WriteString(l.server, "bye"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 3)
		if _, err := io.ReadFull(l.client, got); err != nil || string(got) != "bye" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err := tt.end(l.server); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		last, err := io.ReadAll(l.socket)
		if notified := len(last) > 0; notified != tt.notify || err != nil {
			t.Errorf("%s: %q, %v", name, last, err)
		}
	}
}
