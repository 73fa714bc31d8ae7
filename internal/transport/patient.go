package transport

import (
	"errors"

	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// A Conn on a socket is a chunk.PatientReader: who waits for the peer has no memory to read into, nor, on a secure connection, a TLS layer waiting
// on the stack. On anything else, reading is all there is.

// ReadPatiently implements chunk.PatientReader.
func (c *Conn) ReadPatiently(m chunk.Memory) (int, error) {
	c.wakeful()
	if c.socket == nil {
		return c.Read(m.Borrow())
	}
	if c.tls == nil {
		if err := c.ready(); err != nil {
			return 0, err
		}
		return c.socket.ReadPatiently(m)
	}
	for {
		n, err := c.ReadNow(m.Borrow())
		if !errors.Is(err, chunk.ErrNotYet) {
			return n, err
		}
		m.GiveBack()
		if err := c.socket.Wait(); err != nil {
			return 0, err
		}
	}
}

// ReadNow implements chunk.PatientReader. The TLS handshake is a part of the first one, which waits for it.
func (c *Conn) ReadNow(p []byte) (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	switch {
	case c.socket == nil:
		return c.Read(p)
	case c.tls == nil:
		return c.socket.ReadNow(p)
	}
	c.wire.now = true
	n, err := c.tls.Read(p)
	c.wire.now = false
	if err != nil && !errors.Is(err, chunk.ErrNotYet) {
		err = recordError(err)
	}
	return n, err
}

// Wait implements chunk.PatientReader. On a secure connection, it is called when ReadNow has nothing more.
func (c *Conn) Wait() error {
	c.wakeful()
	if c.socket == nil {
		return nil
	}
	return c.socket.Wait()
}

var _ chunk.PatientReader = (*Conn)(nil)
