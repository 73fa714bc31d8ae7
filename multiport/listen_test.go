package multiport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what should take no time.
const patience = 10 * time.Second

// listen is Listen for the length of a test. It returns the address with the port that was chosen.
func listen(t *testing.T, a Addr, o ListenOptions) (*os.File, Addr) {
	t.Helper()
	f, err := Listen(a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, mustParse(t, f.Name())
}

// anyPort4 is a loopback address whose port the kernel chooses.
var anyPort4 = Addr{Network: TCP, Host: "127.0.0.1"}

func hasIPv6(t *testing.T) bool {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Logf("no IPv6 on this machine: %v", err)
		return false
	}
	return l.Close() == nil
}

// answers tells whether a connection to a is accepted on f, by sending a byte through it.
func answers(t *testing.T, f *os.File, a Addr) error {
	t.Helper()
	l, err := Listener(f)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := a.Dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	if err := l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("x")); err != nil {
		return err
	}
	for { // past the connections of those who only tried whether anybody is there
		in, err := l.Accept()
		if err != nil {
			return err
		}
		n, _ := in.Read(make([]byte, 1))
		_ = in.Close()
		if n == 1 {
			return nil
		}
	}
}

func TestListenAnswers(t *testing.T) {
	type test struct {
		listen  Addr
		dial    []string // hosts that reach it; "" is the Addr itself
		refused []string // hosts that do not
	}
	tests := []test{
		{anyPort4, []string{"", "127.0.0.1"}, []string{"127.0.0.2"}},
		{Addr{Network: TCP, Host: "0.0.0.0"}, []string{"", "127.0.0.1", "127.0.0.2"}, nil},
		{Addr{Network: TCP}, []string{"", "127.0.0.1"}, nil},
		{Addr{Network: Unix, Path: filepath.Join(t.TempDir(), "s")}, []string{""}, nil},
	}
	if hasIPv6(t) {
		tests[1].refused = []string{"::1"}
		tests[2].dial = append(tests[2].dial, "::1")
		tests = append(tests,
			test{Addr{Network: TCP, Host: "::1"}, []string{"", "::1"}, []string{"127.0.0.1"}},
			test{Addr{Network: TCP, Host: "::"}, []string{"", "::1"}, []string{"127.0.0.1"}},
			test{Addr{Network: TCP, Host: "::1%lo"}, []string{"::1"}, nil},
		)
	}
	for _, test := range tests {
		t.Run(test.listen.String(), func(t *testing.T) {
			f, a := listen(t, test.listen, ListenOptions{})
			for _, host := range test.dial {
				b := a
				if host != "" {
					b.Host = host
				}
				if err := answers(t, f, b); err != nil {
					t.Errorf("dial %s: %v", b, err)
				}
			}
			for _, host := range test.refused {
				b := a
				b.Host = host
				if err := answers(t, f, b); !errors.Is(err, unix.ECONNREFUSED) {
					t.Errorf("dial %s: %v, want refused", b, err)
				}
			}
		})
	}
}

// TestOverlapIsWhatTheKernelSays binds pairs of hosts on one port.
func TestOverlapIsWhatTheKernelSays(t *testing.T) {
	hosts := []string{"", "0.0.0.0", "127.0.0.1", "127.0.0.2"}
	if hasIPv6(t) {
		hosts = append(hosts, "::", "::1")
	}
	for _, first := range hosts {
		for _, second := range hosts {
			f, a := listen(t, Addr{Network: TCP, Host: first}, ListenOptions{})
			b := Addr{Network: TCP, Host: second, Port: a.Port}
			_, _, want := Range{Base: a}.Overlap(Range{Base: b})
			g, err := Listen(b, ListenOptions{})
			if got := errors.Is(err, ErrInUse); got != want {
				t.Errorf("%s after %s: %v; Overlap says %v", b, a, err, want)
			}
			if err == nil {
				_ = g.Close()
			}
			_ = f.Close()
		}
	}
}

