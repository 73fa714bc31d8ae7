package e2e

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A stalled player asks for a stream and then reads no byte.
type stalled struct {
	conn net.Conn
}

// playStalled starts a player that stops reading once its play was accepted. Its receive buffer is small, so that the
// server notices soon.
func playStalled(t testing.TB, url string) *stalled {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	const buffer = 4096
	conn, name, nc, err := dialBuffered(ctx, url, buffer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Play(ctx, name); err != nil {
		t.Fatal(err)
	}
	return &stalled{conn: nc}
}

// drain reads what the kernel still holds, to the end of the connection: nil is a clean end or a reset by the server.
func (s *stalled) drain() error {
	if err := s.conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	buffer := make([]byte, 1<<16)
	for {
		_, err := s.conn.Read(buffer)
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			return errors.New("the connection is still open")
		default:
			return nil
		}
	}
}

// dialBuffered is rtmp.Dial with a receive buffer of so many bytes, or of the system's choice when 0.
func dialBuffered(ctx context.Context, url string, bytes int) (conn *rtmp.ClientConn, stream string, nc net.Conn, err error) {
	target, err := rtmp.ParseURL(url)
	if err != nil {
		return nil, "", nil, err
	}
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		if bytes == 0 {
			return nil
		}
		var err error
		controlErr := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
		})
		return errors.Join(err, controlErr)
	}}
	nc, err = dialer.DialContext(ctx, "tcp", target.Host)
	if err != nil {
		return nil, "", nil, err
	}
	conn, err = rtmp.NewClient(ctx, nc, rtmp.ConnectRequest{App: target.App, TCURL: target.TCURL()}, nil)
	return conn, target.Name, nc, err
}
