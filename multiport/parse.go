package multiport

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// maxPort is the highest port of TCP (RFC 9293 §3.1: 16 bits).
const maxPort = 65535

// maxPath is what sockaddr_un.sun_path takes: 108 bytes with the NUL that ends it (unix(7)).
const maxPath = 107

const (
	forms    = "write a port, host:port, [ipv6]:port or unix:/path"
	anyPort  = "choose a port from 1 to 65535"
	pathForm = "write unix:/ and the rest of an absolute path"
)

// Parse reads a listen value:
//
//	port         every address of IPv4 and IPv6; also *:port
//	host:port    one IPv4 address; 0.0.0.0 is every one
//	[v6]:port    one IPv6 address; :: is every one
//	unix:/path   a unix stream socket
//
// Hosts are addresses, not names: what a name resolves to can change, and with it who can reach the server.
// The error is an *AddrError.
func Parse(s string) (Addr, error) {
	switch {
	case s == "":
		return Addr{}, &AddrError{"no address", forms, ErrEmpty}
	case len(s) >= len(unixPrefix) && strings.EqualFold(s[:len(unixPrefix)], unixPrefix):
		return parseUnix(s[len(unixPrefix):])
	case s[0] == '/':
		return Addr{}, &AddrError{fmt.Sprintf("%q is a path without unix: in front", s), "write unix:" + s, ErrHost}
	case s[0] == '[':
		return parseIPv6(s)
	default:
		return parseIPv4(s)
	}
}

func parseUnix(path string) (Addr, error) {
	switch {
	case path == "":
		return Addr{}, &AddrError{"no path in \"unix:\"", pathForm, ErrPath}
	case path[0] != '/':
		return Addr{}, &AddrError{fmt.Sprintf("path %q is not absolute", path), pathForm, ErrPath}
	case strings.ContainsFunc(path, unicode.IsControl):
		return Addr{}, &AddrError{fmt.Sprintf("path %q holds control characters", path), "choose another path", ErrPath}
	case path[len(path)-1] == '/':
		return Addr{}, &AddrError{fmt.Sprintf("path %q ends in a slash", path), "add the name of the socket", ErrPath}
	}
	a := Addr{Network: Unix, Path: filepath.Clean(path)}
	if a.Path == "/" {
		return Addr{}, &AddrError{fmt.Sprintf("path %q is a folder", path), "add the name of the socket", ErrPath}
	}
	return a, checkPath(a.Path)
}

// checkPath tells whether a socket can be bound at path.
func checkPath(path string) error {
	if len(path) <= maxPath {
		return nil
	}
	return &AddrError{
		fmt.Sprintf("path %q has %d bytes, a unix socket's at most %d", path, len(path), maxPath),
		fmt.Sprintf("shorten it by %d", len(path)-maxPath), ErrPathTooLong,
	}
}

// parseIPv6 reads "[v6]:port".
func parseIPv6(s string) (Addr, error) {
	host, rest, found := strings.Cut(s[1:], "]")
	if !found {
		return Addr{}, &AddrError{fmt.Sprintf("no ] in %q", s), "write [address]:port", ErrNoBracket}
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return Addr{}, &AddrError{fmt.Sprintf("host %q is not an IPv6 address", host), forms, ErrHost}
	case ip.Is4():
		return Addr{}, &AddrError{fmt.Sprintf("host %q is an IPv4 address in brackets", host), "leave the brackets out", ErrHost}
	case ip.Is4In6():
		return Addr{}, &AddrError{fmt.Sprintf("host %q is an IPv4 address as IPv6", host), "write " + ip.Unmap().String(), ErrHost}
	}
	if len(rest) < 2 || rest[0] != ':' {
		return Addr{}, &AddrError{fmt.Sprintf("no port in %q", s), fmt.Sprintf("write [%s]:port", host), ErrNoPort}
	}
	port, err := parsePort(rest[1:])
	if err != nil {
		return Addr{}, err
	}
	return Addr{Network: TCP, Host: ip.String(), Port: port}, nil
}

// parseIPv4 reads "port", "*:port" and "v4:port".
func parseIPv4(s string) (Addr, error) {
	host, digits, found := strings.Cut(s, ":")
	ip, err := netip.ParseAddr(host)
	switch {
	case !found && err == nil:
		return Addr{}, &AddrError{fmt.Sprintf("no port in %q", s), fmt.Sprintf("write %s:port", s), ErrNoPort}
	case !found:
		port, err := parsePort(s)
		if err != nil {
			return Addr{}, err
		}
		return Addr{Network: TCP, Port: port}, nil
	case strings.Contains(digits, ":"):
		return Addr{}, &AddrError{fmt.Sprintf("more than one : in %q", s), "write an IPv6 address as [address]:port", ErrNeedBrackets}
	case host == "":
		return Addr{}, &AddrError{fmt.Sprintf("no host in %q", s), "write only the port for every address", ErrHost}
	case host != "*" && err != nil:
		return Addr{}, &AddrError{fmt.Sprintf("host %q is not an IP address", host), hostHint(host), ErrHost}
	case digits == "":
		return Addr{}, &AddrError{fmt.Sprintf("no port in %q", s), fmt.Sprintf("write %s:port", host), ErrNoPort}
	}
	port, err := parsePort(digits)
	if err != nil {
		return Addr{}, err
	}
	if host == "*" {
		return Addr{Network: TCP, Port: port}, nil
	}
	return Addr{Network: TCP, Host: ip.String(), Port: port}, nil
}

func hostHint(host string) string {
	if strings.EqualFold(host, "localhost") {
		return "write 127.0.0.1 or [::1]"
	}
	return "write an address of this machine, or only the port for every address"
}

func parsePort(s string) (int, error) {
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, &AddrError{fmt.Sprintf("port %q is not a number", s), anyPort, ErrPortNumber}
		}
	}
	port, err := strconv.Atoi(s)
	if err != nil || port < 1 || port > maxPort {
		return 0, &AddrError{fmt.Sprintf("port %s is out of range 1..%d", s, maxPort), anyPort, ErrPortRange}
	}
	return port, nil
}