func TestListenFlags(t *testing.T) {
	for _, a := range []Addr{anyPort4, {Network: Unix, Path: filepath.Join(t.TempDir(), "s")}} {
		t.Run(a.Network, func(t *testing.T) {
			files, err := ListenGroup(a, 2, ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				t.Cleanup(func() { _ = f.Close() })
			}
			for _, f := range files {
				checkFlags(t, f)
				l, err := Listener(f)
				if err != nil {
					t.Fatal(err)
				}
				checkFlags(t, f)
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				checkFlags(t, f)
			}
			bothAccept(t, mustParse(t, files[0].Name()), files...) // they still listen
		})
	}
}

// checkFlags wants f close-on-exec, non-blocking, and out of the runtime's poller.
func checkFlags(t *testing.T, f *os.File) {
	t.Helper()
	fd := f.Fd()
	if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%s: not close-on-exec (%v)", f.Name(), err)
	}
	if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("%s: not non-blocking (%v)", f.Name(), err)
	}
	// proc_pid_fdinfo(5): an epoll descriptor lists what it watches as "tfd: number".
	polls, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil || len(polls) == 0 {
		t.Fatalf("/proc/self/fdinfo: %v", err)
	}
	for _, name := range polls {
		info, _ := os.ReadFile(name) // may be closed by now
		for line := range strings.Lines(string(info)) {
			var watched uintptr
			if n, _ := fmt.Sscanf(line, "tfd: %d", &watched); n == 1 && watched == fd {
				t.Errorf("%s: watched by the poller", f.Name())
			}
		}
	}
}

func TestListenErrors(t *testing.T) {
	_, taken := listen(t, anyPort4, ListenOptions{})
	for _, test := range []struct {
		addr Addr
		want error
		say  string
	}{
		{taken, ErrInUse, "address in use"},
		{Addr{Network: TCP, Host: "192.0.2.123", Port: 1}, unix.EADDRNOTAVAIL, "this machine has no such address"},
		{Addr{Network: TCP, Host: "fe80::1%nosuch", Port: 1}, nil, `zone "nosuch"`},
		{Addr{Network: TCP, Host: "localhost"}, ErrHost, "write 127.0.0.1"},
		{Addr{Network: TCP, Port: 70000}, ErrPortRange, "out of range"},
		{Addr{Network: TCP, Port: -1}, ErrPortRange, "out of range"},
		{Addr{}, ErrEmpty, "no address"},
		{Addr{Network: Unix, Path: "/nonexistent/s"}, os.ErrNotExist, "/nonexistent"},
		{Addr{Network: Unix, Path: longPath(108)}, ErrPathTooLong, "shorten it by 1"},
	} {
		f, err := Listen(test.addr, ListenOptions{})
		if err == nil {
			_ = f.Close()
			t.Errorf("%s: no error", test.addr)
			continue
		}
		prefix := "listen on " + test.addr.String() + ": "
		if test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.say) || !strings.HasPrefix(err.Error(), prefix) {
			t.Errorf("%s: %v; want %v, %q", test.addr, err, test.want, test.say)
		}
	}
}

// TestWithoutIPv6: a kernel without IPv6 refuses its family; no kernel has family 100.
func TestWithoutIPv6(t *testing.T) {
	ways, err := candidates(Addr{Network: TCP})
	if err != nil {
		t.Fatal(err)
	}
	ways[0].family = 100
	fd, err := bindFirst(ways, reuseChosen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if sa, err := unix.Getsockname(fd); err != nil {
		t.Error(err)
	} else if _, ok := sa.(*unix.SockaddrInet4); !ok {
		t.Errorf("bound %#v, want IPv4", sa)
	}
	if _, err := bindFirst(ways[:1], reuseChosen); !errors.Is(err, unix.EAFNOSUPPORT) {
		t.Errorf("with no family left: %v", err)
	}
}

func TestListenerRefuses(t *testing.T) {
	fd, err := newSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	idle := os.NewFile(uintptr(fd), "idle")
	defer func() { _ = idle.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	for _, f := range []*os.File{idle, null} {
		if _, err := Listener(f); !errors.Is(err, ErrNotListening) || !strings.Contains(err.Error(), f.Name()) {
			t.Errorf("%s: %v", f.Name(), err)
		}
	}
}
