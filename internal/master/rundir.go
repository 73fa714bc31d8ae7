package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// runDir makes the folder of the private sockets, or checks the one there is: only its owner, who is us, may enter. The second result removes
// what was made.
func runDir(path string) (string, func() error, error) {
	if path == "" {
		made, err := os.MkdirTemp("", "rtmp-edge-") // with 0700
		if err != nil {
			return "", nil, fmt.Errorf("run_dir: make a private folder: %w", err)
		}
		return made, remover(made), nil
	}
	err := os.Mkdir(path, 0o700)
	if err == nil {
		return path, remover(path), nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return "", nil, fmt.Errorf("run_dir: %w: make its parent folder, or choose another", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", nil, fmt.Errorf("run_dir: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return "", nil, fmt.Errorf("run_dir: %s is no folder: remove it, or choose another path", path)
	case ok && int(st.Uid) != os.Geteuid():
		return "", nil, fmt.Errorf("run_dir: %s belongs to user %d, the server runs as %d: change its owner, or choose another path", path, st.Uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return "", nil, fmt.Errorf("run_dir: %s is open to others (mode %04o): chmod 0700 it, or choose another path", path, info.Mode().Perm())
	}
	return path, func() error { return nil }, nil
}

// remover removes the folder, unless somebody put something in it.
func remover(path string) func() error {
	return func() error {
		err := os.Remove(path)
		if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
}
