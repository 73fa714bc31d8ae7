package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrNoServer says that no server runs with a run folder.
	ErrNoServer = errors.New("no server runs")
	// ErrZoneMoving says that the master lives, but its link did not lead to a zone: it is just giving the zone other sizes. Try again.
	ErrZoneMoving = errors.New("its link leads to no zone")
)

// A RunningZone is the zone of a running server.
type RunningZone struct {
	File      *os.File // its memory, for reading only
	MasterPID int
}

// tempRunDir is how the names of the folders begin that runDir makes.
const tempRunDir = "rtmp-edge-"

// zoneLinkTarget is where a master's link leads to. Links that lead elsewhere are not followed: not by root into a folder of somebody else's.
var zoneLinkTarget = regexp.MustCompile(`^/proc/([1-9][0-9]{0,9})/fd/[0-9]{1,10}$`)

// OpenZone opens the memory of the zone of the server that runs with this run folder. It asks no process and writes nothing. Errors: ErrNoServer,
// ErrZoneMoving, and fs.ErrPermission for who is neither the server's user nor root.
func OpenZone(runDir string) (*RunningZone, error) {
	target, err := os.Readlink(filepath.Join(runDir, zoneLinkName))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("%w with run_dir %s", ErrNoServer, runDir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: be the server's user, or root", err)
	case err != nil:
		return nil, err
	}
	m := zoneLinkTarget.FindStringSubmatch(target)
	if m == nil {
		return nil, fmt.Errorf("%s is not a server's: it leads to %q", filepath.Join(runDir, zoneLinkName), target)
	}
	pid, err := strconv.Atoi(m[1])
	if err != nil {
		return nil, err
	}
	switch held, err := holdsFolder(pid, runDir); {
	case err != nil:
		return nil, err
	case !held:
		return nil, fmt.Errorf("%w with run_dir %s: process %d, which did, has ended", ErrNoServer, runDir, pid)
	}
	f, err := openRegular(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run_dir %s: %w", runDir, ErrZoneMoving)
	}
	if err != nil {
		return nil, err
	}
	return &RunningZone{File: f, MasterPID: pid}, nil
}

// holdsFolder tells whether the process has the folder open.
func holdsFolder(pid int, dir string) (bool, error) {
	folder, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	entries, denied := os.ReadDir(fds)
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(fds, e.Name()))
		switch {
		case err == nil && os.SameFile(info, folder):
			return true, nil
		case errors.Is(err, fs.ErrPermission): // to see that there is a descriptor is not to see what it is
			denied = err
		}
	}
	if errors.Is(denied, fs.ErrPermission) && ProcessState(pid, AnyParent) != Gone {
		return false, fmt.Errorf("%w: process %d is another user's, or has capabilities that you have not: try it as root", denied, pid)
	}
	return false, nil // the process has ended, or is another one
}

// openRegular opens what is at the path for reading if it is a plain file, which a memfd is. To open anything else might wait, or have effects. Otherwise
// it returns fs.ErrNotExist.
func openRegular(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) // this opens nothing yet
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	place := os.NewFile(uintptr(fd), path)
	defer place.Close()
	info, err := place.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// FindRunDirs returns the run folders of our user's running servers that have none in their configuration: those in the folder for temporary files.
func FindRunDirs() ([]string, error) {
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		return nil, err
	}
	var dirs []string
	var problems []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempRunDir) || !isOurFolder(e) {
			continue
		}
		dir := filepath.Join(os.TempDir(), e.Name())
		switch z, err := OpenZone(dir); {
		case err == nil:
			z.File.Close()
			dirs = append(dirs, dir)
		case errors.Is(err, ErrZoneMoving):
			dirs = append(dirs, dir)
		case !errors.Is(err, ErrNoServer):
			problems = append(problems, fmt.Errorf("%s: %w", dir, err))
		}
	}
	if len(dirs) == 0 {
		return nil, errors.Join(problems...)
	}
	return dirs, nil
}

// isOurFolder refuses what others may have put there for us to find.
func isOurFolder(e fs.DirEntry) bool {
	info, err := e.Info() // of a link itself
	if err != nil || !info.IsDir() {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// What ProcessState tells.
const (
	Running = "running"
	Stopped = "stopped" // by SIGSTOP or a debugger
	Gone    = "gone"    // also when nobody has reaped it yet

	AnyParent = 0
)

// ProcessState tells what a process does. If it has another parent than this one it is Gone: its pid is somebody else's by now.
func ProcessState(pid, parent int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Gone
	}
	// "pid (name) state ppid …", see proc_pid_stat(5). The name may have anything in it.
	stat := string(b)
	var state string
	var ppid int
	if _, err := fmt.Sscan(stat[strings.LastIndexByte(stat, ')')+1:], &state, &ppid); err != nil || parent != AnyParent && ppid != parent {
		return Gone
	}
	switch state {
	case "T", "t":
		return Stopped
	case "Z", "X":
		return Gone
	default:
		return Running
	}
}
