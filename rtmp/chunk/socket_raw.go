//go:build linux && (amd64 || arm64) && !race

package chunk

import (
	"syscall"
	"unsafe"
)

// receive is recv(2), which never waits here. So the scheduler need not know of
// it: telling it would cost about as much as the call itself.
func receive(fd uintptr, p []byte, flags int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(
		syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(flags|syscall.MSG_DONTWAIT), 0, 0,
	)
	return int(n), errno
}
