package transport

import (
	"net"
	"syscall"
	"time"
	"unsafe"

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

// lowWater is how many bytes must have come before the kernel wakes a reader that lets them gather: more than come in the time that it does.
const lowWater = 32 << 10

// Gather has the kernel wake no reader until a good deal has come or the peer is gone (socket(7), SO_RCVLOWAT): for who lets bytes gather, and then
// reads what is there with ReadNow. It ends with whatever waits for bytes: the rest of a message may be few. Only the reading goroutine may call it.
func (c *Conn) Gather() {
	if !c.gathering {
		c.gathering = true
		c.wakeAt(lowWater)
	}
}

// wakeful ends what Gather began. It is called before waiting for bytes.
func (c *Conn) wakeful() {
	if c.gathering {
		c.gathering = false
		c.wakeAt(1)
	}
}

// wakeAt sets how many bytes wake a reader.
func (c *Conn) wakeAt(bytes int32) {
	sc, ok := c.nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return // it is closed, and the next read tells that
	}
	_ = raw.Control(func(fd uintptr) { // as with all that never waits, the scheduler isn't told
		_, _, _ = unix.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT, uintptr(unsafe.Pointer(&bytes)), unsafe.Sizeof(bytes), 0)
	})
}
