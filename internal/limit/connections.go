package limit

import (
	"net/netip"
	"sync"
)

// Connections limits how many connections are open, in total and from each address. It is safe for concurrent use.
type Connections struct {
	mu                sync.Mutex
	total, perAddress int // guarded by mu, as is what follows
	open              int
	from              map[netip.Addr]int // by group; none is 0
}

// NewConnections returns a limit of total connections, and of perAddress from any one address.
func NewConnections(total, perAddress int) *Connections {
	return &Connections{total: total, perAddress: perAddress, from: make(map[netip.Addr]int)}
}

// Set changes the limits. What is open stays open.
func (c *Connections) Set(total, perAddress int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total, c.perAddress = total, perAddress
}

// Admit counts a connection until release is called, or refuses it with ErrTotal or ErrAddress. The zero address, of a peer that has none
// or whose address is not known yet, counts in the total only. To call release again does nothing.
func (c *Connections) Admit(addr netip.Addr) (release func(), err error) {
	addr = group(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.open >= c.total:
		return nil, ErrTotal
	case addr.IsValid() && c.from[addr] >= c.perAddress:
		return nil, ErrAddress
	}
	c.open++
	if addr.IsValid() {
		c.from[addr]++
	}
	return sync.OnceFunc(func() { c.release(addr) }), nil
}

func (c *Connections) release(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.from[addr]--; c.from[addr] <= 0 { // the last one, or one without an address
		delete(c.from, addr)
	}
}

// subnetBits is what one IPv6 host has, and its owner draws addresses from as they like (RFC 4291 §2.5.1, RFC 7934).
const subnetBits = 64

// group returns what addr is counted as: an IPv4 address, however it is written, or the subnet of an IPv6 address, on whichever interface.
func group(addr netip.Addr) netip.Addr {
	addr = addr.Unmap()
	if !addr.Is6() {
		return addr
	}
	p, _ := addr.Prefix(subnetBits) // can't fail: 64 is in range
	return p.Addr()
}
