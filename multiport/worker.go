package multiport

import (
	"fmt"
	"strconv"
)

// MaxWorkers is how many addresses one base can give: workers 0..127.
const MaxWorkers = 128

// ForWorker returns the address of worker n, 0..127: port + n, or path.n.
// A port past 65535 and a path too long for a socket are errors, an *AddrError.
func (a Addr) ForWorker(n int) (Addr, error) {
	if n < 0 || n >= MaxWorkers {
		return Addr{}, &AddrError{
			fmt.Sprintf("worker %d is out of range 0..%d", n, MaxWorkers-1), "use fewer workers", ErrWorker,
		}
	}
	if a.IsZero() {
		return Addr{}, &AddrError{"no address", forms, ErrEmpty}
	}
	if a.Network == Unix {
		w := Addr{Network: Unix, Path: a.Path + "." + strconv.Itoa(n)}
		return w, checkPath(w.Path)
	}
	w := a
	w.Port += n
	if a.Port < 1 || w.Port > maxPort {
		return Addr{}, &AddrError{
			fmt.Sprintf("port %d + worker %d = %d is out of range 1..%d", a.Port, n, w.Port, maxPort),
			fmt.Sprintf("choose a base port from 1 to %d", maxPort-n), ErrPortRange,
		}
	}
	return w, nil
}

// CheckRange tells whether every one of that many workers, 1..128, can have its address.
func (a Addr) CheckRange(workers int) error {
	if workers < 1 || workers > MaxWorkers {
		return &AddrError{
			fmt.Sprintf("%d workers are out of range 1..%d", workers, MaxWorkers),
			fmt.Sprintf("choose from 1 to %d", MaxWorkers), ErrWorker,
		}
	}
	_, err := a.ForWorker(workers - 1) // the highest port, and one of the longest paths
	return err
}
