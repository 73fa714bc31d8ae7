package live

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Sink is where a player's bytes go.
type Sink interface {
	// TryWritev writes as much of iov as is taken at once, and returns how much that was. Less than all, without an error, means: full.
	//
	// What was begun comes first in the next call: a message that was taken in part goes on where it stopped. A sink that holds bytes back,
	// as TLS must, takes all but the last byte of them, and that one when the socket has them: so what it holds is full, too, to its player.
	TryWritev(iov [][]byte) (int, error)
	// WaitWritable returns when there may be room, or with os.ErrDeadlineExceeded at the deadline.
	WaitWritable(deadline time.Time) error
	// Unacknowledged is how many bytes the peer has not taken yet, in the sink and behind it. It falls while a slow peer still reads.
	Unacknowledged() int
}

// A connSink writes to a socket past the net.Conn's blocking Write: past its write deadline, which an earlier write or WaitWritable may have left,
// and past its lock, which WaitWritable holds while it waits. Nobody else may write to that connection meanwhile.
type connSink struct {
	conn net.Conn
	raw  syscall.RawConn
}

// NewSink returns a Sink that writes to a TCP or unix connection.
func NewSink(c net.Conn) (Sink, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("live: %T is not a socket", c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	return &connSink{c, raw}, nil
}

// TryWritev implements Sink.
func (s *connSink) TryWritev(iov [][]byte) (int, error) { return writeSocket(s.raw, iov) }

// WaitWritable implements Sink.
func (s *connSink) WaitWritable(deadline time.Time) error {
	if err := s.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	var pollErr error
	err := s.raw.Write(func(fd uintptr) bool {
		var ready bool
		ready, pollErr = pollWritable(int(fd))
		return ready || pollErr != nil
	})
	if e := s.conn.SetWriteDeadline(time.Time{}); err == nil {
		err = e
	}
	if err == nil {
		err = pollErr
	}
	return err
}

// Unacknowledged implements Sink: what is in the socket's send queue (SIOCOUTQ).
func (s *connSink) Unacknowledged() int {
	n := 0
	_ = s.raw.Control(func(fd uintptr) { // a closed socket has nothing left to take
		n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	})
	return n
}

// pollWritable asks without waiting. The runtime's poller only reports changes, so a socket that became writable between the failed write
// and the wait must be seen here.
func pollWritable(fd int) (bool, error) {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(p[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false, os.NewSyscallError("poll", err)
		}
		return n > 0, nil
	}
}
