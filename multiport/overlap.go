package multiport

import (
	"fmt"
	"net/netip"
)

// A Range is all the addresses that one configured value takes.
type Range struct {
	Base    Addr
	Workers int // 0: Base itself, shared by all workers; n: one address for each of n workers
}

// String describes r: "127.0.0.1:1935", "127.0.0.1:19350..19353" or "unix:/path.0..3".
func (r Range) String() string {
	switch {
	case r.Workers == 0:
		return r.Base.String()
	case r.Base.Network == Unix:
		return fmt.Sprintf("%s.0..%d", r.Base, r.Workers-1)
	default:
		return fmt.Sprintf("%s..%d", r.Base, r.Base.Port+r.Workers-1)
	}
}

// Overlap looks for a pair of addresses, one of r and one of s, that cannot both be listened on. A wildcard takes
// the port on every address of its family; a bare port takes it on all of both families.
func (r Range) Overlap(s Range) (ofR, ofS Addr, found bool) {
	if r.Base.Network != s.Base.Network || r.Base.IsZero() {
		return Addr{}, Addr{}, false
	}
	if r.Base.Network == Unix {
		return r.overlapPaths(s)
	}
	low := max(r.Base.Port, s.Base.Port)
	if low > r.lastPort() || low > s.lastPort() || !hostsOverlap(r.Base.Host, s.Base.Host) {
		return Addr{}, Addr{}, false
	}
	ofR, ofS = r.Base, s.Base
	ofR.Port, ofS.Port = low, low
	return ofR, ofS, true
}

func (r Range) lastPort() int { return r.Base.Port + max(r.Workers, 1) - 1 }

func (r Range) overlapPaths(s Range) (ofR, ofS Addr, found bool) {
	taken := make(map[string]bool)
	for _, path := range r.paths() {
		taken[path] = true
	}
	for _, path := range s.paths() {
		if taken[path] {
			a := Addr{Network: Unix, Path: path}
			return a, a, true
		}
	}
	return Addr{}, Addr{}, false
}

func (r Range) paths() []string {
	if r.Workers == 0 {
		return []string{r.Base.Path}
	}
	paths := make([]string, r.Workers)
	for n := range paths {
		paths[n] = fmt.Sprintf("%s.%d", r.Base.Path, n)
	}
	return paths
}

// hostsOverlap tells whether a port of host a is also one of host b. Sockets of IPv6 addresses are IPv6 only, so
// that 0.0.0.0 and :: go together; only the bare port takes both.
func hostsOverlap(a, b string) bool {
	if a == b || a == "" || b == "" {
		return true
	}
	ipA, errA := netip.ParseAddr(a)
	ipB, errB := netip.ParseAddr(b)
	if errA != nil || errB != nil || ipA.Is4() != ipB.Is4() {
		return false
	}
	return ipA.IsUnspecified() || ipB.IsUnspecified()
}
