package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Dial connects to the server of an rtmp:// or rtmps:// URL and returns the
// connection and the stream's name (with the URL's query), which the caller
// passes to Publish or Play. Errors are those of NewClient, of the network, or
// wrap ErrURL or ErrTLS.
func Dial(ctx context.Context, rawURL string, cfg *Config) (*ClientConn, string, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, "", err
	}
	nc, err := u.dial(ctx, cfg.Complete())
	if err != nil {
		return nil, "", err
	}
	c, err := NewClient(ctx, nc, ConnectRequest{App: u.App, TCURL: u.TCURL()}, cfg)
	if err != nil {
		return nil, "", err
	}
	return c, u.Name, nil
}

// dial connects to u's server, with TLS if u wants it.
func (u URL) dial(ctx context.Context, cfg *Config) (net.Conn, error) {
	host, port, err := u.hostPort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(host, port)
	dialer := net.Dialer{Timeout: cfg.ConnectTimeout}
	nc, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("rtmp: dial %s: %w", address, err)
	}
	if !u.Secure {
		return nc, nil
	}
	secured, err := secure(ctx, nc, host, cfg)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("%w (%s)", err, address)
	}
	return secured, nil
}

// secure does the client's part of a TLS handshake. Deadlines of it are left on
// nc; the handshake of RTMP has its own.
func secure(ctx context.Context, nc net.Conn, host string, cfg *Config) (net.Conn, error) {
	c := cfg.TLS.Clone()
	if c == nil {
		c = &tls.Config{}
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	if err := nc.SetDeadline(time.Now().Add(cfg.HandshakeTimeout)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTLS, err)
	}
	conn := tls.Client(nc, c)
	err := conn.HandshakeContext(ctx)
	switch {
	case err == nil:
		return &tlsConn{conn}, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("rtmp: %w", ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w: %w", ErrHandshakeTimeout, err)
	default:
		return nil, fmt.Errorf("%w: %w", ErrTLS, err)
	}
}

// A tlsConn is a TLS connection whose Close waits for nobody.
type tlsConn struct{ *tls.Conn }

// goodbyeTime is how long it may take to write that a TLS connection ends: if
// there is no room for it in the socket, the peer has stopped reading.
const goodbyeTime = 20 * time.Millisecond

// Close says that the connection ends, and closes it.
func (c *tlsConn) Close() error {
	cut := time.AfterFunc(goodbyeTime, func() { _ = c.NetConn().Close() })
	defer cut.Stop()
	return c.Conn.Close()
}
