package live

import (
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A writing is one write to a socket, with the memory that it takes. Writings are borrowed: a player that waits has none.
type writing struct {
	vecs []unix.Iovec

	// What RawConn.Control runs, made once so that a write allocates nothing, and its results.
	try func(fd uintptr)
	n   int
	err error
}

var writings = sync.Pool{New: func() any {
	w := &writing{}
	w.try = func(fd uintptr) { w.n, w.err = writev(int(fd), w.vecs) }
	return w
}}

// writeSocket writes what the socket takes of iov.
func writeSocket(raw syscall.RawConn, iov [][]byte) (int, error) {
	w := writings.Get().(*writing)
	defer writings.Put(w)
	w.vecs = appendIovecs(w.vecs[:0], iov)
	err := raw.Control(w.try)
	clear(w.vecs) // don't keep what was written alive
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

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

// writev writes to a non-blocking socket; a full one takes 0 bytes. It never blocks, so the scheduler isn't told of it: that would make it look after
// us more often than all that we do costs.
func writev(fd int, vecs []unix.Iovec) (int, error) {
	call, first, second := uintptr(unix.SYS_WRITEV), unsafe.Pointer(unsafe.SliceData(vecs)), uintptr(len(vecs))
	switch len(vecs) {
	case 0:
		return 0, nil
	case 1: // is nearly always, and cheaper
		call, first, second = unix.SYS_WRITE, unsafe.Pointer(vecs[0].Base), uintptr(vecs[0].Len)
	}
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(first), second)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", errno)
		}
	}
}
