package multiport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockTimeout bounds the wait for another process that binds a socket in the same folder.
const lockTimeout = 2 * time.Second

// listenUnix holds the folder locked from the look at the old file until the new socket listens. Without the lock
// two servers that start at once could each take the other's socket, bound but not listening yet, for a stale one.
func listenUnix(a Addr, o ListenOptions) (*os.File, error) {
	if err := checkPath(a.Path); err != nil {
		return nil, err
	}
	folder, err := lockFolder(filepath.Dir(a.Path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }() // and unlocks it
	if err := removeStale(a.Path); err != nil {
		return nil, err
	}
	fd, err := newSocket(unix.AF_UNIX)
	if err != nil {
		return nil, err
	}
	if err := bindPath(fd, a.Path, o); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return newFile(fd, a.String())
}

func bindPath(fd int, path string, o ListenOptions) error {
	// The file takes the mode of the unbound socket, less the umask: it is never open to more than o.mode(), not
	// even for a moment. A umask is of the whole process, so it is no way to say so.
	if err := unix.Fchmod(fd, uint32(o.mode())); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return explain("bind", err)
	}
	err := os.Chmod(path, o.mode()) // what the umask took away
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, o.backlog()))
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// lockFolder takes an advisory lock (flock(2)) on a folder, which the kernel drops with the returned file.
func lockFolder(path string) (*os.File, error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(lockTimeout)
	for {
		err = unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return folder, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			_ = folder.Close()
			return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
		case time.Now().After(deadline):
			_ = folder.Close()
			return nil, fmt.Errorf("%s: %w for %s", path, ErrLocked, lockTimeout)
		}
		time.Sleep(5 * time.Millisecond) // whoever holds it binds a socket, which takes no time
	}
}

// removeStale removes the socket file that a killed server left at path.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is %w: remove it, or choose another path", path, ErrNotSocket)
	}
	fd, err := newSocket(unix.AF_UNIX)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	switch {
	case errors.Is(err, unix.ECONNREFUSED): // bound by nobody who lives
		return ignoreMissing(os.Remove(path))
	case errors.Is(err, unix.ENOENT):
		return nil
	case err == nil, errors.Is(err, unix.EAGAIN): // EAGAIN: it listens, and its queue is full
		return fmt.Errorf("%w: another process answers there", ErrInUse)
	default:
		return fmt.Errorf("%w: cannot tell whether anybody answers there: %w", ErrInUse, os.NewSyscallError("connect", err))
	}
}

// Remove removes the file of a unix socket, if there is one. It is the owner of the socket who should, once no worker
// needs it any more: while it lives, nobody else can have bound the path. For a TCP address it does nothing.
func Remove(a Addr) error {
	if a.Network != Unix {
		return nil
	}
	info, err := os.Lstat(a.Path)
	if err != nil {
		return ignoreMissing(err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is %w", a.Path, ErrNotSocket)
	}
	return ignoreMissing(os.Remove(a.Path))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
