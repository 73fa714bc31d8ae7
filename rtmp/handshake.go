package rtmp

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/yutopp/go-rtmp/handshake"
)

const (
	protocolVersion = 3                // RTMP 1.0 §5.2.2
	packetSize      = 1536             // C1, S1, C2 and S2, RTMP 1.0 §5.2.3 and §5.2.4
	handshakeSize   = 1 + 2*packetSize // what either side sends
)

// serverHandshake does the server's part of the handshake (RTMP 1.0 §5.2).
//
// S1 carries version 0: anything from 3 on would make clients expect the
// digests of a later, undocumented handshake. C2 is not compared with S1,
// because some clients send something else, and a match proves nothing.
func serverHandshake(nc net.Conn, timeout time.Duration) error {
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return handshakeError(err)
	}
	// Nothing is sent, no more is read, and no memory is needed, before the first
	// byte is known to be right: what is on the other end may be HTTP or TLS.
	if err := readVersion(nc); err != nil {
		return err
	}
	h := newHandshaker(nc)
	defer h.free()
	if err := h.readPacket1(); err != nil {
		return err
	}
	if err := errors.Join(h.appendPackets01(), h.appendPacket2()); err != nil {
		return err
	}
	if err := h.send(); err != nil {
		return err
	}
	return h.skipPacket2()
}

// clientHandshake does the client's part of the handshake (RTMP 1.0 §5.2).
func clientHandshake(nc net.Conn, timeout time.Duration) error {
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return handshakeError(err)
	}
	h := newHandshaker(nc)
	defer h.free()
	if err := h.appendPackets01(); err != nil {
		return err
	}
	if err := h.send(); err != nil {
		return err
	}
	if err := readVersion(nc); err != nil {
		return err
	}
	if err := h.readPacket1(); err != nil {
		return err
	}
	if err := h.skipPacket2(); err != nil {
		return err
	}
	if err := h.appendPacket2(); err != nil {
		return err
	}
	return h.send()
}

// readVersion reads C0 or S0, and not a byte more.
func readVersion(r io.Reader) error {
	var version handshake.S0C0
	if err := handshake.NewDecoder(r).DecodeS0C0(&version); err != nil {
		return handshakeError(err)
	}
	if version != protocolVersion {
		return fmt.Errorf("%w: first byte is %#02x, not %#02x", ErrHandshake, byte(version), protocolVersion)
	}
	return nil
}

// A handshaker has the memory of one handshake. That is more than all that a
// quiet connection takes, so those that follow use it again.
type handshaker struct {
	nc           net.Conn
	packet       io.LimitedReader // of nc
	in           *bufio.Reader    // of packet
	out          bytes.Buffer
	ours, theirs handshake.S1C1
	echo         handshake.S2C2
}

var handshakers = sync.Pool{New: func() any { return &handshaker{in: bufio.NewReaderSize(nil, packetSize)} }}

func newHandshaker(nc net.Conn) *handshaker {
	h := handshakers.Get().(*handshaker)
	h.nc, h.packet.R = nc, nc
	return h
}

func (h *handshaker) free() {
	h.nc, h.packet.R = nil, nil
	h.out.Reset()
	handshakers.Put(h)
}

// readPacket1 reads C1 or S1.
func (h *handshaker) readPacket1() error {
	return handshakeError(noCleanEOF(handshake.NewDecoder(h.onePacket()).DecodeS1C1(&h.theirs)))
}

// skipPacket2 reads C2 or S2, whatever it holds.
func (h *handshaker) skipPacket2() error {
	return handshakeError(noCleanEOF(handshake.NewDecoder(h.onePacket()).DecodeS2C2(&h.echo)))
}

// onePacket buffers what is read, because the decoder reads field by field, but
// never beyond the packet: what follows belongs to the chunk reader.
func (h *handshaker) onePacket() io.Reader {
	h.packet.N = packetSize
	h.in.Reset(&h.packet)
	return h.in
}

// send writes what was appended.
func (h *handshaker) send() error {
	defer h.out.Reset()
	_, err := h.nc.Write(h.out.Bytes())
	return handshakeError(err)
}

// appendPackets01 encodes C0 and C1, or S0 and S1.
func (h *handshaker) appendPackets01() error {
	version := handshake.S0C0(protocolVersion)
	h.ours.Time = handshakeTime()
	if _, err := rand.Read(h.ours.Random[:]); err != nil {
		return handshakeError(err)
	}
	e := handshake.NewEncoder(&h.out)
	return handshakeError(errors.Join(e.EncodeS0C0(&version), e.EncodeS1C1(&h.ours)))
}

// appendPacket2 encodes C2 or S2, the echo of the peer's packet 1.
func (h *handshaker) appendPacket2() error {
	h.echo.Time, h.echo.Time2, h.echo.Random = h.theirs.Time, handshakeTime(), h.theirs.Random
	return handshakeError(handshake.NewEncoder(&h.out).EncodeS2C2(&h.echo))
}

// handshakeTime is a timestamp in milliseconds with an arbitrary epoch.
func handshakeTime() uint32 { return uint32(time.Now().UnixMilli()) }

// handshakeError wraps err, which may be nil, in the reason it stands for.
func handshakeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrHandshakeTimeout, err)
	default:
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
}

// noCleanEOF replaces io.EOF, which would mean a clean end, in the middle of a
// handshake or of waiting for an answer.
func noCleanEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
