package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// envPassed has this program say which sockets systemd passes to it, instead of running tests.
const envPassed = "RTMP_EDGE_SYSTEMD_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(envPassed) == "" {
		os.Exit(m.Run())
	}
	if err := passed(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// passed prints the address of each socket. systemd knows the pid of the process that it starts; our test doesn't.
func passed() error {
	if os.Getenv("LISTEN_PID") == "own" {
		if err := os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid())); err != nil {
			return err
		}
	}
	s, err := FromEnvironment()
	if err != nil {
		return err
	}
	for a := range s.Sockets.passed {
		fmt.Println(a)
	}
	return nil
}

// As systemd passes them: descriptors from 3 on, and their number in the environment.
func TestPassedSockets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	tcp, local := listening(t, "tcp4", "127.0.0.1:0"), listening(t, "unix", path)
	out, err := pass(t, "own", tcp, local)
	check(t, err)
	got := strings.Fields(out)
	slices.Sort(got)
	if want := []string{tcp.Name(), "unix:" + path}; !slices.Equal(got, want) {
		t.Errorf("it has %q, not %q", got, want)
	}
	if out, err := pass(t, "1", tcp, local); err != nil || out != "" { // for another process
		t.Errorf("it has %q (%v), not none", out, err)
	}
}

func pass(t *testing.T, pid string, files ...*os.File) (out string, err error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envPassed+"=yes", "LISTEN_PID="+pid, fmt.Sprint("LISTEN_FDS=", len(files)))
	cmd.ExtraFiles = files
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	return b.String(), err
}

// listening returns a socket as systemd makes it, which blocks, with its address as name.
func listening(t *testing.T, network, address string) *os.File {
	t.Helper()
	l, err := net.Listen(network, address)
	check(t, err)
	t.Cleanup(func() { l.Close() })
	f, err := l.(interface{ File() (*os.File, error) }).File()
	check(t, err)
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	check(t, err)
	check(t, unix.SetNonblock(fd, false))
	named := os.NewFile(uintptr(fd), l.Addr().String())
	t.Cleanup(func() { named.Close() })
	return named
}

// A socket is found by its address as the configuration writes it.
func TestAddress(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	for _, test := range []struct{ network, address, want string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1:PORT"},
		{"tcp4", "0.0.0.0:0", "0.0.0.0:PORT"},
		{"tcp6", "[::1]:0", "[::1]:PORT"},
		{"tcp6", "[::]:0", "[::]:PORT"}, // of IPv6 alone
		{"tcp", ":0", "PORT"},           // of IPv4 as well
		{"unix", path, "unix:" + path},
	} {
		f := listening(t, test.network, test.address)
		a, err := address(f)
		check(t, err)
		_, port, _ := net.SplitHostPort(f.Name())
		want, err := multiport.Parse(strings.Replace(test.want, "PORT", port, 1))
		check(t, err)
		if a != want {
			t.Errorf("%s %s: %v, not %v", test.network, test.address, a, want)
		}
	}
}

// Whoever takes a socket has it as often as asked for, and it listens; then it is gone.
func TestTake(t *testing.T) {
	t.Parallel()
	f := listening(t, "tcp4", "127.0.0.1:0")
	s, err := newSockets([]*os.File{f})
	check(t, err)
	a, err := multiport.Parse(f.Name())
	check(t, err)
	if err := s.Rest(); !errors.Is(err, ErrUnused) || !strings.Contains(err.Error(), a.String()) {
		t.Errorf("one is left: %v", err)
	}
	if files, err := s.Take(multiport.Addr{Network: multiport.TCP, Host: "127.0.0.1", Port: a.Port + 1}, 1); files != nil || err != nil {
		t.Errorf("of another address: %v %v", files, err)
	}
	files, err := s.Take(a, 3)
	check(t, err)
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		l, err := multiport.Listener(f)
		check(t, err)
		check(t, f.Close())
		nc, err := net.Dial("tcp4", a.String())
		check(t, err)
		accepted, err := l.Accept()
		check(t, err)
		check(t, errors.Join(nc.Close(), accepted.Close(), l.Close()))
		if f.Name() != a.String() {
			t.Errorf("it is called %q", f.Name())
		}
	}
	if files, err := s.Take(a, 1); files != nil || err != nil {
		t.Errorf("a second time: %v %v", files, err)
	}
	check(t, s.Rest())
}

// A process that only hands sockets on does not make them block, nor is it woken by what they do.
func TestTakenNonBlocking(t *testing.T) {
	t.Parallel()
	f := listening(t, "tcp4", "127.0.0.1:0")
	s, err := newSockets([]*os.File{f})
	check(t, err)
	a, err := multiport.Parse(f.Name())
	check(t, err)
	files, err := s.Take(a, 2)
	check(t, err)
	for _, f := range files {
		t.Cleanup(func() { _ = f.Close() })
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0) // Fd would make one block that the runtime watches
		check(t, err)
		if flags&unix.O_NONBLOCK == 0 {
			t.Error("it blocks")
		}
		if err := f.SetDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
			t.Errorf("the runtime watches it: %v", err)
		}
	}
}

// What can't be used is refused at once, and says why.
func TestBadSockets(t *testing.T) {
	t.Parallel()
	twice := listening(t, "tcp4", "127.0.0.1:0")
	fd, err := unix.FcntlInt(twice.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	check(t, err)
	if _, err := newSockets([]*os.File{twice, os.NewFile(uintptr(fd), "again")}); !errors.Is(err, ErrTwice) {
		t.Errorf("one address twice: %v", err)
	}
	plain, err := os.Create(filepath.Join(t.TempDir(), "file"))
	check(t, err)
	if _, err := newSockets([]*os.File{plain}); !errors.Is(err, ErrSocket) {
		t.Errorf("a file: %v", err)
	}
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		check(t, err)
		if _, err := newSockets([]*os.File{os.NewFile(uintptr(fd), "socket")}); !errors.Is(err, ErrSocket) {
			t.Errorf("a socket of kind %d: %v", kind, err)
		}
	}
}
