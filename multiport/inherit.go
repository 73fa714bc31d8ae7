package multiport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Listener returns a net.Listener for the listening socket f, made by Listen in this or another process.
//
// It works on a duplicate: f stays the caller's, who may close it at once. Closing the listener leaves f, the sockets
// of other processes, and the file of a unix socket alone; a socket stops listening when its last descriptor is closed.
func Listener(f *os.File) (net.Listener, error) {
	accepts, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, fmt.Errorf("inherit %s: %w: %w", f.Name(), ErrNotListening, os.NewSyscallError("getsockopt", err))
	}
	if accepts == 0 {
		return nil, fmt.Errorf("inherit %s: %w", f.Name(), ErrNotListening)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("inherit %s: %w", f.Name(), err)
	}
	return l, nil
}

// Dial connects to a from this machine. A wildcard address is dialled on its loopback address.
func (a Addr) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	switch a.Network {
	case Unix:
		return d.DialContext(ctx, Unix, a.Path)
	case TCP:
		return d.DialContext(ctx, TCP, net.JoinHostPort(a.dialHost(), strconv.Itoa(a.Port)))
	default:
		return nil, &AddrError{"no address", forms, ErrEmpty}
	}
}

func (a Addr) dialHost() string {
	if a.Host == "" {
		return "127.0.0.1"
	}
	ip, err := netip.ParseAddr(a.Host)
	switch {
	case err != nil || !ip.IsUnspecified():
		return a.Host
	case ip.Is4():
		return "127.0.0.1"
	default:
		return "::1"
	}
}
