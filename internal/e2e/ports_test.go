package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Ports of servers under test come from here up to the kernel's range for outgoing connections, so that no client's
// own port gets in the way of a listener.
const firstPort = 10240

var ports struct {
	mu   sync.Mutex
	next int // where the next search starts; 0 before the first
}

// freePorts finds n consecutive ports that nobody listens on. Nothing keeps another process from taking one before the
// server does: start retries.
func freePorts(t testing.TB, n int) int {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()

	limit := firstEphemeralPort()
	if ports.next == 0 {
		ports.next = firstPort + rand.IntN(limit-firstPort)
	}
	for range limit - firstPort {
		base := ports.next
		if base+n > limit {
			base = firstPort
		}
		ports.next = base + n
		if allFree(base, n) {
			return base
		}
	}
	t.Fatalf("no %d consecutive free ports between %d and %d", n, firstPort, limit)
	return 0
}

func allFree(base, n int) bool {
	for port := base; port < base+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// firstEphemeralPort is the lower end of the kernel's port range for outgoing connections, where it leaves room.
func firstEphemeralPort() int {
	const usual = 32768
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return usual
	}
	low, err := strconv.Atoi(fields[0])
	if err != nil || low < firstPort+2000 {
		return usual
	}
	return low
}
