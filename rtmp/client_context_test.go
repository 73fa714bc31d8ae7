package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// TestClientContext: a context ends every call that waits, at once, and the
// connection with it.
func TestClientContext(t *testing.T) {
	connect := func(ctx context.Context, nc net.Conn) (*ClientConn, error) {
		return NewClient(ctx, nc, ConnectRequest{App: "live"}, nil)
	}
	connected := func(nc net.Conn) {
		_ = serverHandshake(nc, patience)
		_, _ = nc.Read(make([]byte, 1<<16)) // connect comes in one write
		_, _ = nc.Write(frame(cmd(0, "_result", 1, amf0.Null{})))
	}
	for _, tt := range []struct {
		name    string
		server  func(nc net.Conn) // then it only listens
		prepare bool              // connect with a context of its own
		call    func(ctx context.Context, nc net.Conn, c *ClientConn) error
	}{
		{"no handshake", func(net.Conn) {}, false, func(ctx context.Context, nc net.Conn, _ *ClientConn) error {
			_, err := connect(ctx, nc)
			return err
		}},
		{
			"no answer to connect", func(nc net.Conn) { _ = serverHandshake(nc, patience) }, false,
			func(ctx context.Context, nc net.Conn, _ *ClientConn) error {
				_, err := connect(ctx, nc)
				return err
			},
		},
		{
			"no answer to publish", connected, true,
			func(ctx context.Context, _ net.Conn, c *ClientConn) error {
				_, err := c.Publish(ctx, "cam")
				return err
			},
		},
		{
			"no answer to play", connected, true,
			func(ctx context.Context, _ net.Conn, c *ClientConn) error {
				_, err := c.Play(ctx, "cam")
				return err
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				defer func() { _ = server.Close() }()
				go func() {
					tt.server(server)
					_ = server.SetDeadline(time.Time{})
					_, _ = io.Copy(io.Discard, server)
				}()
				var c *ClientConn
				if tt.prepare {
					var err error
					if c, err = connect(t.Context(), client); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				start := time.Now()
				if err := tt.call(ctx, client, c); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took != 2*time.Second {
					t.Errorf("after %v", took)
				}
				if _, err := client.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("connection left open: %v", err)
				}
			})
		})
	}
}

func TestClientDeadlines(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server func(nc net.Conn)
		want   error
		after  time.Duration
	}{
		{"no handshake", func(net.Conn) {}, ErrHandshakeTimeout, 5 * time.Second},
		{"no answer to connect", func(nc net.Conn) { _ = serverHandshake(nc, patience) }, ErrConnectTimeout, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				defer func() { _ = server.Close() }()
				go func() {
					tt.server(server)
					_ = server.SetDeadline(time.Time{})
					_, _ = io.Copy(io.Discard, server)
				}()
				start := time.Now()
				_, err := NewClient(t.Context(), client, ConnectRequest{App: "live"}, nil)
				if !errors.Is(err, tt.want) || time.Since(start) != tt.after {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}
