package multiport

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

func unixAddr(t *testing.T) Addr {
	t.Helper()
	return Addr{Network: Unix, Path: filepath.Join(t.TempDir(), "s")}
}

// leaveStale leaves the socket file of a server that was killed.
func leaveStale(t *testing.T, a Addr) {
	t.Helper()
	f, err := Listen(a, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(a.Path); err != nil {
		t.Fatal(err)
	}
}

func TestUnixMode(t *testing.T) {
	for _, test := range []struct {
		umask int
		mode  fs.FileMode
		want  fs.FileMode
	}{
		{0, 0, 0o600},
		{0o777, 0, 0o600},
		{0o022, 0o666, 0o666},
		{0o077, 0o660, 0o660},
		{0, 0o640 | fs.ModeSetuid, 0o640},
	} {
		a := unixAddr(t)
		old := unix.Umask(test.umask)
		f, err := Listen(a, ListenOptions{Mode: test.mode})
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		info, err := os.Lstat(a.Path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != test.want|fs.ModeSocket {
			t.Errorf("umask %o, mode %o: file has %v", test.umask, test.mode, got)
		}
	}
}

// TestUnixModeFromTheStart binds without the chmod that follows: the file must not be open to others meanwhile.
func TestUnixModeFromTheStart(t *testing.T) {
	a := unixAddr(t)
	defer unix.Umask(unix.Umask(0))
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if info, err := os.Lstat(a.Path); err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("seen with mode %v", info.Mode())
				return
			}
		}
	})
	for range 200 {
		leaveStale(t, a)
		if err := Remove(a); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	watcher.Wait()
}

func TestStaleSocket(t *testing.T) {
	a := unixAddr(t)
	leaveStale(t, a)
	f, _ := listen(t, a, ListenOptions{Backlog: 1})
	if err := answers(t, f, a); err != nil {
		t.Error("after a stale socket:", err)
	}
	if _, err := Listen(a, ListenOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("while somebody listens: %v, want ErrInUse", err)
	}
	if err := answers(t, f, a); err != nil {
		t.Error("the first socket is lost:", err)
	}
}

// TestBusySocket: a queue that is full answers EAGAIN, which is not to be taken for stale.
func TestBusySocket(t *testing.T) {
	a := unixAddr(t)
	listen(t, a, ListenOptions{Backlog: 1})
	for {
		fd, err := newSocket(unix.AF_UNIX)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: a.Path})
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Listen(a, ListenOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("while the queue is full: %v, want ErrInUse", err)
	}
}

func TestNotASocket(t *testing.T) {
	file := unixAddr(t)
	if err := os.WriteFile(file.Path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	target, link := unixAddr(t), unixAddr(t)
	leaveStale(t, target)
	if err := os.Symlink(target.Path, link.Path); err != nil {
		t.Fatal(err)
	}
	for _, a := range []Addr{file, link} {
		if _, err := Listen(a, ListenOptions{}); !errors.Is(err, ErrNotSocket) {
			t.Errorf("Listen: %v, want ErrNotSocket", err)
		}
		if err := Remove(a); !errors.Is(err, ErrNotSocket) {
			t.Errorf("Remove: %v, want ErrNotSocket", err)
		}
		if _, err := os.Lstat(a.Path); err != nil {
			t.Errorf("gone: %v", err)
		}
	}
}

// TestStaleRace: of several servers that find one stale socket, one gets the path, and keeps it.
func TestStaleRace(t *testing.T) {
	a := unixAddr(t)
	for range 30 {
		leaveStale(t, a)
		var mu sync.Mutex
		var won []*os.File
		var servers sync.WaitGroup
		for range 4 {
			servers.Go(func() {
				f, err := Listen(a, ListenOptions{})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, f)
				} else if !errors.Is(err, ErrInUse) {
					t.Error(err)
				}
			})
		}
		servers.Wait()
		if len(won) != 1 {
			t.Fatalf("%d servers have the path", len(won))
		}
		if err := answers(t, won[0], a); err != nil {
			t.Fatal("the winner is not reached:", err)
		}
		_ = won[0].Close()
	}
}

func TestLockedFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the two seconds pass at once
		a := unixAddr(t)
		lock, err := lockFolder(filepath.Dir(a.Path))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(a, ListenOptions{}); !errors.Is(err, ErrLocked) {
			t.Errorf("%v, want ErrLocked", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		listen(t, a, ListenOptions{})
	})
}

func TestRemove(t *testing.T) {
	a := unixAddr(t)
	leaveStale(t, a)
	for range 2 { // the second time there is nothing to do
		if err := Remove(a); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(a.Path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
	}
	if err := Remove(anyPort4); err != nil {
		t.Error(err)
	}
}
