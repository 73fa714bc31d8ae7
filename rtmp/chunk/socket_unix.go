//go:build unix

package chunk

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// A Socket reads from a TCP or unix socket, and is a PatientReader. It is not
// safe for concurrent use. Deadlines are the connection's.
type Socket struct {
	nc   net.Conn
	raw  syscall.RawConn
	call func(fd uintptr) (done bool) // attempt, here so that reading allocates nothing

	// Of one call: where to read to, in one way or the other, and the result.
	memory Memory
	now    []byte
	n      int
	err    error
}

// NewSocket returns a Socket that reads from nc; nil if nc is no TCP or unix
// connection of package net. What wraps one may change what is read.
func NewSocket(nc net.Conn) *Socket {
	var raw syscall.RawConn
	var err error
	switch c := nc.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil // it is closed: Read says so
	}
	s := &Socket{nc: nc, raw: raw}
	s.call = s.attempt
	return s
}

// Read implements io.Reader.
func (s *Socket) Read(p []byte) (int, error) { return s.nc.Read(p) }

// ReadPatiently implements PatientReader.
func (s *Socket) ReadPatiently(m Memory) (int, error) {
	s.memory = m
	return s.run()
}

// ReadNow implements PatientReader.
func (s *Socket) ReadNow(p []byte) (int, error) {
	s.now = p
	return s.run()
}

// Wait implements PatientReader.
func (s *Socket) Wait() error {
	_, err := s.run()
	return err
}

// run has the poller call attempt until it is done.
func (s *Socket) run() (int, error) {
	s.n, s.err = 0, nil
	err := s.raw.Read(s.call)
	s.memory, s.now = nil, nil
	if err == nil {
		return s.n, s.err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		op.Op = readOp // package net calls it something else
	}
	return 0, err
}

const readOp = "read"

func (s *Socket) attempt(fd uintptr) (done bool) {
	switch {
	case s.memory != nil:
		if s.read(fd, s.memory.Borrow(), 0) {
			return true
		}
		s.memory.GiveBack()
		return false
	case s.now != nil:
		if !s.read(fd, s.now, 0) {
			s.err = ErrNotYet
		}
		return true
	default:
		var one [1]byte
		done = s.read(fd, one[:], syscall.MSG_PEEK)
		if errors.Is(s.err, io.EOF) {
			s.err = nil // the next read sees it; of another error, the kernel tells once
		}
		return done
	}
}

// read reads what is there, or why there is nothing more; done is false if
// there is nothing yet.
func (s *Socket) read(fd uintptr, p []byte, flags int) (done bool) {
	n, errno := receive(fd, p, flags)
	for errno == syscall.EINTR {
		n, errno = receive(fd, p, flags)
	}
	switch {
	case errno == syscall.EAGAIN:
		return false
	case errno != 0:
		s.err = s.failed(os.NewSyscallError(readOp, errno))
	case n == 0:
		s.err = io.EOF
	default:
		s.n = n
	}
	return true
}

func (s *Socket) failed(err error) error {
	e := &net.OpError{Op: readOp, Source: s.nc.LocalAddr(), Addr: s.nc.RemoteAddr(), Err: err}
	if e.Source != nil {
		e.Net = e.Source.Network()
	}
	return e
}
