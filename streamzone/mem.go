//go:build linux && (amd64 || arm64)

package streamzone

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This is the only file with unsafe in it. The machine must be little-endian:
// a futex word is the low half of a 64-bit word.

// A mapping is a file mapped as words.
type mapping struct {
	data  []byte
	words []atomic.Uint64
}

// mapWords maps the first size bytes of f, shared. size is a multiple of 8.
func mapWords(f *os.File, size uint64, writable bool) (*mapping, error) {
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), prot, unix.MAP_SHARED)
	runtime.KeepAlive(f) // see memfd.go
	if err != nil {
		return nil, fmt.Errorf("streamzone: map the zone: %w", err)
	}
	// A mapping starts on a page, so the words are aligned.
	first := (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(data)))
	return &mapping{data: data, words: unsafe.Slice(first, len(data)/wordBytes)}, nil
}

// unmap gives the memory back. Nothing may touch the words any more.
func (m *mapping) unmap() error {
	data := m.data
	m.data, m.words = nil, nil
	return unix.Munmap(data)
}

const (
	futexOpWait = 0 // FUTEX_WAIT, shared: no FUTEX_PRIVATE_FLAG
	futexOpWake = 1 // FUTEX_WAKE
)

// futexWait parks the thread until the low half of w is no longer old, somebody
// wakes it, the time is over (0: never), or for no reason at all. It goes
// through the scheduler's system call path (not a raw one), so that other
// goroutines keep running.
func futexWait(w *atomic.Uint64, old uint32, within time.Duration) {
	var ts *unix.Timespec
	if within > 0 {
		t := unix.NsecToTimespec(int64(within))
		ts = &t
	}
	// EAGAIN, EINTR, ETIMEDOUT and success all mean the same to the caller: look
	// again.
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), futexOpWait, uintptr(old),
		uintptr(unsafe.Pointer(ts)), 0, 0)
}

// futexWake wakes everyone parked on w, in whatever process.
func futexWake(w *atomic.Uint64) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), futexOpWake, math.MaxInt32, 0, 0, 0)
}
