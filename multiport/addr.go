package multiport

import (
	"net"
	"net/netip"
	"strconv"
)

// The networks of an Addr.
const (
	TCP  = "tcp"
	Unix = "unix"
)

// unixPrefix opens the text of a unix address. It is read in any case, as in nginx.
const unixPrefix = "unix:"

// An Addr is what a listen value says: an address to listen on or, for multi_listen, the base of a range of them.
// The zero Addr means "not configured". Addrs made by Parse are canonical: equal text is equal value.
type Addr struct {
	Network string // TCP or Unix
	Host    string // TCP: an IP address without brackets; "" is every address of IPv4 and IPv6
	Port    int    // TCP: 1..65535. Listen also takes 0, and lets the kernel choose
	Path    string // Unix: absolute path of the socket
}

// IsZero reports whether a is the zero Addr.
func (a Addr) IsZero() bool { return a == Addr{} }

// String returns the text that Parse reads: "1935", "127.0.0.1:1935", "[::1]:1935" or "unix:/path".
func (a Addr) String() string {
	switch {
	case a.IsZero():
		return ""
	case a.Network == Unix:
		return unixPrefix + a.Path
	case a.Host == "":
		return strconv.Itoa(a.Port)
	default:
		return net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	}
}

// MarshalText returns a.String().
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is Parse; an empty text is the zero Addr, as MarshalText writes it.
func (a *Addr) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Addr{}
		return nil
	}
	p, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = p
	return nil
}

// IsLoopback reports whether only this host can reach a: a loopback address or a unix socket.
func (a Addr) IsLoopback() bool {
	if a.Network == Unix {
		return true
	}
	ip, err := netip.ParseAddr(a.Host)
	return err == nil && ip.IsLoopback()
}
