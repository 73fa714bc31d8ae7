package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func TestServerHandshakeBytes(t *testing.T) {
	client, server := tcpPair(t)
	failed := make(chan error, 1)
	go func() { failed <- serverHandshake(server, patience) }()

	c1 := make([]byte, packetSize)
	for i := range c1 {
		c1[i] = byte(i * 7)
	}
	copy(c1[4:8], []byte{9, 0, 124, 2}) // a version, as players with digests send it
	if _, err := client.Write(append([]byte{3}, c1...)); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, handshakeSize)
	if _, err := io.ReadFull(client, reply); err != nil {
		t.Fatal(err)
	}
	s0, s1, s2 := reply[0], reply[1:1+packetSize], reply[1+packetSize:]
	if s0 != 3 {
		t.Errorf("S0 is %d", s0)
	}
	if !bytes.Equal(s1[4:8], make([]byte, 4)) {
		t.Errorf("version in S1 is %x, must be 0", s1[4:8])
	}
	if bytes.Count(s1[8:], []byte{0}) > packetSize/10 {
		t.Error("S1 is not random")
	}
	if !bytes.Equal(s2[:4], c1[:4]) || !bytes.Equal(s2[8:], c1[8:]) {
		t.Error("S2 does not echo C1")
	}
	// C2 that is no echo, and the first byte of what follows, which must stay.
	if _, err := client.Write(append(make([]byte, packetSize), 0x5a)); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	var next [1]byte
	if _, err := io.ReadFull(server, next[:]); err != nil || next[0] != 0x5a {
		t.Errorf("next byte is %#x, %v", next[0], err)
	}
}

// otherProtocols are what else is said to a port of RTMP.
var otherProtocols = []struct{ name, hello string }{
	{"HTTP", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"},
	{"HTTP that begins like RTMP goes on", "POST /open/1 HTTP/1.1\r\n\r\n\x03"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
	{"encrypted RTMP", "\x06" + string(make([]byte, packetSize))},
	{"a PROXY header", "PROXY TCP4 192.0.2.1 192.0.2.2 1 1935\r\n"},
	{"zero", "\x00"},
}

// TestVector22OtherProtocols: whoever does not speak RTMP gets no byte back.
func TestVector22OtherProtocols(t *testing.T) {
	for _, tt := range otherProtocols {
		t.Run("vector 22: "+tt.name, func(t *testing.T) {
			client, server := tcpPair(t)
			s := serve(t, server, nil)
			if _, err := client.Write([]byte(tt.hello)); err != nil {
				t.Fatal(err)
			}
			if err := s.end(t); !errors.Is(err, ErrHandshake) || Kind(err) != "handshake" {
				t.Errorf("ended with %v (%s)", err, Kind(err))
			}
			_ = client.SetReadDeadline(time.Now().Add(patience))
			if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("%d bytes came back, %v", n, err)
			}
		})
	}
}

func TestHandshakeCutShort(t *testing.T) {
	all := append([]byte{3}, make([]byte, 2*packetSize)...)
	for _, n := range []int{0, 1, 2, packetSize, packetSize + 1, packetSize + 2, 2 * packetSize} {
		client, server := tcpPair(t)
		s := serve(t, server, nil)
		go func() { _, _ = io.Copy(io.Discard, client) }()
		if _, err := client.Write(all[:n]); err != nil {
			t.Fatal(err)
		}
		closeWrite(t, client)
		err := s.end(t)
		if !errors.Is(err, ErrHandshake) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if nothing := errors.Is(err, io.EOF); nothing != (n == 0) {
			t.Errorf("%d bytes: io.EOF is %v in %v", n, nothing, err)
		}
		_ = client.Close()
	}
}

func TestClientHandshakeRefusesOtherVersions(t *testing.T) {
	client, server := tcpPair(t)
	go func() {
		_, _ = io.ReadFull(server, make([]byte, 1+packetSize))
		_, _ = server.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	}()
	if _, err := NewClient(t.Context(), client, ConnectRequest{App: "live"}, nil); !errors.Is(err, ErrHandshake) {
		t.Errorf("got %v", err)
	}
}

// FuzzHandshake gives both ends any bytes for a handshake. Neither answers what
// is not RTMP, both echo what is, and neither takes a byte of what follows.
//
// The bytes are the given ones over and over, up to a length: long inputs make
// a slow fuzzer.
func FuzzHandshake(f *testing.F) {
	for _, n := range []uint16{0, 1, 2, packetSize, packetSize + 1, packetSize + 2, 2 * packetSize, 2*packetSize + 1, 2*packetSize + 2, 2*packetSize + 99} {
		f.Add([]byte("\x03handshake"), n)
	}
	for _, tt := range otherProtocols {
		f.Add([]byte(tt.hello), uint16(len(tt.hello)))
		f.Add([]byte(tt.hello), uint16(handshakeSize))
	}
	f.Fuzz(func(t *testing.T, unit []byte, length uint16) {
		n := int(length)
		if len(unit) == 0 {
			n = 0
		}
		input := bytes.Repeat(unit, n/max(1, len(unit))+1)[:n]
		for _, end := range []struct {
			name      string
			handshake func(net.Conn, time.Duration) error
			first     int // bytes that it writes before it has read anything
		}{
			{"server", serverHandshake, 0},
			{"client", clientHandshake, 1 + packetSize},
		} {
			nc := &memoryConn{}
			nc.in.Reset(input)
			err := end.handshake(nc, patience)
			out, took := nc.out.Bytes(), len(input)-nc.in.Len()
			rtmp := len(input) > 0 && input[0] == protocolVersion
			switch {
			case (err == nil) != (rtmp && len(input) >= handshakeSize):
				t.Errorf("%s: %d bytes: %v", end.name, len(input), err)
			case err != nil && (!errors.Is(err, ErrHandshake) || errors.Is(err, io.EOF) != (len(input) == 0)):
				t.Errorf("%s: %d bytes: %v", end.name, len(input), err)
			case !rtmp && (len(out) != end.first || took > 1):
				t.Errorf("%s: took %d bytes and wrote %d for what is no RTMP", end.name, took, len(out))
			case took > handshakeSize:
				t.Errorf("%s: took %d bytes", end.name, took)
			case len(out) > 0 && (out[0] != protocolVersion || !bytes.Equal(out[5:9], make([]byte, 4))):
				t.Errorf("%s: wrote %x …", end.name, out[:9])
			case err == nil && !echoes(out, input):
				t.Errorf("%s: wrote %d bytes, and no echo", end.name, len(out))
			}
		}
	})
}

// echoes reports whether packet 2 of out holds the time and the random bytes of
// packet 1 of in (RTMP 1.0 §5.2.4).
func echoes(out, in []byte) bool {
	if len(out) != handshakeSize {
		return false
	}
	packet1, packet2 := in[1:1+packetSize], out[1+packetSize:]
	return bytes.Equal(packet2[:4], packet1[:4]) && bytes.Equal(packet2[8:], packet1[8:])
}
