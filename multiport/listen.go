package multiport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ListenOptions are the choices of Listen. The zero value is the usual one.
type ListenOptions struct {
	// ReusePort lets other sockets of the same user listen on the same TCP port; the kernel spreads the connections
	// over them (SO_REUSEPORT, socket(7)). No meaning for unix sockets. ListenGroup sets it by itself.
	ReusePort bool
	// Backlog is how many connections may wait to be accepted. 0: as many as net.core.somaxconn lets.
	Backlog int
	// Mode are the permissions of a unix socket's file. 0: 0600, its owner only.
	Mode fs.FileMode
}

func (o ListenOptions) backlog() int {
	if o.Backlog > 0 {
		return o.Backlog
	}
	return 1<<16 - 1 // the kernel cuts it to net.core.somaxconn
}

func (o ListenOptions) mode() fs.FileMode {
	if o.Mode.Perm() != 0 {
		return o.Mode.Perm()
	}
	return 0o600
}

// Listen binds a, listens, and returns the socket for passing on: close-on-exec, non-blocking, its Name the text of
// the address. A Port of 0 lets the kernel choose.
//
// At a unix address it removes a socket file that nobody answers on. The file it makes has Mode from its first
// moment on. Closing the socket leaves the file; see [Remove].
//
// The error wraps ErrInUse when somebody listens there already.
//
// The file is made around the raw descriptor, for net.TCPListener.File would take O_NONBLOCK off the open file that
// all processes share. It also keeps out of the runtime's poller: a process that only owns the socket is not woken by
// the connections that another one accepts.
func Listen(a Addr, o ListenOptions) (*os.File, error) {
	var f *os.File
	var err error
	if a.Network == Unix {
		f, err = listenUnix(a, o)
	} else {
		f, err = listenTCP(a, o, reuseChosen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	return f, nil
}

// ListenGroup makes n sockets for one shared address, one per worker.
//
// For TCP they are a group of SO_REUSEPORT sockets: each has a queue of its own, and what waits in it survives the
// worker as long as the caller keeps the socket. Unlike n calls of Listen with ReusePort it fails with ErrInUse when
// any other process, also one of the same user, has the port: two servers never share one unawares.
// A unix address has one queue; the n files are duplicates of one socket.
func ListenGroup(a Addr, n int, o ListenOptions) ([]*os.File, error) {
	if n < 1 {
		return nil, fmt.Errorf("listen on %s: %d sockets: %w", a, n, ErrWorker)
	}
	var files []*os.File
	for len(files) < n {
		f, err := nextOfGroup(a, o, files)
		if err != nil {
			for _, f := range files {
				_ = f.Close() // the error of the group says it all
			}
			if a.Network == Unix && len(files) > 0 {
				_ = Remove(a)
			}
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
		if a.Network != Unix && a.Port == 0 {
			a.Port = boundPort(f)
		}
		files = append(files, f)
	}
	return files, nil
}

// nextOfGroup makes the socket that follows those there are.
func nextOfGroup(a Addr, o ListenOptions, files []*os.File) (*os.File, error) {
	switch {
	case a.Network == Unix && len(files) == 0:
		return listenUnix(a, o)
	case a.Network == Unix:
		return duplicate(files[0])
	case len(files) == 0:
		return listenTCP(a, o, reuseAfterBind)
	default:
		return listenTCP(a, o, reuseAlways)
	}
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return newFile(fd, f.Name())
}

// newSocket makes a close-on-exec stream socket. It blocks until newFile.
func newSocket(domain int) (int, error) {
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// newFile wraps the socket fd, which it closes on error. os.NewFile registers a descriptor that is non-blocking
// already with the poller; a duplicate shares that flag, so it is cleared for a moment nobody can see: the socket is
// not passed on yet.
func newFile(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, false); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = f.Close()
		return nil, os.NewSyscallError("fcntl", err)
	}
	return f, nil
}

// explain adds to the error of a system call what it usually means.
func explain(call string, err error) error {
	sys := os.NewSyscallError(call, err)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w: another socket has it (ss -lnp tells whose): %w", ErrInUse, sys)
	case errors.Is(err, unix.EACCES) && call == "bind":
		return fmt.Errorf("%w: a port below 1024 needs CAP_NET_BIND_SERVICE, a unix socket a folder one may write to", sys)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this machine has no such address", sys)
	default:
		return sys
	}
}
