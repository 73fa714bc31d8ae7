package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// The address of a proxy that the servers of these tests trust.
const trustedProxy = "127.0.0.2"

// behind is the same route with bytes sent first.
func behind(header []byte, r route) route {
	dial := r.dial
	r.dial = func(ctx context.Context) (net.Conn, error) {
		nc, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := nc.Write(header); err != nil {
			nc.Close()
			return nil, err
		}
		return nc, nil
	}
	return r
}

// proxyLine is a header of version 1 ("The PROXY protocol", §2.1).
func proxyLine(source string) []byte {
	from, family, to := netip.MustParseAddrPort(source), "TCP4", "198.51.100.1"
	if from.Addr().Is6() {
		family, to = "TCP6", "2001:db8::1"
	}
	return fmt.Appendf(nil, "PROXY %s %s %s %d 1935\r\n", family, from.Addr(), to, from.Port())
}

// proxyBinary is a header of version 2 (§2.2), with a TLV behind the addresses.
//
//	 0           12        13       14       16
//	+-----------+---------+--------+--------+--------+-----+-------+-----+------+
//	| signature | ver/cmd | family | length | source | to  | ports | TLV | NOOP |
//	+-----------+---------+--------+--------+--------+-----+-------+-----+------+
func proxyBinary(source string) []byte {
	const (
		proxied = 0x21
		tcp4    = 0x11
		tcp6    = 0x21
		noop    = 0x04
	)
	from, family, to := netip.MustParseAddrPort(source), byte(tcp4), netip.MustParseAddr("198.51.100.1")
	if from.Addr().Is6() {
		family, to = tcp6, netip.MustParseAddr("2001:db8::1")
	}
	rest := append(from.Addr().AsSlice(), to.AsSlice()...)
	rest = binary.BigEndian.AppendUint16(rest, from.Port())
	rest = binary.BigEndian.AppendUint16(rest, 1935)
	rest = append(rest, noop, 0, 3, 'x', 'y', 'z')
	return append(proxyHeader(proxied, family, len(rest)), rest...)
}

func proxyHeader(command, family byte, length int) []byte {
	h := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return binary.BigEndian.AppendUint16(h, uint16(length))
}

// trust is the setting of a server that trusts the proxy.
func trust(settings string) string {
	return fmt.Sprintf("proxy_protocol: [%q]", trustedProxy) + settings
}

// Behind a proxy that is trusted, the address in its header is the client's: for the API and in the log.
func TestProxyAddress(t *testing.T) {
	t.Parallel()
	s := start(t, options{rtmp: trust("")})
	const (
		v4 = "203.0.113.7:40001"
		v6 = "[2001:db8::7]:40002"
	)
	unnamed := proxyHeader(0x20, 0, 0) // LOCAL: the proxy itself, a health check
	for name, tt := range map[string]struct {
		header  []byte
		address string // "": the proxy's own
	}{
		"v1 IPv4":    {proxyLine(v4), v4},
		"v1 IPv6":    {proxyLine(v6), v6},
		"v1 UNKNOWN": {[]byte("PROXY UNKNOWN\r\n"), ""},
		"v2 IPv4":    {proxyBinary(v4), v4},
		"v2 IPv6":    {proxyBinary(v6), v6},
		"v2 LOCAL":   {unnamed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := "live/" + fmt.Sprintf("%x", name)
			proxied := behind(tt.header, over(s.rtmpAddr(0), trustedProxy))
			publisher := proxied.publish(t, stream)
			publisher.headers()
			publisher.send(1)
			address := tt.address
			if address == "" {
				address = publisher.conn.NetConn().LocalAddr().String()
			}
			s.awaitStream(t, stream, func(info streamInfo, _ bool) string {
				if info.Publisher == nil {
					return "no publisher"
				}
				if info.Publisher.Address != address {
					t.Fatalf("the publisher's address is %s, not %s", info.Publisher.Address, address)
				}
				return ""
			})
			viewer := behind(tt.header, over(s.rtmpAddr(1), trustedProxy)).play(t, stream)
			viewer.awaitRun(soon, publisher.source.run)
			publisher.end()
			s.log.wait(t, soon, `msg="session ended" .*role=publisher .*stream=`+stream+` `, 1)
			if line := s.log.find(`msg="session ended" .*role=publisher .*stream=` + stream + ` `)[0]; !containsAll(line, "remote="+address+" ") {
				t.Errorf("logged: %s", line)
			}
		})
	}
}

