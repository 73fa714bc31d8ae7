package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// certificate makes a certificate for a name or an address that signs itself,
// and the pool of those who trust it.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// listen returns a listener's rtmps:// URL, and gives the first connection to f.
func listen(t *testing.T, f func(nc net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if nc, err := l.Accept(); err == nil {
			f(nc)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "rtmps://" + l.Addr().String() + "/live/cam?k=v"
}

// TestDialTLS is a publish over rtmps://.
func TestDialTLS(t *testing.T) {
	cert, pool := certificate(t, "127.0.0.1")
	accepted := make(chan *session, 1)
	url := listen(t, func(nc net.Conn) {
		accepted <- serve(t, tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}}), nil)
	})
	ours := &tls.Config{RootCAs: pool}
	c, name, err := Dial(t.Context(), url, &Config{TLS: ours})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	id, err := c.Publish(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	if r := s.conn.ConnectRequest(); r.App != "live" || r.TCURL != strings.TrimSuffix(url, "/cam?k=v") {
		t.Errorf("connect %+v", r)
	}
	s.event(t)
	video := media(TypeVideo, id, 40, strings.Repeat("v", 1<<20)).Message
	if err := c.WriteMessage(&video); err != nil {
		t.Fatal(err)
	}
	if ev := s.event(t); len(ev.Message.Payload) != 1<<20 {
		t.Errorf("%.50s", describe(&ev))
	}
	_ = c.Close()
	if err := s.end(t); !errors.Is(err, io.EOF) {
		t.Errorf("session ended with %v", err)
	}
	if ours.ServerName != "" || ours.MinVersion != 0 {
		t.Error("the caller's tls.Config was changed")
	}
}

func TestDialTLSFails(t *testing.T) {
	cert, pool := certificate(t, "127.0.0.1")
	other, otherPool := certificate(t, "other.example")
	// answer does a server's part with these settings, and goes on to read.
	answer := func(cfg *tls.Config) func(net.Conn) {
		return func(nc net.Conn) {
			s := tls.Server(nc, cfg)
			_, _ = io.Copy(io.Discard, s)
			_ = s.Close()
		}
	}
	for _, tt := range []struct {
		name   string
		server func(net.Conn)
		ours   *tls.Config
		want   error
	}{
		{"nobody trusts it", answer(&tls.Config{Certificates: []tls.Certificate{cert}}), nil, ErrTLS},
		{"certificate of another host", answer(&tls.Config{Certificates: []tls.Certificate{other}}), &tls.Config{RootCAs: otherPool}, ErrTLS},
		{
			"older than TLS 1.2", answer(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}),
			&tls.Config{RootCAs: pool}, ErrTLS,
		},
		{
			"older than we want", answer(&tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}),
			&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, ErrTLS,
		},
		{"RTMP without TLS", func(nc net.Conn) { _ = serverHandshake(nc, patience); _ = nc.Close() }, nil, ErrTLS},
		{"HTTP", func(nc net.Conn) {
			_, _ = nc.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_, _ = io.Copy(io.Discard, nc)
		}, nil, ErrTLS},
		{"silence", func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc); _ = nc.Close() }, nil, ErrHandshakeTimeout},
		{
			"silence after TLS", answer(&tls.Config{Certificates: []tls.Certificate{other}}),
			&tls.Config{RootCAs: otherPool, ServerName: "other.example"}, ErrHandshakeTimeout,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := listen(t, tt.server)
			cfg := &Config{TLS: tt.ours}
			if errors.Is(tt.want, ErrHandshakeTimeout) {
				cfg.HandshakeTimeout = 100 * time.Millisecond
			}
			_, _, err := Dial(t.Context(), url, cfg)
			if !errors.Is(err, tt.want) || Kind(err) != Kind(tt.want) {
				t.Errorf("%v (%s), want %v", err, Kind(err), tt.want)
			}
		})
	}
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		url := listen(t, func(nc net.Conn) { cancel(); _, _ = io.Copy(io.Discard, nc); _ = nc.Close() })
		if _, _, err := Dial(ctx, url, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// TestCloseTLSWithStalledPeer: saying goodbye to a peer that reads nothing
// holds up nobody.
func TestCloseTLSWithStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, pool := certificate(t, "other.example")
		client, server := net.Pipe()
		go func() {
			_ = tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true}).Handshake()
		}()
		nc, err := secure(t.Context(), client, "other.example", (&Config{TLS: &tls.Config{RootCAs: pool}}).Complete())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_ = nc.Close()
		if took := time.Since(start); took != goodbyeTime {
			t.Errorf("Close took %v", took)
		}
		if _, err := server.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("connection left open: %v", err)
		}
	})
}
