package handover

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxInline is the largest body that stands in the socket.
const maxInline = 1 << 10

// memory returns a file in memory with that content.
func memory(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("message", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "message")
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// join takes the body from the last file.
func (m *Message) join() error {
	last := len(m.Files) - 1
	if last < 0 {
		return fmt.Errorf("%w: %s without its body", ErrUnexpected, m.Kind)
	}
	f := m.Files[last]
	defer f.Close()
	m.Files = m.Files[:last]
	body, err := io.ReadAll(io.NewSectionReader(f, 0, maxMessage))
	if err != nil {
		return fmt.Errorf("handover: %s: %w", m.Kind, err)
	}
	m.Body = body
	return nil
}
