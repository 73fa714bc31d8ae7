package transport

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// Options are what connections are given. Wrap keeps them: they must not change.
type Options struct {
	Trusted       []netip.Prefix // who may send a PROXY header, and must
	HeaderTimeout time.Duration  // for the PROXY header
	KeepAlive     time.Duration  // idle time before the first keepalive probe, and between probes; 0: none
	UserTimeout   time.Duration  // TCP_USER_TIMEOUT: how long sent data may stay unacknowledged; 0: the kernel's own
	TLS           *tls.Config    // of secure connections: see [TLSConfig]
}

// A Conn is an accepted connection: RTMP, without what is around it.
//
// As with any net.Conn, one goroutine reads and any number may write.
type Conn struct {
	// static after construction
	nc      net.Conn // the socket
	tls     *tls.Conn
	wire    *wire         // below tls; nil without TLS
	socket  *chunk.Socket // nc, to be read from patiently
	proxied bool
	timeout time.Duration // for the PROXY header

	gathering bool // owned by the reading goroutine: see Gather

	once    sync.Once // reads the PROXY header, and sets:
	peer    netip.AddrPort
	peerErr error
	remote  net.Addr

	identified    atomic.Bool               // once is done
	writeDeadline atomic.Pointer[time.Time] // with TLS
}

// Wrap returns the connection on an accepted TCP or unix socket; a secure one speaks TLS. It reads and writes nothing.
func Wrap(nc net.Conn, secure bool, o *Options) *Conn {
	tune(nc, o)
	c := &Conn{nc: nc, socket: chunk.NewSocket(nc), timeout: o.HeaderTimeout}
	from := addrPort(nc.RemoteAddr()).Addr()
	for _, p := range o.Trusted {
		c.proxied = c.proxied || p.Contains(from)
	}
	if secure {
		c.wire = &wire{Conn: nc, in: c.socket}
		c.tls = tls.Server(c.wire, o.TLS)
	}
	return c
}

// Proxied tells whether the connection comes from a trusted proxy: Peer must be called before anything is read.
func (c *Conn) Proxied() bool { return c.proxied }

// Peer returns the client's address, zero if it came by a unix socket. It reads the PROXY header, if one is due, and therefore blocks up to
// Options.HeaderTimeout; the read deadline that was set before is gone then. The error is ErrProxyHeader, or why the connection ended.
func (c *Conn) Peer() (netip.AddrPort, error) {
	c.once.Do(func() {
		c.remote, c.peerErr = c.identify()
		c.peer = addrPort(c.remote)
		c.identified.Store(true)
	})
	return c.peer, c.peerErr
}

func (c *Conn) identify() (net.Addr, error) {
	if !c.proxied {
		return c.nc.RemoteAddr(), nil
	}
	if err := c.nc.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return c.nc.RemoteAddr(), err
	}
	h, err := readHeader(c.nc)
	if err != nil {
		return c.nc.RemoteAddr(), err
	}
	source, err := sourceOf(h)
	if source == nil || err != nil {
		source = c.nc.RemoteAddr()
	}
	if err == nil {
		err = c.nc.SetReadDeadline(time.Time{})
	}
	return source, err
}

// ready returns when what comes before the first byte of RTMP is done with.
func (c *Conn) ready() error {
	if c.proxied {
		if !c.identified.Load() {
			return errNotIdentified
		}
		if c.peerErr != nil {
			return c.peerErr
		}
	}
	if c.tls == nil || c.wire.open.Load() {
		return nil
	}
	if err := c.tls.Handshake(); err != nil {
		return handshakeError(c.wire.heard, err)
	}
	return c.wire.begin()
}

// Read implements net.Conn. On a secure connection the TLS handshake is a part of the first Read.
func (c *Conn) Read(b []byte) (int, error) {
	c.wakeful()
	if err := c.ready(); err != nil {
		return 0, err
	}
	if c.tls == nil {
		return c.nc.Read(b)
	}
	n, err := c.tls.Read(b)
	if err != nil {
		err = recordError(err)
	}
	return n, err
}

// Write implements net.Conn. The deadline must be set before.
func (c *Conn) Write(b []byte) (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	if c.tls == nil {
		return c.nc.Write(b)
	}
	for n := 0; n < len(b); {
		k, err := c.tls.Write(b[n:min(n+maxSealed, len(b))])
		n += k
		if err == nil {
			err = c.drain()
		}
		if err != nil {
			return n, err
		}
	}
	return len(b), nil
}

// drain waits until the socket took what the wire holds.
func (c *Conn) drain() error {
	for {
		empty, err := c.wire.push()
		if empty || err != nil {
			return err
		}
		var deadline time.Time
		if d := c.writeDeadline.Load(); d != nil {
			deadline = *d
		}
		if err := c.wire.socket.WaitWritable(deadline); err != nil {
			return err
		}
	}
}

// Sink returns where a player's bytes go. Nobody may Write any more.
func (c *Conn) Sink() (live.Sink, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	if c.tls == nil {
		return live.NewSink(c.nc)
	}
	return &playerSink{tls: c.tls, wire: c.wire}, nil
}

// Close implements net.Conn. It waits for nothing: on a secure connection, the peer is told so if there is room.
func (c *Conn) Close() error {
	_, _ = c.closeNotify() // what doesn't reach the peer any more doesn't matter
	return c.nc.Close()
}

// Cut closes the connection without a word.
func (c *Conn) Cut() error { return c.nc.Close() }

// CloseWrite tells the peer that nothing more follows: TLS's close_notify, then FIN. It waits for nothing: if there is no room for the former,
// both are left to Close.
func (c *Conn) CloseWrite() error {
	if told, err := c.closeNotify(); !told || err != nil {
		return err
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		return net.ErrClosed
	}
	return half.CloseWrite()
}

// closeNotify ends what TLS has to say, and tells whether the socket has all of it.
func (c *Conn) closeNotify() (told bool, err error) {
	if c.tls == nil || !c.wire.open.Load() {
		return true, nil
	}
	if err := c.tls.CloseWrite(); err != nil {
		return false, err
	}
	return c.wire.push()
}

// LocalAddr implements net.Conn: the socket's, whatever a PROXY header says.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr implements net.Conn: the client's address, once Peer has returned; before, the socket's.
func (c *Conn) RemoteAddr() net.Addr {
	if c.identified.Load() {
		return c.remote
	}
	return c.nc.RemoteAddr()
}

// SetDeadline implements net.Conn. It holds for the TLS handshake, too.
func (c *Conn) SetDeadline(t time.Time) error {
	c.noteWriteDeadline(t)
	return c.nc.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.noteWriteDeadline(t)
	return c.nc.SetWriteDeadline(t)
}

// noteWriteDeadline keeps the deadline for drain.
func (c *Conn) noteWriteDeadline(t time.Time) {
	if c.tls != nil {
		deadline := t // here, so that nothing is allocated without TLS
		c.writeDeadline.Store(&deadline)
	}
}
