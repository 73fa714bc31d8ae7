package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A target is where a stream is, of which "{n}" in the name may still stand for a number.
type target struct {
	scheme string // rtmp, rtmps, http or ws
	host   string // for the protocol, as written
	addr   netip.AddrPort
	app    string // RTMP
	path   string // HTTP and WebSocket: path and query; RTMP: the stream's name and query
}

// Ports of URLs without one.
var defaultPorts = map[string]string{"rtmp": "1935", "rtmps": "443", "http": "80", "ws": "80"}

// parseTarget reads a URL and looks up its host. Unless anywhere is set, only this machine's addresses are taken.
func parseTarget(ctx context.Context, raw string, anywhere bool) (t target, err error) {
	if scheme, rest, _ := strings.Cut(raw, "://"); scheme == "http" || scheme == "ws" {
		t.scheme = scheme
		t.host, t.path, _ = strings.Cut(rest, "/")
		t.path = "/" + t.path
	} else {
		u, err := rtmp.ParseURL(raw)
		if err != nil {
			return t, fmt.Errorf("%w (rtmp://, rtmps://, or http:// or ws://….flv)", err)
		}
		t.scheme, t.host, t.app, t.path = "rtmp", u.Host, u.App, u.Name
		if u.Secure {
			t.scheme = "rtmps"
		}
	}
	host, port, err := net.SplitHostPort(t.host)
	if err != nil {
		host, port = strings.Trim(t.host, "[]"), defaultPorts[t.scheme]
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" {
		return t, fmt.Errorf("%w: %s has no usable address", ErrOptions, raw)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return t, fmt.Errorf("%s: %w", raw, err)
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.Unmap().BitLen() - b.Unmap().BitLen() }) // IPv4 first
	t.addr = netip.AddrPortFrom(ips[0].Unmap(), uint16(number))
	if anywhere {
		return t, nil
	}
	return t, checkLocal(t.addr.Addr())
}

// checkLocal refuses addresses that no interface of this machine (or of this network namespace) has.
func checkLocal(ip netip.Addr) error {
	if ip.IsLoopback() {
		return nil
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("addresses of this machine: %w", err)
	}
	for _, a := range own {
		if network, ok := a.(*net.IPNet); ok && network.IP.Equal(ip.AsSlice()) {
			return nil
		}
	}
	return fmt.Errorf("%v: %w", ip, ErrNotLocal)
}

// stream is t with the stream's number in it: for "{n}", or behind the name if there are many streams and no place for it.
func (t target) stream(n, of int) target {
	number := strconv.Itoa(n)
	switch {
	case strings.Contains(t.path, "{n}"):
		t.path = strings.ReplaceAll(t.path, "{n}", number)
	case of > 1:
		path, query, found := strings.Cut(t.path, "?")
		path, flv := strings.CutSuffix(path, ".flv")
		t.path = path + number
		if flv {
			t.path += ".flv"
		}
		if found {
			t.path += "?" + query
		}
	}
	return t
}

// overHTTP tells whether the stream is FLV over HTTP, or over a WebSocket, which begins as that.
func (t target) overHTTP() bool { return t.scheme == "http" || t.scheme == "ws" }

// String is the URL.
func (t target) String() string {
	if t.overHTTP() {
		return t.scheme + "://" + t.host + t.path
	}
	return t.scheme + "://" + t.host + "/" + t.app + "/" + t.path
}

// perSource is how many connections come from one loopback address. A kernel has 28,000 ports for each by default; but servers limit the connections
// of an address, ours to 1000.
const perSource = 500

// source is the address that connection i comes from: on the loopback network another one for every so many, else what the kernel chooses.
func (t target) source(i int) netip.Addr {
	if !t.addr.Addr().Is4() || !t.addr.Addr().IsLoopback() || i < perSource {
		return netip.Addr{}
	}
	n := 1 + i/perSource // 127.0.0.2 and on
	return netip.AddrFrom4([4]byte{127, byte(n >> 16 & 0x7f), byte(n >> 8), byte(n)})
}

// dial connects to the server as connection i.
func (t target) dial(ctx context.Context, i int) (*net.TCPConn, error) {
	d := net.Dialer{KeepAlive: -1}
	if from := t.source(i); from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		d.Control = lateBind
	}
	nc, err := d.DialContext(ctx, "tcp", t.addr.String())
	if err != nil {
		return nil, err
	}
	return nc.(*net.TCPConn), nil
}

// lateBind lets the kernel choose the port when it knows the peer: a port may then serve for connections to different servers.
func lateBind(_, _ string, raw syscall.RawConn) error {
	var err error
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}); controlErr != nil {
		return controlErr
	}
	return err
}
