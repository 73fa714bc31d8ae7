package rtmp

import (
	"bytes"
	"errors"
	"io"
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

// TestOtherProtocols: whoever does not speak RTMP gets no byte back.
func TestOtherProtocols(t *testing.T) {
	for _, tt := range []struct{ name, hello string }{
		{"HTTP", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"encrypted RTMP", "\x06" + string(make([]byte, packetSize))},
		{"zero", "\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
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
