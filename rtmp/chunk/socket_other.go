//go:build !unix

package chunk

import (
	"io"
	"net"
)

// A Socket is a PatientReader of a TCP or unix socket, where the operating
// system makes that possible. Here it does not.
type Socket struct{ io.Reader }

// NewSocket returns nil.
func NewSocket(net.Conn) *Socket { return nil }

// ReadPatiently implements PatientReader.
func (s *Socket) ReadPatiently(m Memory) (int, error) { return s.Read(m.Borrow()) }

// ReadNow implements PatientReader.
func (s *Socket) ReadNow(p []byte) (int, error) { return s.Read(p) }

// Wait implements PatientReader.
func (s *Socket) Wait() error { return nil }
