package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// zoneLinkName is the name, in the run folder, of the link to the zone's memory.
const zoneLinkName = "zone"

// A zoneLink is how an operator gets at the zone of a running server without asking any of its processes: all may hang. It is a symbolic link to
// the descriptor that the master has of the zone's memory, /proc/PID/fd/N. The kernel lets only the server's user and root through it.
//
// The link of a master that was killed stays behind, and its pid may become another process', which may even be the master of another server.
// Therefore a master holds its run folder open, and OpenZone goes only through links of processes that do.
type zoneLink struct {
	path string

	mu  sync.Mutex
	dir *os.File // the run folder; nil after remove; guarded by mu
}

// newZoneLink makes the link. Call it when the private sockets are bound: then no other server has the run folder.
func newZoneLink(runDir string, zone *os.File) (*zoneLink, error) {
	dir, err := os.Open(runDir)
	if err != nil {
		return nil, fmt.Errorf("run_dir: %w", err)
	}
	// systemd-tmpfiles removes what is old in /tmp, such as our link, but not in a folder that is locked. It is no harm where that can't be done.
	_ = unix.Flock(int(dir.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	l := &zoneLink{path: filepath.Join(runDir, zoneLinkName), dir: dir}
	if err := l.publish(zone); err != nil {
		return nil, errors.Join(err, l.remove())
	}
	return l, nil
}

// publish makes the link lead to this memory, which must stay open: at the start, and again for each successor that the zone gets. Whoever opens
// the link meanwhile finds the one or the other. After remove it does nothing.
func (l *zoneLink) publish(zone *os.File) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dir == nil {
		return nil
	}
	if info, err := os.Lstat(l.path); err == nil && info.Mode()&fs.ModeSymlink == 0 { // Rename would replace it
		return fmt.Errorf("run_dir: %s is in the way: remove it, or choose another path", l.path)
	}
	fresh := l.path + ".new"
	if err := removeLink(fresh); err != nil { // of a master that was killed
		return fmt.Errorf("run_dir: %w", err)
	}
	if err := os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), zone.Fd()), fresh); err != nil {
		return fmt.Errorf("run_dir: %w", err)
	}
	if err := os.Rename(fresh, l.path); err != nil {
		return errors.Join(fmt.Errorf("run_dir: %w", err), removeLink(fresh))
	}
	return nil
}

// unlocked lets sockets be bound in the run folder by do: who binds one locks its folder for himself.
func (l *zoneLink) unlocked(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dir != nil {
		_ = unix.Flock(int(l.dir.Fd()), unix.LOCK_UN)
		defer func() { _ = unix.Flock(int(l.dir.Fd()), unix.LOCK_SH|unix.LOCK_NB) }()
	}
	do()
}

// remove takes the link away. Call it before the private sockets are closed: after that the run folder may be another server's.
func (l *zoneLink) remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dir == nil {
		return nil
	}
	err := l.dir.Close()
	l.dir = nil
	return errors.Join(err, removeLink(l.path))
}

// removeLink removes a link, if there is one, and nothing else.
func removeLink(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
