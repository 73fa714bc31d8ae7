package multiport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestReusePort(t *testing.T) {
	first, a := listen(t, anyPort4, ListenOptions{ReusePort: true})
	second, b := listen(t, a, ListenOptions{ReusePort: true})
	if a != b {
		t.Fatalf("listening on %s and %s", a, b)
	}
	if _, err := Listen(a, ListenOptions{}); !errors.Is(err, ErrInUse) {
		t.Errorf("without ReusePort: %v, want ErrInUse", err)
	}
	bothAccept(t, a, first, second)
}

// bothAccept dials until each of the files has had a connection.
func bothAccept(t *testing.T, a Addr, files ...*os.File) {
	t.Helper()
	accepted := make(chan int)
	stop := make(chan struct{})
	defer close(stop)
	for i, f := range files {
		l, err := Listener(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
				select {
				case accepted <- i:
				case <-stop:
					return
				}
			}
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := make(map[int]bool)
	for len(seen) < len(files) {
		c, err := a.Dial(ctx)
		if err != nil {
			t.Fatalf("%d of %d sockets accepted: %v", len(seen), len(files), err)
		}
		select {
		case i := <-accepted:
			seen[i] = true
		case <-ctx.Done():
			t.Fatalf("%d of %d sockets accepted", len(seen), len(files))
		}
		_ = c.Close()
	}
}

func TestListenGroup(t *testing.T) {
	for _, a := range []Addr{anyPort4, {Network: TCP}, {Network: Unix, Path: filepath.Join(t.TempDir(), "s")}} {
		t.Run(a.Network+a.Host, func(t *testing.T) {
			files, err := ListenGroup(a, 3, ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			bound := mustParse(t, files[0].Name())
			for _, f := range files {
				t.Cleanup(func() { _ = f.Close() })
				if f.Name() != bound.String() {
					t.Errorf("%s and %s in one group", f.Name(), bound)
				}
			}
			// A second server of the same user must not slip into the group.
			if _, err := ListenGroup(bound, 3, ListenOptions{}); !errors.Is(err, ErrInUse) {
				t.Errorf("a second group: %v, want ErrInUse", err)
			}
			if a.Network == TCP { // whose owner may let it grow
				f, err := Listen(bound, ListenOptions{ReusePort: true})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = f.Close() }()
				files = append(files, f)
			}
			bothAccept(t, bound, files...)
		})
	}
	if _, err := ListenGroup(anyPort4, 0, ListenOptions{}); !errors.Is(err, ErrWorker) {
		t.Errorf("a group of none: %v", err)
	}
}

// startWorker starts a process that accepts on f.
func startWorker(t *testing.T, f *os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"=1")
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// ask dials a and returns the process id that answers.
func ask(t *testing.T, a Addr) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := a.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, c)
}

func readAnswer(t *testing.T, c net.Conn) string {
	t.Helper()
	defer func() { _ = c.Close() }()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	pid, err := io.ReadAll(c)
	if err != nil || len(pid) == 0 {
		t.Fatalf("answer %q, %v", pid, err)
	}
	return string(pid)
}

func TestProcessesShareAPort(t *testing.T) {
	files, err := ListenGroup(anyPort4, 2, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Cleanup(func() { _ = f.Close() })
		startWorker(t, f)
		checkFlags(t, f) // starting a process must not have changed them
	}
	a := mustParse(t, files[0].Name())
	pids := make(map[string]bool)
	for deadline := time.Now().Add(patience); len(pids) < 2; {
		if time.Now().After(deadline) {
			t.Fatalf("only %v answered", pids)
		}
		pids[ask(t, a)] = true
	}
}

// TestQueueOutlivesWorker: as long as the owner holds the socket, nobody is refused, and who waits is served by the
// worker's successor.
func TestQueueOutlivesWorker(t *testing.T) {
	for _, base := range []Addr{anyPort4, {Network: Unix, Path: filepath.Join(t.TempDir(), "s.0")}} {
		t.Run(base.Network, func(t *testing.T) {
			f, a := listen(t, base, ListenOptions{})
			first := startWorker(t, f)
			before := ask(t, a)
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.Wait()
			c, err := a.Dial(t.Context())
			if err != nil {
				t.Fatal("refused while there is no worker:", err)
			}
			startWorker(t, f)
			if after := readAnswer(t, c); after == before {
				t.Errorf("process %s answers after its death", after)
			}
		})
	}
}
