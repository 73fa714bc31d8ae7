package worker

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// A gate is a TCP listener that can stop taking connections for a while. Meanwhile its socket does not listen: the kernel gives connections to the
// sockets of other workers on the same address (SO_REUSEPORT), or refuses them, where there is none.
//
// A socket that stops to listen loses the connections in its queue, and those whose handshake is under way. So a gate shuts in two steps. First the
// socket drops segments which begin a connection. Handshakes under way end, and what waits is accepted. Then it stops to
// listen. Clients that begin in between send again after a second (RFC 6298 §2.1), and get another socket.
//
// What drops those segments is the generalized TTL security mechanism (RFC 5082): the socket asks for packets that no router has passed on. A
// filter (SO_ATTACH_FILTER) would say better what is meant, but newer kernels give TCP one only with CAP_NET_ADMIN. The kernel looks at the TTL where
// a segment is for the socket that listens, not where it is for a handshake under way; and it is the sender's, 64 or 128. One that sends 255, from the
// same network, is let in until the second step. A connection inherits what its listener asks for, and gets nothing until that is taken back, when
// it is accepted: who began in that moment waits for a retransmission, 0.2 s.
//
// The socket must be bound to a port that was asked for: one that the kernel chose is given back when it stops to listen.
type gate struct {
	net.Listener // static, as is what follows
	raw          syscall.RawConn
	handshakes   time.Duration // gateHandshakes
	queue        time.Duration // gateQueue

	closing sync.WaitGroup // the goroutine of the second step

	shutter               // shut from the second step on
	cancel  chan struct{} // from the first step on: closed when the gate opens again, or ends; guarded by shutter.mu
}

// How long the first step takes.
const (
	gateHandshakes = 300 * time.Millisecond // for handshakes under way: their clients are no farther away than that, there and back
	gateQueue      = 900 * time.Millisecond // in all, for what waits to be accepted; before clients send again
	gateInterval   = 10 * time.Millisecond  // of looks at what waits
)

// inherit takes over a listening socket. The process that had it before may have died with its gate shut.
func inherit(f *os.File) (net.Listener, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := listen(raw); err != nil {
		return nil, err
	}
	l, err := multiport.Listener(f)
	if err != nil {
		return nil, err
	}
	return l, f.Close()
}

// newGate returns the gate of a listener, which is open. What is not TCP has none.
func newGate(l net.Listener) (*gate, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &gate{Listener: l, raw: raw, handshakes: gateHandshakes, queue: gateQueue}, nil
}

// listen does nothing to a socket that listens, and takes all.
func listen(raw syscall.RawConn) error {
	const backlog = 1<<16 - 1 // the kernel cuts it to net.core.somaxconn
	return errors.Join(setLeastTTL(raw, anyTTL), onSocket(raw, "listen", func(fd int) error { return unix.Listen(fd, backlog) }))
}

// What a socket may ask for of the TTL, or hop limit, of packets that come.
const (
	anyTTL  = 0
	mostTTL = 255 // of a packet that no router has passed on, from who sends such
)

// setLeastTTL has the kernel drop what comes with less (ip(7), ipv6(7)). It does nothing to a socket that is not TCP.
func setLeastTTL(raw syscall.RawConn, ttl int) error {
	return onSocket(raw, "set least TTL", func(fd int) error {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil || domain != unix.AF_INET && domain != unix.AF_INET6 {
			return err
		}
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MINTTL, ttl) // also where IPv6 takes IPv4 too
		if domain == unix.AF_INET6 {
			err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT, ttl))
		}
		return err
	})
}

func onSocket(raw syscall.RawConn, name string, f func(fd int) error) error {
	var callErr error
	err := raw.Control(func(fd uintptr) { callErr = os.NewSyscallError(name, f(int(fd))) })
	return errors.Join(err, callErr)
}

// Accept implements net.Listener. While the gate is shut, it waits.
func (g *gate) Accept() (net.Conn, error) {
	nc, err := g.accept(g.Listener)
	if err == nil {
		admit(nc)
	}
	return nc, err
}

// admit lets a connection get what comes. It may have begun while the gate was about to shut, perhaps that of the process before.
func admit(nc net.Conn) {
	if raw, err := nc.(*net.TCPConn).SyscallConn(); err == nil {
		_ = setLeastTTL(raw, anyTTL) // fails only if the connection has ended
	}
}

// set shuts or opens the gate. When it returns, no connection begins any more; those that have begun may still be accepted for a moment.
func (g *gate) set(open bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed || open == (g.cancel == nil):
		return nil
	case open:
		return g.open()
	}
	if err := setLeastTTL(g.raw, mostTTL); err != nil {
		return err
	}
	cancel := make(chan struct{})
	g.cancel = cancel
	g.closing.Go(func() { g.finish(cancel) })
	return nil
}

// open is called with mu held, of a gate that is shut or about to be.
func (g *gate) open() error {
	if err := listen(g.raw); err != nil {
		return err
	}
	g.release()
	return nil
}

// release lets go on whoever waits for the gate to open, and calls off the second step. Called as open is.
func (g *gate) release() {
	close(g.cancel)
	g.cancel = nil
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// finish is the second step of shutting the gate, when nothing waits any more.
func (g *gate) finish(cancel <-chan struct{}) {
	began := time.Now()
	tick := time.NewTicker(gateInterval)
	defer tick.Stop()
	for {
		select {
		case <-cancel:
			return
		case <-tick.C:
		}
		since := time.Since(began)
		if since >= g.queue || since >= g.handshakes && g.waiting() == 0 {
			break
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cancel != cancel {
		return
	}
	g.shut = make(chan struct{})
	g.turns++
	_ = onSocket(g.raw, "shutdown", func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) }) // what listens can be shut down
}

// waiting is how many connections are to be accepted (tcp(7), TCP_INFO of a socket that listens).
func (g *gate) waiting() (n uint32) {
	_ = onSocket(g.raw, "TCP_INFO", func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = info.Unacked
		}
		return err
	})
	return n
}

// Close implements net.Listener. The socket listens again: whoever has it next expects that.
func (g *gate) Close() error {
	err := g.close()
	g.closing.Wait()
	return errors.Join(err, g.Listener.Close())
}

// close opens the gate for the last time. If that fails, nobody waits for it all the same.
func (g *gate) close() (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed && g.cancel != nil {
		err = listen(g.raw)
		g.release()
	}
	g.closed = true
	return err
}
