package bench

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sender sends the same bytes to many sockets in one way.
type sender interface {
	// fresh makes the bytes of a new interval.
	fresh() error
	// to sends them without waiting, and tells how many the socket took.
	to(fd int) (n int, err error)
	close()
}

func newSender(mode string, size int, interval time.Duration) (sender, error) {
	buffer := make([]byte, size)
	for i := range buffer {
		buffer[i] = byte(i)
	}
	switch mode {
	case ModeSend:
		return &plainSender{buffer}, nil
	case ModeWritev:
		return &vectorSender{cut(buffer, interval)}, nil
	case ModeSendfile:
		return newFileSender(buffer)
	}
	return nil, fmt.Errorf("%w: %q is no way to send: %s, %s or %s", ErrOptions, mode, ModeSend, ModeWritev, ModeSendfile)
}

// A plainSender sends one piece of memory.
type plainSender struct{ buffer []byte }

func (*plainSender) fresh() error { return nil }

func (s *plainSender) to(fd int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&s.buffer[0])), uintptr(len(s.buffer)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return taken(n, errno)
}

func (*plainSender) close() {}

// A vectorSender sends one piece of memory for each message, as a server does that keeps them apart.
type vectorSender struct{ vector []unix.Iovec }

// cut makes as many pieces as a stream has messages in an interval, but not more than one call takes.
func cut(buffer []byte, interval time.Duration) []unix.Iovec {
	const messagesPerSecond, most = 73, 1024
	n := min(max(int(messagesPerSecond*interval.Seconds()), 1), most, len(buffer))
	vector := make([]unix.Iovec, n)
	for i := range vector {
		piece := buffer[len(buffer)*i/n : len(buffer)*(i+1)/n]
		vector[i].Base = &piece[0]
		vector[i].SetLen(len(piece))
	}
	return vector
}

func (*vectorSender) fresh() error { return nil }

func (s *vectorSender) to(fd int) (int, error) {
	message := unix.Msghdr{Iov: &s.vector[0]}
	message.SetIovlen(len(s.vector))
	n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	return taken(n, errno)
}

func (*vectorSender) close() {}

// A fileSender sends from a file in memory, which is only appended to: pages that are on their way must not change. Old ones are given back.
type fileSender struct {
	buffer []byte
	file   int
	begin  int64 // of the newest bytes
	holes  int64 // what is before has been given back
}

// fileKept is how many bytes stay in the file for sockets that have not sent them yet.
const fileKept = 16 << 20

func newFileSender(buffer []byte) (*fileSender, error) {
	file, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	return &fileSender{buffer: buffer, file: file, begin: -int64(len(buffer))}, nil
}

func (s *fileSender) fresh() error {
	s.begin += int64(len(s.buffer))
	if n, err := unix.Pwrite(s.file, s.buffer, s.begin); err != nil || n < len(s.buffer) {
		return fmt.Errorf("memfd: %d bytes were written: %w", n, err)
	}
	old := (s.begin - fileKept) &^ (1<<20 - 1)
	if old <= s.holes {
		return nil
	}
	err := unix.Fallocate(s.file, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, s.holes, old-s.holes)
	s.holes = old
	return err
}

func (s *fileSender) to(fd int) (int, error) {
	from := s.begin
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(s.file), uintptr(unsafe.Pointer(&from)), uintptr(len(s.buffer)), 0, 0)
	return taken(n, errno)
}

func (s *fileSender) close() { _ = unix.Close(s.file) }

// rawSleep sleeps without the Go scheduler's knowledge, whose work would cost as much again as the calls that are measured. A signal may end it early.
func rawSleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// taken is how many bytes a call sent: none if the socket is full.
func taken(n uintptr, errno unix.Errno) (int, error) {
	switch {
	case errors.Is(errno, unix.EAGAIN), errors.Is(errno, unix.EINTR):
		return 0, nil
	case errno != 0:
		return 0, errno
	}
	return int(n), nil
}
