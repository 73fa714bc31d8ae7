package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// A route is how a client of ours gets to a server: over TLS, through a proxy, from another network.
type route struct {
	dial       func(ctx context.Context) (net.Conn, error)
	properties amf0.Object // more of connect's
}

// over is a route over TCP, from a source address where one is given.
func over(addr string, source ...string) route {
	var dialer net.Dialer
	for _, ip := range source {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)}
	}
	return route{dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }}
}

// overSlim is over with a small receive buffer: the server notices soon when nothing is read.
func overSlim(addr string) route {
	const buffer = 4096
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		controlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) })
		return errors.Join(err, controlErr)
	}}
	return route{dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }}
}

// with is the same route with more properties in connect.
func (r route) with(properties amf0.Object) route {
	r.properties = properties
	return r
}

// connect dials and does handshake and connect.
func (r route) connect(ctx context.Context, stream string) (conn *rtmp.ClientConn, name string, err error) {
	nc, err := r.dial(ctx)
	if err != nil {
		return nil, "", err
	}
	target, err := rtmp.ParseURL("rtmp://server/" + stream)
	if err != nil {
		return nil, "", err
	}
	conn, err = rtmp.NewClient(ctx, nc, rtmp.ConnectRequest{App: target.App, TCURL: target.TCURL(), Properties: r.properties}, nil)
	return conn, target.Name, err
}

// dialPublish connects and publishes, and returns the refusal when there is one.
func (r route) dialPublish(t testing.TB, stream string) (*publisher, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, name, err := r.connect(ctx, stream)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	id, err := conn.Publish(ctx, name)
	if err != nil {
		conn.Close()
		return nil, err
	}
	p := &publisher{t: t, conn: conn, stream: id, source: newSource(runs.Add(1)), ended: make(chan struct{})}
	go p.read()
	return p, nil
}

// publish is dialPublish where nothing else than success is expected.
func (r route) publish(t testing.TB, stream string) *publisher {
	t.Helper()
	p, err := r.dialPublish(t, stream)
	if err != nil {
		t.Fatalf("publish %s: %v", stream, err)
	}
	return p
}

// goLive publishes and sends in real time.
func (r route) goLive(t testing.TB, stream string) (*publisher, *live) {
	t.Helper()
	p := r.publish(t, stream)
	l := p.goLive()
	return p, l
}

// play starts a player, as the function play does.
func (r route) play(t testing.TB, stream string, configure ...func(*player)) *player {
	t.Helper()
	return playOver(t, stream, func(ctx context.Context, _ *player) (*rtmp.ClientConn, string, error) {
		return r.connect(ctx, stream)
	}, configure...)
}

// playStalled starts a player that stops reading once its play was accepted.
func (r route) playStalled(t testing.TB, stream string) *stalled {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, name, err := r.connect(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	nc := conn.NetConn()
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	if _, err := conn.Play(ctx, name); err != nil {
		t.Fatal(err)
	}
	return &stalled{conn: nc}
}
