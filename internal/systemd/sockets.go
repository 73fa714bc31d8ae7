package systemd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// Sockets are those that systemd has passed (socket activation), by address. They listen, and take connections whether anybody accepts or not.
type Sockets struct {
	mu     sync.Mutex
	passed map[multiport.Addr]*os.File // not taken yet; guarded by mu
}

// newSockets takes the files over.
func newSockets(files []*os.File) (*Sockets, error) {
	s := &Sockets{passed: map[multiport.Addr]*os.File{}}
	var errs []error
	for _, f := range files {
		a, err := address(f)
		if err == nil && s.passed[a] != nil {
			err = fmt.Errorf("%w: %s: the workers share one: take ListenStream= out of one .socket unit", ErrTwice, a)
		}
		if err != nil {
			errs = append(errs, err, f.Close())
			continue
		}
		s.passed[a] = f
	}
	return s, errors.Join(errs...)
}

// Take returns the socket of that address n times, one for each process that is to accept on it, or nothing if there is none. Its files are the
// caller's, close-on-exec and, as multiport.Listen makes them, non-blocking and not watched by this process.
func (s *Sockets) Take(a multiport.Addr, n int) ([]*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(a)
	if f == nil {
		return nil, nil
	}
	defer f.Close()
	files, err := duplicates(f, n, a.String())
	if err != nil {
		return nil, fmt.Errorf("systemd: the socket for %s: %w", a, err)
	}
	return files, nil
}

// find removes the socket of that address from the list, and returns it. Where the kernel has no IPv6, systemd listens on IPv4's wildcard for a bare port,
// as we do. Called with mu held.
func (s *Sockets) find(a multiport.Addr) *os.File {
	ways := []multiport.Addr{a}
	if a.Network == multiport.TCP && a.Host == "" && !hasIPv6() {
		ways = append(ways, multiport.Addr{Network: multiport.TCP, Host: "0.0.0.0", Port: a.Port})
	}
	for _, way := range ways {
		if f := s.passed[way]; f != nil {
			delete(s.passed, way)
			return f
		}
	}
	return nil
}

// Rest returns an error if a socket is left that was not taken: clients would wait there for ever.
func (s *Sockets) Rest() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.passed) == 0 {
		return nil
	}
	var left []string
	for a := range s.passed {
		left = append(left, a.String())
	}
	slices.Sort(left)
	return fmt.Errorf("%w: systemd listens on %s for us: write it to rtmp.listen, rtmp.tls.listen or http.listen as it is here, or take it out of the .socket unit",
		ErrUnused, strings.Join(left, " and "))
}

func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// duplicates returns n files of f's socket. While they are made it blocks, so that the runtime does not watch them: a process that accepts nothing is not
// woken by connections then, nor does File.Fd, which hands them over, make them block.
func duplicates(f *os.File, n int, name string) (files []*os.File, err error) {
	first := int(f.Fd())
	if err := unix.SetNonblock(first, false); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	defer func() {
		if e := unix.SetNonblock(first, true); e != nil {
			err = errors.Join(err, os.NewSyscallError("fcntl", e))
		}
		if err == nil {
			return
		}
		for _, f := range files {
			_ = f.Close()
		}
		files = nil
	}()
	for range n {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return files, os.NewSyscallError("fcntl", err)
		}
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return files, nil
}

// address returns where a passed socket listens.
func address(f *os.File) (multiport.Addr, error) {
	fd := int(f.Fd())
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return multiport.Addr{}, fmt.Errorf("%w: %s: %w", ErrSocket, f.Name(), os.NewSyscallError("getsockopt", err))
	}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || kind != unix.SOCK_STREAM || listens == 0 {
		return multiport.Addr{}, fmt.Errorf("%w: %s: only ListenStream= with Accept=no can be passed to the server", ErrSocket, f.Name())
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return multiport.Addr{}, fmt.Errorf("%w: %s: %w", ErrSocket, f.Name(), os.NewSyscallError("getsockname", err))
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return multiport.Addr{Network: multiport.TCP, Host: netip.AddrFrom4(sa.Addr).String(), Port: sa.Port}, nil
	case *unix.SockaddrInet6:
		return multiport.Addr{Network: multiport.TCP, Host: host6(fd, sa), Port: sa.Port}, nil
	case *unix.SockaddrUnix:
		return multiport.Addr{Network: multiport.Unix, Path: sa.Name}, nil
	default:
		return multiport.Addr{}, fmt.Errorf("%w: %s: neither TCP nor unix", ErrSocket, f.Name())
	}
}

// host6 is the host of a socket of IPv6, "" if it takes every address of IPv4 too.
func host6(fd int, sa *unix.SockaddrInet6) string {
	ip := netip.AddrFrom16(sa.Addr)
	if only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); ip.IsUnspecified() && err == nil && only == 0 {
		return ""
	}
	if itf, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
		ip = ip.WithZone(itf.Name)
	}
	return ip.String()
}
