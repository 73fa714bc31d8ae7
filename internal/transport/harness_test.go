package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds waits for what happens at once.
const patience = 20 * time.Second

// promptly is how soon a call that waits for nothing returns, on a machine that is busy with other things. crypto/tls by itself would wait for
// five seconds.
const promptly = time.Second

// sockets returns both ends of a TCP connection on this machine.
func sockets(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); c.Close() })
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

// narrow makes a connection's buffers small, but not so small that the kernel's timers rule.
func narrow(t testing.TB, server, client *net.TCPConn) {
	t.Helper()
	if err := server.SetWriteBuffer(1); err != nil {
		t.Fatal(err)
	}
	if err := client.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
}

// A pair is a certificate and its key, PEM.
type pair struct{ cert, key []byte }

const serverName = "edge.test"

// newPair makes a certificate whose validity tells it from others.
func newPair(t testing.TB, notAfter time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		NotBefore: time.Unix(0, 0), NotAfter: notAfter, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// write puts the pair into a folder and returns the paths.
func (p pair) write(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeFile(t, cert, p.cert)
	writeFile(t, key, p.key)
	return cert, key
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p pair) client(t testing.TB) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.cert) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: serverName}
}

// testPair is one that all tests may share: it takes a while to make.
var testPair = sync.OnceValue(func() pair { return newPair(new(testing.T), time.Now().Add(time.Hour)) })

// testOptions returns options with TLS, and without trust in anybody.
func testOptions(t testing.TB) *Options {
	t.Helper()
	cert, key := testPair().write(t, t.TempDir())
	c, err := LoadCertificate(cert, key, CertificateEvents{})
	if err != nil {
		t.Fatal(err)
	}
	return &Options{
		HeaderTimeout: patience, KeepAlive: 10 * time.Second, UserTimeout: 20 * time.Second,
		TLS: TLSConfig(c, tls.VersionTLS12),
	}
}

// trustAll makes the peers of tests trusted proxies.
func (o *Options) trustAll() *Options {
	o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return o
}

// A link is a connection whose TLS handshake is done.
type link struct {
	server *Conn
	client *tls.Conn
	socket *net.TCPConn // the client's
	tap    *tap         // between client and socket
}

// A tap lets a test have what the client's TLS layer writes.
type tap struct {
	net.Conn
	to io.Writer // nil: the socket
}

func (p *tap) Write(b []byte) (int, error) {
	if p.to != nil {
		return p.to.Write(b)
	}
	return p.Conn.Write(b)
}

func secured(t testing.TB, change func(*tls.Config)) link {
	t.Helper()
	s, c := sockets(t)
	return secure(t, s, c, change)
}

// secure does the handshake over both ends of a connection.
func secure(t testing.TB, s, c *net.TCPConn, change func(*tls.Config)) link {
	t.Helper()
	cfg := testPair().client(t)
	if change != nil {
		change(cfg)
	}
	p := &tap{Conn: c}
	l := link{Wrap(s, true, testOptions(t)), tls.Client(p, cfg), c, p}
	t.Cleanup(func() { _ = l.server.Close() })
	_ = l.server.SetDeadline(time.Now().Add(patience))
	done := make(chan error, 1)
	go func() { done <- l.client.Handshake() }()
	if err := l.server.ready(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_ = l.server.SetDeadline(time.Time{})
	_ = l.client.SetDeadline(time.Now().Add(10 * patience))
	return l
}

// eventually polls what the kernel does in its own time.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
