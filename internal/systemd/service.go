package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// envNotify names the socket that notifications go to; "@" begins one of the abstract namespace (unix(7)).
const envNotify = "NOTIFY_SOCKET"

// sendTimeout bounds a notification: a service manager that hangs must not make its services hang.
const sendTimeout = 5 * time.Second

// A Service is this process, as systemd sees it. Its methods may be called from any goroutine.
type Service struct {
	// Sockets are what systemd listens on in our place.
	Sockets *Sockets

	notify   string        // static, as is watchdog
	watchdog time.Duration // systemd kills us after that without a sign of life; 0: never

	mu       sync.Mutex // held while a notification is sent, so that they arrive in order
	ready    bool       // guarded by mu, as is stopping
	stopping bool
}

// FromEnvironment returns what systemd has written into the environment of this process, which loses it. Call it once, before any process is started.
func FromEnvironment() (*Service, error) {
	s := &Service{notify: os.Getenv(envNotify)}
	if err := os.Unsetenv(envNotify); err != nil {
		return nil, err
	}
	if s.notify != "" && s.notify[0] != '/' && s.notify[0] != '@' {
		return nil, fmt.Errorf("%w: %s=%s is no unix socket", ErrEnvironment, envNotify, s.notify)
	}
	var err error
	if s.watchdog, err = daemon.SdWatchdogEnabled(true); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvironment, err)
	}
	if s.Sockets, err = newSockets(activation.Files(true)); err != nil {
		return nil, err
	}
	return s, nil
}

// Ready says that the service has started, and what it does.
func (s *Service) Ready(status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
	return s.send(daemon.SdNotifyReady, statusLine(status))
}

// Status says, in one line for `systemctl status`, what the service does.
func (s *Service) Status(status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.send(statusLine(status))
}

// Reloading says that the service reads its configuration again; Reloaded follows, however that ends. One that has not started, or that stops, doesn't say
// so: for systemd both would end with the reload.
func (s *Service) Reloading() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready || s.stopping {
		return nil
	}
	return s.send(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", monotonic().Microseconds()), statusLine("reloading"))
}

// Reloaded says that the service runs, with the new configuration or with the old one, which status tells.
func (s *Service) Reloaded(status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready || s.stopping {
		return nil
	}
	return s.send(daemon.SdNotifyReady, statusLine(status))
}

// Stopping says that the service ends, and that it may take so long, even if TimeoutStopSec= is less.
func (s *Service) Stopping(within time.Duration, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	return s.send(daemon.SdNotifyStopping, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", within.Microseconds()), statusLine(status))
}

// statusLine is status as part of a notification, whose parts are lines.
func statusLine(status string) string { return "STATUS=" + strings.ReplaceAll(status, "\n", "; ") }

// send sends one notification. Called with mu held. Each goes over a socket of its own: systemd may have replaced the other end.
func (s *Service) send(parts ...string) error {
	if s.notify == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.notify, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(parts, "\n"))); err != nil {
		return fmt.Errorf("systemd: notify: %w", err)
	}
	return nil
}

// monotonic is CLOCK_MONOTONIC, by which systemd tells this reload from one before.
func monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // this clock is there
	return time.Duration(now.Nano())
}
