package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// within is how long a test waits for anything.
const within = time.Minute

// A manager stands in for systemd: it hears what the service says.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	name string // of its socket
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn, name}
}

// service starts one below it.
func (m *manager) service(environment ...string) *Service {
	m.t.Helper()
	m.t.Setenv(envNotify, m.name)
	for _, v := range environment {
		name, value, _ := strings.Cut(v, "=")
		m.t.Setenv(name, value)
	}
	s, err := FromEnvironment()
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// hears demands that the next notification is this one, with numbers as N.
func (m *manager) hears(want string) {
	m.t.Helper()
	if got := m.next(within); got != want {
		m.t.Errorf("it heard %q, not %q", got, want)
	}
}

func (m *manager) next(within time.Duration) string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil {
		m.t.Fatal(err)
	}
	return regexp.MustCompile(`=\d{2,}`).ReplaceAllString(string(b[:n]), "=N")
}

// silent demands that nothing was said that nobody heard.
func (m *manager) silent() {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now()) // what was sent is here: a datagram to a unix socket takes no time
	b := make([]byte, 4096)
	if n, err := m.conn.Read(b); err == nil {
		m.t.Errorf("it heard %q", b[:n])
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A service's life, as systemd hears of it; over a socket of either kind.
func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@rtmp-edge-test-%d", os.Getpid())} {
		m := newManager(t, name)
		s := m.service()
		check(t, s.Status("starting"))
		m.hears("STATUS=starting")
		check(t, s.Reloading()) // would count as the end of the start
		check(t, s.Reloaded("reloaded"))
		m.silent()
		check(t, s.Ready("4 workers"))
		m.hears("READY=1\nSTATUS=4 workers")
		check(t, s.Reloading())
		m.hears("RELOADING=1\nMONOTONIC_USEC=N\nSTATUS=reloading")
		check(t, s.Reloaded("refused:\nline 3"))
		m.hears("READY=1\nSTATUS=refused:; line 3")
		check(t, s.Stopping(12*time.Second, "stopping"))
		m.hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=N\nSTATUS=stopping")
		check(t, s.Reloading()) // would count as the end of the stop
		check(t, s.Reloaded("reloaded"))
		m.silent()
	}
}

// Children must not speak in our name, nor take our descriptors for theirs.
func TestEnvironmentIsTakenOut(t *testing.T) {
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	m.service("WATCHDOG_USEC=1000000", fmt.Sprint("WATCHDOG_PID=", os.Getpid()), "LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=x")
	for _, v := range os.Environ() {
		for _, prefix := range []string{"NOTIFY_", "WATCHDOG_", "LISTEN_"} {
			if strings.HasPrefix(v, prefix) {
				t.Errorf("%s is left", v)
			}
		}
	}
}

// Without systemd nothing happens.
func TestNobodyThere(t *testing.T) {
	t.Setenv(envNotify, "")
	s, err := FromEnvironment()
	check(t, err)
	check(t, s.Ready("ready"))
	check(t, s.Reloading())
	check(t, s.Reloaded("reloaded"))
	check(t, s.Stopping(time.Second, "stopping"))
	check(t, s.Sockets.Rest())
	s.Watch(t.Context(), func() error { t.Error("watched"); return nil }, func(err error) { t.Error(err) })
}

func TestBadEnvironment(t *testing.T) {
	for _, environment := range [][2]string{{envNotify, "notify"}, {"WATCHDOG_USEC", "soon"}, {"WATCHDOG_USEC", "0"}} {
		t.Run(environment[0]+"="+environment[1], func(t *testing.T) {
			t.Setenv(environment[0], environment[1])
			if _, err := FromEnvironment(); !errors.Is(err, ErrEnvironment) {
				t.Error(err)
			}
		})
	}
}

// A manager that is gone is an error, and one that doesn't listen a delay, but nothing worse.
func TestManagerGone(t *testing.T) {
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	s := m.service()
	check(t, m.conn.Close())
	if err := s.Ready("ready"); err == nil {
		t.Error("somebody heard")
	}
}

// Signs of life are sent while the service is alive, at least twice in the time that systemd waits for one; and not while it isn't.
func TestWatch(t *testing.T) {
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	s := m.service("WATCHDOG_USEC=20000", fmt.Sprint("WATCHDOG_PID=", os.Getpid()))
	if s.watchdog != 20*time.Millisecond {
		t.Fatal(s.watchdog)
	}
	ctx, cancel := context.WithCancel(t.Context())
	dead := make(chan error, 1) // how alive the service is, from now on
	var state error
	errs := make(chan error, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, func() error {
			select {
			case state = <-dead:
			default:
			}
			return state
		}, func(err error) {
			select {
			case errs <- err:
			default:
			}
		})
	}()
	for range 3 {
		m.hears("WATCHDOG=1")
	}
	hangs := errors.New("hangs")
	dead <- hangs
	for range 3 {
		if err := <-errs; !errors.Is(err, hangs) {
			t.Error(err)
		}
	}
	for m.conn.SetReadDeadline(time.Now()) == nil { // what was sent before
		if _, err := m.conn.Read(make([]byte, 64)); err != nil {
			break
		}
	}
	for range 3 {
		if err := <-errs; !errors.Is(err, hangs) {
			t.Error(err)
		}
	}
	m.silent()
	dead <- nil
	m.hears("WATCHDOG=1")
	cancel()
	<-ended
}

// The watchdog of another process, which handed its environment down, is none of ours.
func TestWatchdogOfAnother(t *testing.T) {
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	s := m.service("WATCHDOG_USEC=20000", "WATCHDOG_PID=1")
	s.Watch(t.Context(), func() error { t.Error("watched"); return nil }, func(err error) { t.Error(err) })
	m.silent()
}
