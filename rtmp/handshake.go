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
	// Nothing is sent, and no more is read, before the first byte is known to
	// be right: what is on the other end may be HTTP or TLS.
	if err := readVersion(nc); err != nil {
		return err
	}
	c1, err := readPacket1(nc)
	if err != nil {
		return err
	}
	var reply bytes.Buffer
	if err := appendPackets01(&reply); err != nil {
		return err
	}
	if err := appendPacket2(&reply, c1); err != nil {
		return err
	}
	if _, err := nc.Write(reply.Bytes()); err != nil {
		return handshakeError(err)
	}
	return skipPacket2(nc)
}

// clientHandshake does the client's part of the handshake (RTMP 1.0 §5.2).
func clientHandshake(nc net.Conn, timeout time.Duration) error {
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return handshakeError(err)
	}
	var hello bytes.Buffer
	if err := appendPackets01(&hello); err != nil {
		return err
	}
	if _, err := nc.Write(hello.Bytes()); err != nil {
		return handshakeError(err)
	}
	if err := readVersion(nc); err != nil {
		return err
	}
	s1, err := readPacket1(nc)
	if err != nil {
		return err
	}
	if err := skipPacket2(nc); err != nil {
		return err
	}
	var c2 bytes.Buffer
	if err := appendPacket2(&c2, s1); err != nil {
		return err
	}
	if _, err := nc.Write(c2.Bytes()); err != nil {
		return handshakeError(err)
	}
	return nil
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

// readPacket1 reads C1 or S1.
func readPacket1(r io.Reader) (*handshake.S1C1, error) {
	var p handshake.S1C1
	if err := handshake.NewDecoder(onePacket(r)).DecodeS1C1(&p); err != nil {
		return nil, handshakeError(noCleanEOF(err))
	}
	return &p, nil
}

// skipPacket2 reads C2 or S2, whatever it holds.
func skipPacket2(r io.Reader) error {
	var p handshake.S2C2
	if err := handshake.NewDecoder(onePacket(r)).DecodeS2C2(&p); err != nil {
		return handshakeError(noCleanEOF(err))
	}
	return nil
}

// onePacket buffers r, because the decoder reads field by field, but never
// beyond the packet: what follows belongs to the chunk reader.
func onePacket(r io.Reader) io.Reader {
	return bufio.NewReaderSize(io.LimitReader(r, packetSize), packetSize)
}

// appendPackets01 encodes C0 and C1, or S0 and S1.
func appendPackets01(w io.Writer) error {
	version := handshake.S0C0(protocolVersion)
	p := &handshake.S1C1{Time: handshakeTime()}
	if _, err := rand.Read(p.Random[:]); err != nil {
		return handshakeError(err)
	}
	e := handshake.NewEncoder(w)
	return handshakeError(errors.Join(e.EncodeS0C0(&version), e.EncodeS1C1(p)))
}

// appendPacket2 encodes C2 or S2, the echo of the peer's packet 1.
func appendPacket2(w io.Writer, peer *handshake.S1C1) error {
	p := &handshake.S2C2{Time: peer.Time, Time2: handshakeTime(), Random: peer.Random}
	return handshakeError(handshake.NewEncoder(w).EncodeS2C2(p))
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
