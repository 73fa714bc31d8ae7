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
	TryWritev(iov [][]byte) (int, error)
	// WaitWritable returns when there may be room, or with os.ErrDeadlineExceeded at the deadline.
	WaitWritable(deadline time.Time) error
	// Unacknowledged is how many written bytes the peer has not taken yet. It falls while a slow peer still reads.
	Unacknowledged() int
}

// connSink writes to a socket past the net.Conn's blocking Write. Nobody else may write to that connection meanwhile.
type connSink struct {
	conn net.Conn
	raw  syscall.RawConn
	vecs []unix.Iovec

	// arguments and results of tryWritev, here so that a write allocates nothing
	try func(fd uintptr) bool
	n   int
	err error
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
	if err := c.SetWriteDeadline(time.Time{}); err != nil { // one left by an earlier write would fail ours
		return nil, fmt.Errorf("live: %w", err)
	}
	s := &connSink{conn: c, raw: raw}
	s.try = func(fd uintptr) bool {
		s.n, s.err = writev(int(fd), s.vecs)
		return true
	}
	return s, nil
}

// TryWritev implements Sink.
func (s *connSink) TryWritev(iov [][]byte) (int, error) {
	s.vecs = appendIovecs(s.vecs[:0], iov)
	err := s.raw.Write(s.try)
	clear(s.vecs) // don't keep what was written alive
	if err != nil {
		return 0, err
	}
	return s.n, s.err
}

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
