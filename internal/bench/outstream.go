package bench

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// maxHeld is how much of a stream may wait for the server's window before the stream counts as broken: more than any server means to hold up.
const maxHeld = 32 << 20

var errHeld = errors.New("the server takes no more")

// An outStream is a stream that is published.
type outStream struct {
	// Static after construction.
	name  string
	id    uint32
	conn  *rtmpConn
	raw   syscall.RawConn // nil with TLS, which can't be written without waiting
	total *counters

	// Owned by the writing loop.
	timetable
	start   time.Time
	payload []byte
	frame   []byte
	chunk   int

	over atomic.Bool // it ended, by itself or by the server

	// mu guards what waits to be written: whole messages, of which the first may have been begun. The client's own go in between.
	mu   sync.Mutex
	held []byte
}

// init takes the socket over from the client, which goes on reading.
func (s *outStream) init(number int) error {
	s.chunk = rtmp.DefaultChunkSize
	if !s.conn.secure {
		raw, err := s.conn.socket.SyscallConn()
		if err != nil {
			return err
		}
		s.raw = raw
		s.conn.SetControlWriter(s.push)
	}
	// Streams begin at different places of a common GOP, so that their keyframes do not come at once.
	_, part := math.Modf(float64(number) * math.Phi)
	gop := time.Duration(s.gop) * time.Second / time.Duration(s.fps)
	now := monotonic()
	wait := (time.Duration(part*float64(gop)) - time.Duration(now%int64(gop)) + gop) % gop
	if number == 0 {
		wait = 0 // nobody waits for one stream alone
	}
	s.start = time.Now().Add(wait)
	opening, err := s.opening()
	if err != nil {
		return err
	}
	for i := range opening {
		if err := s.send(&opening[i]); err != nil {
			return err
		}
	}
	return nil
}

// due is when the next message is to be sent.
func (s *outStream) due() time.Time {
	_, after := s.next()
	return s.start.Add(after)
}

// sendNext makes and sends the message that is due.
func (s *outStream) sendNext() error {
	m := s.message(s.payload, monotonic())
	s.payload = m.Payload
	return s.send(&m)
}

func (s *outStream) send(m *rtmp.Message) error {
	m.StreamID = s.id
	s.frame = rtmp.AppendMessage(s.frame[:0], rtmp.CSIDFor(m.Type), s.chunk, m)
	s.total.bytes.Add(int64(len(s.frame)))
	s.total.messages.Add(1)
	if s.raw == nil {
		return s.conn.WriteMessage(m)
	}
	return s.push(s.frame)
}

// push writes b, or keeps what the socket does not take for the next time.
func (s *outStream) push(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) > 0 {
		s.total.held.Add(1)
		if len(s.held)+len(b) > maxHeld {
			return errHeld
		}
		s.held = append(s.held, b...)
		b = s.held
	}
	n, err := s.try(b)
	if err != nil {
		return err
	}
	if len(s.held) > 0 {
		s.held = s.held[:copy(s.held, b[n:])]
	} else {
		s.held = append(s.held, b[n:]...)
	}
	return nil
}

// try writes what the socket takes at once.
func (s *outStream) try(b []byte) (n int, err error) {
	rawErr := s.raw.Write(func(fd uintptr) bool {
		n, err = unix.Write(int(fd), b)
		return true
	})
	if rawErr != nil {
		return 0, rawErr
	}
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	return max(n, 0), err
}

// fail notes why a stream ended.
func (s *outStream) fail(lost func(name string, err error), err error) {
	if !s.over.Swap(true) {
		lost(s.name, err)
	}
	_ = s.conn.Close()
}
