package rtmp

import (
	"io"

	"github.com/rtmp-edge/rtmp-edge/rtmp/chunk"
)

// accounted reads from a conn's connection, counts, and acknowledges each
// window of bytes as it arrives: also in the middle of a long message, whose
// sender may be waiting for it (RTMP 1.0 §5.4.3).
type accounted struct{ c *conn }

func (r accounted) Read(p []byte) (int, error) {
	n, err := r.c.nc.Read(p)
	r.c.account(n)
	return n, err
}

// patient is accounted for a connection that can wait without memory.
type patient struct {
	accounted
	src chunk.PatientReader
}

// ReadPatiently implements chunk.PatientReader.
func (r patient) ReadPatiently(m chunk.Memory) (int, error) {
	n, err := r.src.ReadPatiently(m)
	r.c.account(n)
	return n, err
}

// ReadNow implements chunk.PatientReader.
func (r patient) ReadNow(p []byte) (int, error) {
	n, err := r.src.ReadNow(p)
	r.c.account(n)
	return n, err
}

// Wait implements chunk.PatientReader.
func (r patient) Wait() error { return r.src.Wait() }

// source returns what messages are read from.
func (c *conn) source() io.Reader {
	if src, ok := c.nc.(chunk.PatientReader); ok {
		return &patient{accounted{c}, src}
	}
	if src := chunk.NewSocket(c.nc); src != nil {
		return &patient{accounted{c}, src}
	}
	return accounted{c}
}

func (c *conn) account(n int) {
	c.bytesRead.Add(uint64(n))
	c.received += uint64(n)
	if c.received-c.acknowledged < uint64(c.window) {
		return
	}
	c.acknowledged = c.received
	// The sequence number wraps at 2^32. A failure to write shows in reading,
	// but only after what the peer sent before it went away.
	_ = c.send(protocolControl(TypeAcknowledgement, uint32(c.received)))
}
