package multiport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// reuse says when a TCP socket gets SO_REUSEPORT.
type reuse uint8

const (
	reuseChosen    reuse = iota // as ListenOptions say
	reuseAlways                 // before bind: joins the sockets there are
	reuseAfterBind              // after bind: bind fails if there are any, later ones may join
)

// A candidate is one way to bind an address.
type candidate struct {
	family int
	sa     unix.Sockaddr
	v6only int
}

// candidates returns the ways to bind a, the best first. Only the bare port has two: both families in one socket or,
// where the kernel has no IPv6, IPv4 alone.
func candidates(a Addr) ([]candidate, error) {
	if a.Network != TCP {
		return nil, fmt.Errorf("network %q: %w", a.Network, ErrEmpty)
	}
	if a.Port < 0 || a.Port > maxPort {
		return nil, &AddrError{fmt.Sprintf("port %d is out of range 1..%d", a.Port, maxPort), anyPort, ErrPortRange}
	}
	if a.Host == "" {
		return []candidate{
			{unix.AF_INET6, &unix.SockaddrInet6{Port: a.Port}, 0},
			{unix.AF_INET, &unix.SockaddrInet4{Port: a.Port}, 0},
		}, nil
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		return nil, &AddrError{fmt.Sprintf("host %q is not an IP address", a.Host), hostHint(a.Host), ErrHost}
	}
	if ip.Is4() {
		return []candidate{{unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: ip.As4()}, 0}}, nil
	}
	zone, err := zoneID(ip.Zone())
	if err != nil {
		return nil, err
	}
	return []candidate{{unix.AF_INET6, &unix.SockaddrInet6{Port: a.Port, Addr: ip.As16(), ZoneId: zone}, 1}}, nil
}

// zoneID returns the interface index of an IPv6 zone, a name or a number (RFC 4007 §11).
func zoneID(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	itf, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("zone %q: %w", zone, err)
	}
	return uint32(itf.Index), nil
}

func listenTCP(a Addr, o ListenOptions, r reuse) (*os.File, error) {
	if r == reuseChosen && o.ReusePort {
		r = reuseAlways
	}
	ways, err := candidates(a)
	if err != nil {
		return nil, err
	}
	fd, err := bindFirst(ways, r)
	if err != nil {
		return nil, err
	}
	if err := unix.Listen(fd, o.backlog()); err != nil {
		_ = unix.Close(fd)
		return nil, explain("listen", err)
	}
	if a.Port == 0 {
		a.Port = portOf(fd)
	}
	return newFile(fd, a.String())
}

// bindFirst binds the first candidate whose family the kernel has.
func bindFirst(ways []candidate, r reuse) (int, error) {
	var err error
	for _, way := range ways {
		var fd int
		fd, err = way.bind(r)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EADDRNOTAVAIL) {
			break
		}
	}
	return -1, err
}

func (c candidate) bind(r reuse) (int, error) {
	fd, err := newSocket(c.family)
	if err != nil {
		return -1, err
	}
	if err := c.bindSocket(fd, r); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (c candidate) bindSocket(fd int, r reuse) error {
	// After a restart connections of the old server may linger in TIME_WAIT on the port.
	if err := setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if c.family == unix.AF_INET6 { // else net.ipv6.bindv6only would decide
		if err := setOption(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, c.v6only); err != nil {
			return err
		}
	}
	if r == reuseAlways {
		if err := setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	if err := unix.Bind(fd, c.sa); err != nil {
		return explain("bind", err)
	}
	if r == reuseAfterBind {
		return setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	return nil
}

func setOption(fd, level, option, value int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value))
}

// boundPort returns the port that the kernel chose for f.
func boundPort(f *os.File) int { return portOf(int(f.Fd())) }

func portOf(fd int) int {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port
	case *unix.SockaddrInet6:
		return sa.Port
	default:
		return 0
	}
}
