package live

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// appendIovecs describes the slices of iov for writev(2).
func appendIovecs(dst []unix.Iovec, iov [][]byte) []unix.Iovec {
	for _, b := range iov {
		if len(b) == 0 {
			continue
		}
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		dst = append(dst, v)
	}
	return dst
}

// writev writes to a non-blocking socket; a full one takes 0 bytes.
func writev(fd int, vecs []unix.Iovec) (int, error) {
	if len(vecs) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(vecs))), uintptr(len(vecs)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("writev", errno)
		}
	}
}
