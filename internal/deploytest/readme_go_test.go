package deploytest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// goTree is where the copy of the tree is in a test root.
const goTree = "/src/rtmp-edge"

// goFolders are what Go is on this machine: its own folder, the modules that were downloaded, and what was compiled before.
var goFolders = sync.OnceValues(func() (folders map[string]string, err error) {
	out, err := output("go", "env", "GOROOT", "GOMODCACHE", "GOCACHE")
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(out)
	return map[string]string{"GOROOT": lines[0], "GOMODCACHE": lines[1], "GOCACHE": lines[2]}, nil
})

// bringGo puts a copy of the tree into the root, as a clone has it, and this machine's Go. Nothing can be downloaded there: the root has no network but its own.
func (r *root) bringGo() {
	r.t.Helper()
	folders, err := goFolders()
	if err != nil {
		r.t.Fatal(err)
	}
	for name, folder := range folders {
		if err := r.bind(folder, name != "GOCACHE"); err != nil {
			r.t.Fatalf("bring %s into the test root: %v", folder, err)
		}
	}
	for _, file := range strings.Split(strings.TrimRight(run(r.t, "", "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(repo, file))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not committed
		}
		if err != nil {
			r.t.Fatal(err)
		}
		r.copyIn(filepath.Join(repo, file), filepath.Join(goTree, file), info.Mode().Perm())
	}
}

// goEnvironment is what Go needs to know there, as assignments.
func goEnvironment() []string {
	folders, err := goFolders()
	if err != nil {
		return nil
	}
	return []string{
		"PATH=" + folders["GOROOT"] + "/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"GOMODCACHE=" + folders["GOMODCACHE"], "GOCACHE=" + folders["GOCACHE"], "GOPROXY=off", "GOTOOLCHAIN=local", "GOFLAGS=",
	}
}

// bind mounts a folder of this machine in the root, in the same place. It goes with the root.
func (r *root) bind(folder string, readOnly bool) error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, folder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer func() { _ = unix.Close(tree) }()
	if readOnly {
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("mount_setattr: %w", err)
		}
	}
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", r.pid))
	if err != nil {
		return err
	}
	defer space.Close()
	mounted := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		mounted <- mountThere(int(space.Fd()), tree, folder)
	}()
	return <-mounted
}

// mountThere changes to another mount namespace, for good, and mounts a tree there.
func mountThere(space, tree int, folder string) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Setns(space, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, folder, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}
