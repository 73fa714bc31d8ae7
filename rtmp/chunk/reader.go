package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Reader reads the messages of one direction of a connection. It does its
// own buffering. It is not safe for concurrent use, except for BytesRead.
type Reader struct {
	in        input
	limits    Limits
	streams   streams
	chunkSize int
	inFlight  int // announced bytes of the messages that have started and not ended
	reuse     bool
	last      *block // what the last message's payload is in; nil if that is none of ours
	err       error
}

// NewReader returns a Reader of r, which is positioned behind the handshake.
func NewReader(r io.Reader, l Limits) *Reader {
	reader := &Reader{limits: l.withDefaults(), chunkSize: InitialChunkSize}
	reader.in.init(r)
	return reader
}

// ReuseBuffers makes the payload of a message valid until the next call of
// ReadMessage only: where it can, it is a part of the read buffer, and
// otherwise in memory that is used again. It is called before the first
// ReadMessage.
func (r *Reader) ReuseBuffers() { r.reuse = true }

// SetMaxInFlight changes Limits.MaxInFlight for the messages that start from
// now on.
func (r *Reader) SetMaxInFlight(n int) {
	r.limits.MaxInFlight = valueOr(n, DefaultMaxInFlight)
}

// BytesRead returns how many bytes came from the underlying reader, which is
// what an Acknowledgement carries (RTMP 1.0 §5.4.3). It may be called from any
// goroutine.
func (r *Reader) BytesRead() uint64 { return r.in.total.Load() }

// ReadMessage returns the next message that is complete. It applies
// SetChunkSize and Abort messages itself, and returns them all the same. The
// payload belongs to the caller, unless ReuseBuffers says otherwise.
//
// It returns io.EOF when the peer's data ends between two messages, and
// io.ErrUnexpectedEOF when it ends inside one. After an error every call
// returns that error, because the place in the byte stream is lost.
func (r *Reader) ReadMessage() (Message, error) {
	if r.err != nil {
		return Message{}, r.err
	}
	r.last.giveBack()
	r.last = nil
	m, err := r.readMessage()
	if err != nil {
		r.err = err
	}
	return m, err
}

// Arrived reports whether there is something for ReadMessage to do, the end
// included: it may still have to wait for the rest of a message, though. It does
// not wait itself. Of a reader that is no PatientReader it knows nothing, and
// returns true. What the last message held is not valid any more.
func (r *Reader) Arrived() bool { return r.err != nil || r.in.arrived() }

// Buffered returns how many bytes were read and belong to no message yet.
func (r *Reader) Buffered() int { return r.in.w - r.in.r }

// Wait waits until Arrived would return true. It needs no buffer meanwhile, and
// little stack.
func (r *Reader) Wait() { r.in.wait() }

func (r *Reader) readMessage() (Message, error) {
	for {
		s, err := r.readChunk()
		if err != nil {
			return Message{}, err
		}
		if s.missing() > 0 {
			continue
		}
		r.inFlight -= s.header.length
		m, lent := s.take()
		r.last = lent
		if err := r.apply(&m); err != nil {
			return Message{}, err
		}
		return m, nil
	}
}

// readChunk reads one chunk and returns its chunk stream.
func (r *Reader) readChunk() (*stream, error) {
	format, csid, err := r.readBasicHeader()
	if err != nil {
		return nil, err
	}
	s, err := r.stream(csid, format)
	if err != nil {
		return nil, err
	}
	if format == fmtNone {
		err = r.skipExtended(s)
	} else {
		err = r.readMessageHeader(s, format)
	}
	if err != nil {
		return nil, err
	}
	if !s.partial {
		if err := r.admit(&s.header); err != nil {
			return nil, fmt.Errorf("%w (chunk stream %d)", err, csid)
		}
		s.begin(format)
	}
	return s, r.readPayload(s)
}

func (r *Reader) readBasicHeader() (format uint8, csid uint32, err error) {
	b, err := r.in.need(1)
	if err != nil {
		if r.inFlight > 0 {
			err = unexpected(err)
		}
		return 0, 0, err
	}
	if b, err = r.in.need(basicHeaderSize(b[0])); err != nil {
		return 0, 0, unexpected(err)
	}
	format, csid = decodeBasicHeader(b)
	r.in.discard(len(b))
	return format, csid, nil
}

// stream returns the chunk stream csid, on which a chunk of the given format
// arrived.
func (r *Reader) stream(csid uint32, format uint8) (*stream, error) {
	s := r.streams.get(csid)
	switch {
	case s != nil && s.partial && format != fmtNone:
		return nil, fmt.Errorf("%w: fmt %d on chunk stream %d", ErrHeaderInMessage, format, csid)
	case s != nil:
		return s, nil
	case format > fmtMessage:
		// fmt 1 is let through: it lacks the message stream id only, and
		// librtmp starts a chunk stream with it for its pings.
		return nil, fmt.Errorf("%w: fmt %d on new chunk stream %d", ErrNoHeader, format, csid)
	case r.streams.count >= r.limits.MaxChunkStreams:
		return nil, fmt.Errorf("%w: at most %d", ErrChunkStreams, r.limits.MaxChunkStreams)
	}
	return r.streams.add(csid), nil
}

func (r *Reader) readMessageHeader(s *stream, format uint8) error {
	b, err := r.in.need(messageHeaderSize[format])
	if err != nil {
		return unexpected(err)
	}
	s.extended = decodeMessageHeader(b, format, &s.header)
	r.in.discard(len(b))
	if !s.extended {
		return nil
	}
	if b, err = r.in.need(extendedSize); err != nil {
		return unexpected(err)
	}
	s.header.time = binary.BigEndian.Uint32(b)
	r.in.discard(extendedSize)
	return nil
}

// skipExtended consumes the extended timestamp of a fmt 3 chunk. It belongs
// there if the last header had one (RTMP 1.0 §5.3.1.3), but OBS up to 30.0 and
// others leave it out: so four bytes that are not that timestamp are payload.
// It never waits for bytes behind the first one that differs, since a peer that
// leaves out the field may have nothing more to send.
func (r *Reader) skipExtended(s *stream) error {
	if !s.extended {
		return nil
	}
	field := s.extendedField()
	for i := range field {
		b, err := r.in.need(i + 1)
		if errors.Is(err, io.EOF) {
			return nil // reading the payload tells whether it is complete
		}
		if err != nil {
			return err
		}
		if b[i] != field[i] {
			return nil
		}
	}
	r.in.discard(len(field))
	return nil
}

// admit checks a message that is about to start against the limits.
func (r *Reader) admit(h *messageHeader) error {
	if most := r.limits.messageSize(h.typ); h.length > most {
		return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrMessageSize, h.typ, h.length, most)
	}
	if h.length > r.limits.MaxInFlight-r.inFlight {
		return fmt.Errorf("%w: %d bytes and %d more, at most %d", ErrInFlight, r.inFlight, h.length, r.limits.MaxInFlight)
	}
	r.inFlight += h.length
	return nil
}

// readPayload reads the payload of one chunk.
func (r *Reader) readPayload(s *stream) error {
	n := min(s.missing(), r.chunkSize)
	if r.reuse && n == s.header.length { // the whole message, in one chunk
		if p, ok := r.in.buffered(n); ok {
			s.payload = p
			return nil
		}
	}
	for n > 0 {
		p := s.space(n, r.reuse)
		if err := r.in.readFull(p); err != nil {
			return unexpected(err)
		}
		s.arrived(len(p))
		n -= len(p)
	}
	return nil
}
