package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareFiles is what a process needs beside its connections.
const spareFiles = 100

// needFiles lets this process open so many connections.
func needFiles(n int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	want := uint64(n + spareFiles)
	if l.Cur >= want {
		return nil
	}
	l.Cur, l.Max = want, max(l.Max, want)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("%w: %d connections need %d open files, and more than %d are not allowed (ulimit -n, as root)", ErrOptions, n, want, l.Max)
	}
	return nil
}
