package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// The sizes of a PROXY header ("The PROXY protocol", §2.1 and §2.2). Version 2:
//
//	 0                    12      13      14          16
//	┌────────────────────┬───────┬───────┬───────────┬────────────────────────┐
//	│ signature          │ver/cmd│ family│ length    │ addresses, then TLVs   │
//	└────────────────────┴───────┴───────┴───────────┴────────────────────────┘
const (
	minHeader = len("PROXY UNKNOWN\r\n") // the shortest there is, of either version
	maxLine   = 107                      // version 1
	fixedSize = 16                       // version 2, before the addresses
	// maxRest bounds what follows in version 2. Only a TLV with a client's certificate comes near: one or two KiB.
	maxRest = 4096
)

// readHeader reads a PROXY header, and not a byte more. It tolerates one that comes in pieces, as the specification recommends. The parsing is
// proxyproto's: what is done here is to find the header's end without reading beyond it.
func readHeader(r io.Reader) (*proxyproto.Header, error) {
	b := make([]byte, minHeader, maxLine)
	for n := 0; n < len(b); {
		k, err := r.Read(b[n:])
		n += k
		if !begins(b[:n], proxyproto.SIGV1) && !begins(b[:n], proxyproto.SIGV2) {
			return nil, fmt.Errorf("%w: it begins with %q", ErrProxyHeader, b[:n])
		}
		if err != nil && n < len(b) {
			return nil, headerError(n, err)
		}
	}
	var err error
	if b[0] == proxyproto.SIGV1[0] {
		b, err = readLine(r, b)
	} else {
		b, err = readBinary(r, b)
	}
	if err != nil {
		return nil, err
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	return h, nil
}

// begins tells whether b is the beginning of what starts with signature.
func begins(b, signature []byte) bool {
	n := min(len(b), len(signature))
	return bytes.Equal(b[:n], signature[:n])
}

// readLine reads the rest of version 1's line. Its length is not known before its end, so it goes byte by byte.
func readLine(r io.Reader, b []byte) ([]byte, error) {
	if bytes.IndexByte(b[:minHeader-1], '\n') >= 0 {
		return nil, fmt.Errorf("%w: less than %d bytes", ErrProxyHeader, minHeader)
	}
	for b[len(b)-1] != '\n' {
		if len(b) == maxLine {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrProxyHeader, maxLine)
		}
		b = b[:len(b)+1]
		if _, err := io.ReadFull(r, b[len(b)-1:]); err != nil {
			return nil, headerError(len(b)-1, err)
		}
	}
	return b, nil
}

// readBinary reads the rest of version 2's header.
func readBinary(r io.Reader, b []byte) ([]byte, error) {
	b = b[:fixedSize]
	if _, err := io.ReadFull(r, b[minHeader:]); err != nil {
		return nil, headerError(minHeader, err)
	}
	rest := int(binary.BigEndian.Uint16(b[fixedSize-2:]))
	if rest > maxRest {
		return nil, fmt.Errorf("%w: %d bytes of addresses and TLVs", ErrProxyHeader, rest)
	}
	b = append(b, make([]byte, rest)...)
	if _, err := io.ReadFull(r, b[fixedSize:]); err != nil {
		return nil, headerError(fixedSize, err)
	}
	return b, nil
}

// errDatagram means a header that says that a TCP connection is none.
var errDatagram = errors.New("a datagram protocol")

// sourceOf returns the client that a header names: nil if it is the proxy itself, by a health check for example (§2.1 UNKNOWN, §2.2 LOCAL). A
// client of the proxy's unix socket has no name that would mean anything here.
func sourceOf(h *proxyproto.Header) (net.Addr, error) {
	if h.Command.IsLocal() {
		return nil, nil //nolint:nilnil // no source is an answer
	}
	switch a := h.SourceAddr.(type) {
	case *net.TCPAddr:
		return net.TCPAddrFromAddrPort(plain(a.AddrPort())), nil
	case *net.UnixAddr:
		if a.Net == "unix" {
			return &net.UnixAddr{Net: "unix"}, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrProxyHeader, errDatagram)
}

// addrPort returns a's address, zero for a unix socket's.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return plain(t.AddrPort())
	}
	return netip.AddrPort{}
}

// plain makes one address out of the ways to write it: a socket for both families has IPv4 peers as ::ffff:192.0.2.1, and no prefix contains
// an address with a zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
