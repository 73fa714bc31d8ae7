//go:build unix && (race || !(linux && (amd64 || arm64)))

package chunk

import (
	"errors"
	"syscall"
)

// receive is recv(2), which never waits here: the sockets of package net are
// non-blocking. Package syscall tells the race detector that what is read was
// written before.
func receive(fd uintptr, p []byte, flags int) (n int, errno syscall.Errno) {
	var err error
	if flags == 0 {
		n, err = syscall.Read(int(fd), p)
	} else {
		n, _, err = syscall.Recvfrom(int(fd), p, flags)
	}
	if err != nil && !errors.As(err, &errno) {
		errno = syscall.EIO
	}
	return n, errno
}
