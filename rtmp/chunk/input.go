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

// maxNeed is the most that is ever needed at once: a message header. So this
// is the most, too, that is buffered and not consumed while we wait for more.
const maxNeed = 11

// A PatientReader is a reader that waits without memory to read into. A Reader
// of one holds no buffer while nothing arrives.
type PatientReader interface {
	io.Reader
	// ReadPatiently waits until there is something to read, then reads once into
	// what m lends. Its results are those of Read.
	ReadPatiently(m Memory) (int, error)
	// ReadNow is Read without waiting: ErrNotYet means that nothing is there.
	ReadNow(p []byte) (int, error)
	// Wait waits until ReadNow would not return ErrNotYet any more. It uses
	// little stack. Its errors are those of Read.
	Wait() error
}

// Memory is lent to a PatientReader for one call.
type Memory interface {
	// Borrow returns memory to read into, the same until it is given back.
	Borrow() []byte
	// GiveBack is called before there is more waiting to do: nothing was read.
	GiveBack()
}

// An input is a buffered reader with a count of what it read. It borrows its
// buffer for as long as there is something in it.
type input struct {
	src     io.Reader
	patient PatientReader // src, if it is one

	buf  []byte // buf[r:w] is read and not consumed
	r, w int
	lent *block        // what buf is, or else:
	rest [maxNeed]byte // what was read and not consumed, while there is no block
	size int           // of the next block; 0 before the first
	err  error

	total atomic.Uint64
}

func (in *input) init(src io.Reader) {
	in.src, in.size, in.buf = src, minBuffer, in.rest[:]
	in.patient, _ = src.(PatientReader)
}

// need waits until n bytes are buffered and returns them without consuming
// them. If the source ends first, it returns those there are and the error;
// n is at most maxNeed.
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

// arrived reads without waiting, if the source can do that, and reports whether
// there is something: bytes, or an error.
func (in *input) arrived() bool {
	if in.w > in.r || in.err != nil || in.patient == nil {
		return true
	}
	in.putAside()
	n, err := in.patient.ReadNow(in.Borrow())
	if errors.Is(err, ErrNotYet) {
		in.GiveBack()
		return false
	}
	in.total.Add(uint64(n))
	in.w, in.err = n, err
	return n > 0 || err != nil
}

// wait waits for what arrived tells, if the source can do that.
func (in *input) wait() {
	if in.w == in.r && in.err == nil && in.patient != nil {
		in.putAside()
		in.err = in.patient.Wait()
	}
}

// buffered consumes n bytes and returns them as they stand in the buffer, if
// they are there. They stay there until the next need or readFull.
func (in *input) buffered(n int) (b []byte, ok bool) {
	if in.w-in.r < n {
		return nil, false
	}
	b = in.buf[in.r : in.r+n : in.r+n]
	in.r += n
	return b, true
}

// readFull fills p. A long p is read into directly.
func (in *input) readFull(p []byte) error {
	n := copy(p, in.buf[in.r:in.w])
	in.r += n
	for n < len(p) {
		if len(p)-n >= in.size {
			in.putAside()
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

// fill reads once into the buffer, in which less is left than maxNeed.
func (in *input) fill() error {
	in.putAside()
	n, err := in.read(nil)
	in.w += n
	if n > 0 && in.w == len(in.buf) {
		in.size = min(growBy*in.size, maxBuffer)
	}
	return err
}

// putAside gives the buffer back; what is left in it is kept.
func (in *input) putAside() {
	if in.lent == nil {
		return
	}
	in.w = copy(in.rest[:], in.buf[in.r:in.w])
	in.r = 0
	in.GiveBack()
}

// Borrow implements Memory: with a buffer that begins with what is left.
func (in *input) Borrow() []byte {
	if in.lent == nil {
		in.lent = borrowBlock(in.size)
		copy(in.lent.mem, in.rest[in.r:in.w])
		in.w -= in.r
		in.r = 0
		in.buf = in.lent.mem
	}
	return in.buf[in.w:]
}

// GiveBack implements Memory.
func (in *input) GiveBack() {
	in.lent.giveBack()
	in.lent, in.buf = nil, in.rest[:]
}

// read reads at least one byte into p, or into the buffer if p is nil, or
// returns an error.
func (in *input) read(p []byte) (int, error) {
	for range maxEmptyReads {
		if in.err != nil {
			return 0, in.err
		}
		n, err := in.readOnce(p)
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

func (in *input) readOnce(p []byte) (int, error) {
	switch {
	case p != nil:
		return in.src.Read(p)
	case in.patient != nil:
		return in.patient.ReadPatiently(in)
	default:
		return in.src.Read(in.Borrow())
	}
}

// unexpected turns the end of the source into an unexpected one.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
