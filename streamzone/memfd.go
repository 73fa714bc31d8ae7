package streamzone

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// zoneSeals keep the file's size for ever: nobody who maps it can be hit by
// SIGBUS because somebody else cut it.
const zoneSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// A bare descriptor does not keep its os.File alive, and a caller may hold no
// other reference to it: without the KeepAlives below, the garbage collector
// could close the descriptor before we use it, and it might be another file's.

// newMemfd makes a sealed anonymous file of size bytes, all of them allocated
// now: running out of memory later would be a SIGBUS too.
func newMemfd(size uint64) (*os.File, error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("streamzone", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate("streamzone", flags)
	}
	if err != nil {
		return nil, fmt.Errorf("streamzone: memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "streamzone")
	if err := allocate(fd, size); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func allocate(fd int, size uint64) error {
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return fmt.Errorf("streamzone: size the zone: %w", err)
	}
	for {
		err := unix.Fallocate(fd, 0, 0, int64(size))
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("streamzone: allocate %d KiB: %w", size>>10, err)
		}
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, zoneSeals); err != nil {
		return fmt.Errorf("streamzone: seal the zone: %w", err)
	}
	return nil
}

// checkSeals refuses a file that could change its size under us.
func checkSeals(f *os.File) error {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	runtime.KeepAlive(f)
	if err != nil {
		return fmt.Errorf("%w: not a zone: read its seals: %w", ErrCorrupt, err)
	}
	if seals&zoneSeals != zoneSeals {
		return fmt.Errorf("%w: it is not sealed (seals %#x)", ErrCorrupt, seals)
	}
	return nil
}

// reopen makes an open file description of our own. A descriptor inherited from
// the master shares the master's, and with it every lock taken through it.
func reopen(f *os.File) (*os.File, error) {
	own, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0) // os adds O_CLOEXEC
	runtime.KeepAlive(f)
	if err != nil {
		return nil, fmt.Errorf("streamzone: open the zone again: %w", err)
	}
	return own, nil
}

// keeperByte is the keeper's lock byte; a slot's is the byte of its number.
// The locks have nothing to do with what the file holds at those bytes.
const keeperByte = Slots

// lockByte takes the byte for as long as f's description is open anywhere. It
// fails with busy if another description holds it. The kernel gives it back
// when the process ends, however it ends, after its last instruction: that the
// byte is free is the proof that nobody writes for that slot any more.
func lockByte(f *os.File, at int64, busy error) error {
	err := setLock(f, at, unix.F_WRLCK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return busy
	}
	if err != nil {
		return fmt.Errorf("streamzone: lock byte %d: %w", at, err)
	}
	return nil
}

// unlockByte gives the byte back.
func unlockByte(f *os.File, at int64) error {
	if err := setLock(f, at, unix.F_UNLCK); err != nil {
		return fmt.Errorf("streamzone: unlock byte %d: %w", at, err)
	}
	return nil
}

// giveUp gives the byte back and closes the description. Closing alone is not
// enough: while the memory is mapped, the description lives.
func giveUp(own *os.File, at int64) error {
	return errors.Join(unlockByte(own, at), own.Close())
}

// isHeld tells whether another description than f holds the byte.
func isHeld(f *os.File, at int64) (bool, error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk)
	runtime.KeepAlive(f)
	if err != nil {
		return false, fmt.Errorf("streamzone: test lock byte %d: %w", at, err)
	}
	return lk.Type != unix.F_UNLCK, nil
}

func setLock(f *os.File, at int64, kind int16) error {
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: at, Len: 1})
	runtime.KeepAlive(f)
	return err
}
