package transport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// keepAliveProbes is how many keepalive probes in a row may stay unanswered. Where TCP_USER_TIMEOUT is set, it decides instead (tcp(7)).
const keepAliveProbes = 3

// tune sets the options of a TCP socket: how soon we learn that the peer is gone without a word. Package net turns keepalive on by itself, with
// values of its own, so off is said too. Errors are ignored: what these calls can fail of is a socket that has died already, and the first
// read tells that.
//
// TCP_USER_TIMEOUT counts for a peer that is there, too, but has no room for so long: the kernel then ends the connection. It should be longer
// than the stall timeout of players, which is told from a peer that is gone.
func tune(nc net.Conn, o *Options) {
	c, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if o.KeepAlive > 0 {
		_ = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive, Interval: o.KeepAlive, Count: keepAliveProbes})
	} else {
		_ = c.SetKeepAlive(false)
	}
	if o.UserTimeout <= 0 {
		return // the kernel's own
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	ms := max(1, int(o.UserTimeout/time.Millisecond)) // 0 would mean the kernel's own
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	})
}
