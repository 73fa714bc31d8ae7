package e2e

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// What no client sends costs the connection that it came on, and nothing else: no worker dies, no player misses a message.
func TestBadInputCostsItsConnection(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	pids := s.pids(t)
	publisher, sending := s.goLive(t, 0, "live/well")
	viewer := play(t, s.rtmpURL(1, "live/well"))
	viewer.awaitRun(soon, publisher.source.run)

	unhex := func(s string) string {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, bad := range map[string]struct {
		handshake bool
		bytes     string
	}{
		"nothing":         {false, ""},
		"HTTP":            {false, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		"TLS":             {false, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		"half a C1":       {false, "\x03" + strings.Repeat("x", 700)},
		"chunk size zero": {true, unhex("02000000000004010000000000000000")},
		// A strict array that claims 2^31-1 elements, before connect (AMF 0 §2.12).
		"huge array": {true, unhex("03000000000012140000000002000178003ff00000000000000a7fffffff")},
		// A video message that claims 16 MiB, before connect.
		"huge message":     {true, unhex("06000000ffffff0901000000") + strings.Repeat("x", 128)},
		"fmt 3 first":      {true, "\xc6" + strings.Repeat("x", 128)},
		"publish first":    {true, unhex("0300000000001d140100000002000770") + strings.Repeat("x", 64)},
		"nested to no end": {true, unhex("03000000001000140000000002000178003ff0000000000000") + strings.Repeat("\x03\x00\x01a", 4096)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", s.rtmpAddr(shared))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if bad.handshake {
				handshake(t, conn)
			}
			_, _ = io.WriteString(conn, bad.bytes) // the server may close in the middle of it
			// The server closes: at once, or when its patience for a handshake or a connect has ended.
			if err := conn.SetReadDeadline(time.Now().Add(10*time.Second + soon)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
		})
	}
	t.Cleanup(func() {
		viewer.check()
		if now := s.pids(t); !slices.Equal(now, pids) {
			t.Errorf("workers died: pids were %v and are %v", pids, now)
		}
		if err := sending.stop(); err != nil {
			t.Error(err)
		}
	})
}

// handshake is the client's part of RTMP 1.0 §5.2.
func handshake(t *testing.T, conn net.Conn) {
	t.Helper()
	const size = 1536
	c0c1 := make([]byte, 1+size)
	c0c1[0] = 3
	if _, err := conn.Write(c0c1); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1+2*size)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(answer[1 : 1+size]); err != nil {
		t.Fatal(err)
	}
}
