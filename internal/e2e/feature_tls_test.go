package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A secureServer serves RTMPS too: on a port that all workers share, and on one of each worker.
type secureServer struct {
	*server
	*authority
	files keyPair
	tls   int // the shared port; then each worker's
}

// startSecure starts a server with a certificate, which has the serial number 2, and with more settings of rtmp.tls.
func startSecure(t testing.TB, opt options, settings ...string) *secureServer {
	t.Helper()
	s := &secureServer{authority: newAuthority(t), files: newKeyPair(t)}
	s.issue(t, s.files, 2, time.Now().Add(time.Hour))
	if opt.workers == 0 {
		opt.workers = workers
	}
	s.server = startOn(t, opt, 1+opt.workers, func(base int, opt *options) {
		s.tls = base
		settings := append([]string{fmt.Sprintf(`listen: ["127.0.0.1:%d"], cert: %q, key: %q`, base, s.files.cert, s.files.key)}, settings...)
		more := []string{"tls: {" + strings.Join(settings, ", ") + "}"}
		if opt.rtmp != "" {
			more = append(more, opt.rtmp)
		}
		opt.rtmp = strings.Join(more, ", ")
		opt.multiListen = append(opt.multiListen, fmt.Sprintf(`listen: "127.0.0.1:%d", serves: rtmps`, base+1))
	})
	return s
}

// tlsAddr is the address of a worker's own RTMPS port, or of the shared one.
func (s *secureServer) tlsAddr(worker int) string { return fmt.Sprintf("127.0.0.1:%d", s.tls+1+worker) }

// tlsURL is where to publish or play "app/name".
func (s *secureServer) tlsURL(worker int, stream string) string {
	return "rtmps://" + s.tlsAddr(worker) + "/" + stream
}

// config is that of a client that trusts the server.
func (s *secureServer) config() *tls.Config {
	return &tls.Config{RootCAs: s.pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// tls12 is config for TLS 1.2 with AES-GCM, where the type of a record can be seen.
func (s *secureServer) tls12() *tls.Config {
	config := s.config()
	config.MaxVersion = tls.VersionTLS12
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	return config
}

// A lastRecord keeps the last bytes of a connection: as many as an alert has with tls12.
type lastRecord struct {
	net.Conn
	tail []byte
}

func (l *lastRecord) on(r route) route {
	dial := r.dial
	r.dial = func(ctx context.Context) (net.Conn, error) {
		nc, err := dial(ctx)
		l.Conn = nc
		return l, err
	}
	return r
}

// Read implements net.Conn.
func (l *lastRecord) Read(b []byte) (int, error) {
	const header, nonce, alert, tag = 5, 8, 2, 16 // RFC 5288 §3
	n, err := l.Conn.Read(b)
	l.tail = append(l.tail, b[:n]...)
	l.tail = l.tail[max(0, len(l.tail)-header-nonce-alert-tag):]
	return n, err
}

// isAlert tells whether they are an alert (RFC 5246 §6.2.1, §7.2): close_notify, if the peer saw no error.
func (l *lastRecord) isAlert() bool { return bytes.HasPrefix(l.tail, []byte{21, 3, 3}) }

// overTLS is the route to a worker's RTMPS port, or the shared one.
func (s *secureServer) overTLS(worker int) route { return within(over(s.tlsAddr(worker)), s.config()) }

// playStalled starts a player on a worker's RTMPS port that stops reading once its play was accepted.
func (s *secureServer) playStalled(t testing.TB, worker int, stream string) *stalled {
	t.Helper()
	return within(overSlim(s.tlsAddr(worker)), s.config()).playStalled(t, stream)
}

// within is a route through TLS on another.
func within(r route, config *tls.Config) route {
	return route{dial: func(ctx context.Context) (net.Conn, error) {
		nc, err := r.dial(ctx)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(nc, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		return conn, nil
	}}
}

// serial shakes hands with a worker's RTMPS port and returns the serial number of its certificate.
func (s *secureServer) serial(t testing.TB, worker int) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	nc, err := s.overTLS(worker).dial(ctx)
	if err != nil {
		t.Fatalf("a TLS handshake: %v", err)
	}
	defer nc.Close()
	return nc.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
