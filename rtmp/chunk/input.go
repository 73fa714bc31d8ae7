package chunk

import (
	"errors"
	"io"
	"sync/atomic"
)

// The read buffer starts small, because a player sends next to nothing and
// there may be many of them. It grows when a read fills it, because then the
// peer sends faster than we read.
const (
	minBuffer = 4 << 10
	maxBuffer = 64 << 10
	growBy    = 4
)

// maxEmptyReads is how many times in a row a reader may return neither data
// nor an error.
const maxEmptyReads = 100

// An input is a buffered reader with a count of what it read.
type input struct {
	src  io.Reader
	buf  []byte // buf[r:w] is read and not consumed
	r, w int
	full bool // the last read filled buf
	err  error

	total atomic.Uint64
}

// need waits until n bytes are buffered and returns them without consuming
// them. If the source ends first, it returns those there are and the error;
// n is at most minBuffer.
func (in *input) need(n int) ([]byte, error) {
	for in.w-in.r < n {
		if err := in.fill(); err != nil {
			return in.buf[in.r:in.w], err
		}
	}
	return in.buf[in.r : in.r+n], nil
}

// discard consumes n bytes, which need has returned.
func (in *input) discard(n int) { in.r += n }

// readFull fills p. A long p is read into directly.
func (in *input) readFull(p []byte) error {
	n := copy(p, in.buf[in.r:in.w])
	in.r += n
	for n < len(p) {
		if len(p)-n >= len(in.buf) {
			k, err := in.read(p[n:])
			n += k
			if err != nil {
				return err
			}
			continue
		}
		if err := in.fill(); err != nil {
			return err
		}
		k := copy(p[n:], in.buf[in.r:in.w])
		in.r += k
		n += k
	}
	return nil
}

// fill reads once into the buffer. It must not be full.
func (in *input) fill() error {
	if in.r == in.w {
		in.r, in.w = 0, 0
		switch {
		case in.buf == nil:
			in.buf = make([]byte, minBuffer)
		case in.full && len(in.buf) < maxBuffer:
			in.buf = make([]byte, len(in.buf)*growBy)
		}
	} else if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	n, err := in.read(in.buf[in.w:])
	in.w += n
	in.full = in.w == len(in.buf)
	return err
}

// read reads at least one byte into p, or returns an error.
func (in *input) read(p []byte) (int, error) {
	for range maxEmptyReads {
		if in.err != nil {
			return 0, in.err
		}
		n, err := in.src.Read(p)
		in.total.Add(uint64(n))
		in.err = err // when there is data as well, for the next call
		if n > 0 {
			return n, nil
		}
	}
	if in.err == nil {
		in.err = io.ErrNoProgress
	}
	return 0, in.err
}

// unexpected turns the end of the source into an unexpected one.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
