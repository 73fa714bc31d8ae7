package worker

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// A smallSink is a socket that takes so much at a time.
type smallSink struct {
	each   int // 0: all
	writes [][]byte
	full   bool
	closed bool
}

// TryWritev implements live.Sink.
func (s *smallSink) TryWritev(iov [][]byte) (int, error) {
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	b := bytes.Join(iov, nil)
	if s.each > 0 && len(b) > s.each {
		b, s.full = b[:s.each], true
	}
	s.writes = append(s.writes, b)
	return len(b), nil
}

// WaitWritable implements live.Sink.
func (s *smallSink) WaitWritable(deadline time.Time) error {
	if !s.full || !deadline.IsZero() {
		return errors.New("a wait without need, or for a time")
	}
	s.full = false
	return nil
}

// Unacknowledged implements live.Sink.
func (s *smallSink) Unacknowledged() int { return 7 }

func TestOutlet(t *testing.T) {
	t.Parallel()
	want := make([]byte, 10_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(want)
	for _, each := range []int{0, 1, 999, 5000} {
		for _, cut := range []int{0, 1, 5000, len(want)} {
			sink := &smallSink{each: each}
			o := outlet{sink: sink}
			n, err := o.writev(want[:cut], want[cut:])
			if got := bytes.Join(sink.writes, nil); n != len(want) || err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d at a time, cut at %d: %d, %v", each, cut, n, err)
			}
			if o.written.Load() != uint64(len(want)) || o.acquired() != uint64(len(want)-7) || o.pieces[1] != nil {
				t.Errorf("%d written, %d acquired", o.written.Load(), o.acquired())
			}
		}
	}
	closed := outlet{sink: &smallSink{closed: true}}
	if n, err := closed.Write(want); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Error(n, err)
	}
}
