package bench

import (
	"errors"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// discardMost is how many bytes one call takes off a socket at most.
const discardMost = 1 << 20

// discardBuffer is never written to, and so takes no memory: with MSG_TRUNC the kernel drops what it would copy (tcp(7)).
var discardBuffer [discardMost]byte

// discard takes what has arrived off a socket, without waiting or copying. The error is io.EOF when the peer has ended the connection.
//
// It is a raw system call: the Go scheduler need not know of one that never waits.
func discard(fd int) (n int64, err error) {
	for {
		got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&discardBuffer)), discardMost,
			unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errors.Is(errno, unix.EINTR):
		case errors.Is(errno, unix.EAGAIN):
			return n, nil
		case errno != 0:
			return n, errno
		case got == 0:
			return n, io.EOF
		default:
			n += int64(got)
			if got < discardMost {
				return n, nil
			}
		}
	}
}
