package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Prefix is a range of IP addresses. In the file it is one address, "10.0.0.1", or a range, "10.0.0.0/8"; what maps
// IPv4 into IPv6 ("::ffff:10.0.0.1") is the IPv4 address. The zero Prefix means "not configured".
type Prefix netip.Prefix

// mappedBits is how long the prefix of the addresses is that map IPv4 into IPv6, ::ffff:0:0/96 (RFC 4291 §2.5.5.2).
const mappedBits = 96

// String returns the text of p; a range of one address is written as the address.
func (p Prefix) String() string {
	switch n := netip.Prefix(p); {
	case !n.IsValid():
		return ""
	case n.IsSingleIP():
		return n.Addr().String()
	default:
		return n.String()
	}
}

// MarshalText returns p.String().
func (p Prefix) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads an address or a range; an empty text is the zero Prefix, as MarshalText writes it.
func (p *Prefix) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Prefix{}
		return nil
	}
	host, length, isRange := strings.Cut(string(text), "/")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("%q is not an IP address or a range of them: write one, such as 10.0.0.1, 10.0.0.0/8 or \"fd00::/8\"", text)
	}
	if addr.Zone() != "" {
		return fmt.Errorf("%q has a zone, which a peer's address is compared without: write %s", text, addr.WithZone(""))
	}
	bits := addr.BitLen()
	if isRange {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > bits {
			return fmt.Errorf("%q has no length from 0 to %d after the /: write %s for one address, or a range, such as %s",
				text, bits, host, netip.PrefixFrom(addr, bits/2).Masked())
		}
		bits = n
	}
	if addr.Is4In6() {
		if bits < mappedBits {
			return fmt.Errorf("%q is more than IPv4: write 0.0.0.0/0 for every IPv4 address, \"::/0\" for every IPv6 address", text)
		}
		addr, bits = addr.Unmap(), bits-mappedBits
	}
	got := netip.PrefixFrom(addr, bits)
	if masked := got.Masked(); masked != got {
		return fmt.Errorf("%q has bits set after the first %d: write %s for the range, or %s for one address", text, bits, masked, addr)
	}
	*p = Prefix(got)
	return nil
}