// Who is not trusted gets in without a header, and not with one. Who is trusted does not get in without a good one.
func TestProxyTrust(t *testing.T) {
	t.Parallel()
	const stranger = "127.0.0.1"
	s := start(t, options{workers: 1, rtmp: trust(", limits: {handshake_timeout: 2s}")})
	header := proxyBinary("203.0.113.7:40001")
	over(s.rtmpAddr(0), stranger).publish(t, "live/stranger")
	behind(header, over(s.rtmpAddr(0), trustedProxy)).publish(t, "live/trusted")
	for name, bad := range map[string]struct {
		source string
		header []byte
		silent bool // nothing follows
	}{
		"v1 from a stranger":  {stranger, proxyLine("203.0.113.7:40001"), false},
		"v2 from a stranger":  {stranger, header, false},
		"none from the proxy": {trustedProxy, nil, false},
		"a damaged line":      {trustedProxy, []byte("PROXY TCP4 203.0.113.7 198.51.100.1\r\n"), false},
		"a line without end":  {trustedProxy, append([]byte("PROXY TCP4 "), make([]byte, 200)...), false},
		"addresses cut off":   {trustedProxy, append(proxyHeader(0x21, 0x11, 4), "abcd"...), false},
		"too long":            {trustedProxy, append(proxyHeader(0x21, 0x11, 65535), make([]byte, 65535)...), false},
		"half of it":          {trustedProxy, header[:20], true},
		"nothing at all":      {trustedProxy, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			nc, err := behind(bad.header, over(s.rtmpAddr(0), bad.source)).dial(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if !bad.silent {
				const c0c1 = 1 + 1536
				_, _ = nc.Write(append([]byte{3}, make([]byte, c0c1-1)...)) // it may be closed by now
			}
			nc.SetReadDeadline(time.Now().Add(soon))
			if answer, err := io.ReadAll(nc); isTimeout(err) || len(answer) > 0 {
				t.Errorf("answered with %d bytes, then %v", len(answer), err)
			}
			line := s.endOf(t, nc.LocalAddr().String())
			if !containsAll(line, "reason=handshake") {
				t.Errorf("logged: %s", line)
			}
		})
	}
	t.Cleanup(func() {
		if got := s.metric(t, "rtmpedge_protocol_errors_total", "kind", "proxy_header"); got != 7 {
			t.Errorf("%v headers that can't be used are counted, not 7", got)
		}
	})
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // What a connection returns is not wrapped.
	return ok && timeout.Timeout()
}

// The number of connections is limited by the client's address, not by the proxy's.
func TestProxyAddressLimit(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 1, rtmp: trust(", limits: {connections_per_address: 2}")})
	from := func(address string) route { return behind(proxyBinary(address), over(s.rtmpAddr(0), trustedProxy)) }
	first := from("203.0.113.7:1").publish(t, "live/one")
	from("203.0.113.7:2").publish(t, "live/two")
	if _, err := from("203.0.113.7:3").dialPublish(t, "live/three"); err == nil {
		t.Error("a third connection from the same address got in")
	}
	if got := s.metric(t, "rtmpedge_connections_rejected_total", "reason", "address_limit"); got != 1 {
		t.Errorf("%v rejected connections are counted", got)
	}
	for i := range 4 { // more than one address may have, through one proxy
		from(fmt.Sprintf("203.0.113.%d:1", 8+i)).publish(t, fmt.Sprintf("live/other%d", i))
	}
	// IPv6 addresses count by /64.
	from("[2001:db8::1]:1").publish(t, "live/six1")
	from("[2001:db8::2]:1").publish(t, "live/six2")
	if _, err := from("[2001:db8::3]:1").dialPublish(t, "live/six3"); err == nil {
		t.Error("a third connection from the same network got in")
	}
	from("[2001:db8:0:1::3]:1").publish(t, "live/six4")

	if lines := s.log.find("level=(INFO|WARN).*reason=(refused|address_limit)"); len(lines) != 1 {
		t.Errorf("the rejections share a line, but these were logged: %q", lines)
	}
	first.end()
	waitFor(t, soon, "a place for the address again", func() string {
		if _, err := from("203.0.113.7:4").dialPublish(t, "live/four"); err != nil {
			return err.Error()
		}
		return ""
	})
}

// The header comes before TLS, in clear.
func TestProxyTLS(t *testing.T) {
	t.Parallel()
	const stream, address = "live/both", "203.0.113.7:40001"
	s := startSecure(t, options{workers: 2, rtmp: trust("")})
	proxied := func(worker int) route {
		return within(behind(proxyBinary(address), over(s.tlsAddr(worker), trustedProxy)), s.config())
	}
	publisher, _ := proxied(0).goLive(t, stream)
	for worker := range s.opt.workers {
		viewer := proxied(worker).play(t, stream)
		viewer.awaitRun(soon, publisher.source.run)
		viewer.awaitMore(soon, 50)
	}
	s.awaitStream(t, stream, func(info streamInfo, _ bool) string {
		if info.Publisher == nil || info.Publisher.Address != address {
			return fmt.Sprintf("the publisher is %+v", info.Publisher)
		}
		return ""
	})
	// A stranger's header is no TLS, and a header within TLS is no RTMP.
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	for name, wrong := range map[string]route{
		"before TLS": within(behind(proxyBinary(address), over(s.tlsAddr(0))), s.config()),
		"within TLS": behind(proxyBinary(address), within(over(s.tlsAddr(0)), s.config())),
	} {
		if _, _, err := wrong.connect(ctx, stream); err == nil || ctx.Err() != nil {
			t.Errorf("a stranger's header %s: connected, with %v", name, err)
		}
	}
}

// A connection that came through a proxy gives its place back when it ends, once.
func TestProxyPlaces(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 1, rtmp: trust(", limits: {connections: 3}")})
	for i := range 8 { // more than there are places, one after the other
		client := behind(proxyBinary(fmt.Sprintf("203.0.113.%d:1", 1+i)), over(s.rtmpAddr(0), trustedProxy))
		waitFor(t, soon, "a place", func() string {
			p, err := client.dialPublish(t, fmt.Sprintf("live/place%d", i))
			if err != nil {
				return err.Error()
			}
			p.end()
			return ""
		})
	}
}
