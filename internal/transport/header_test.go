package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// v2 composes a version 2 header from its parts.
func v2(command, family byte, body []byte) string {
	b := append([]byte(nil), proxyproto.SIGV2...)
	b = append(b, command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return string(append(b, body...))
}

func addresses(src, dst string, tlvs ...byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	b := append(s.Addr().AsSlice(), d.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, s.Port())
	b = binary.BigEndian.AppendUint16(b, d.Port())
	return append(b, tlvs...)
}

const (
	cmdLocal, cmdProxy       = 0x20, 0x21
	famNone, fam4, fam6      = 0x00, 0x11, 0x21
	famUDP4, famUnix, famBad = 0x12, 0x31, 0x13
)

var (
	v4Body   = addresses("203.0.113.7:4711", "192.0.2.1:1935")
	v6Body   = addresses("[2001:db8::7]:4711", "[2001:db8::1]:1935")
	unixBody = append([]byte("/run/secret\x1b[2J"), make([]byte, 216-15)...)
)

// own stands for the proxy's own address.
const own = "own"

var goodHeaders = []struct{ name, header, want string }{
	{"v1 IPv4", "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n", "203.0.113.7:4711"},
	{"v1 IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 4711 1935\r\n", "[2001:db8::7]:4711"},
	{"v1 IPv4 in IPv6", "PROXY TCP6 ::ffff:203.0.113.7 ::1 4711 1935\r\n", "203.0.113.7:4711"},
	{"v1 unknown", "PROXY UNKNOWN\r\n", own},
	{"v1 unknown, with addresses", "PROXY UNKNOWN 203.0.113.7 192.0.2.1 4711 1935\r\n", own},
	{"v1 longest", "PROXY UNKNOWN " + strings.Repeat("f", maxLine-16) + "\r\n", own},
	{"v2 IPv4", v2(cmdProxy, fam4, v4Body), "203.0.113.7:4711"},
	{"v2 IPv6", v2(cmdProxy, fam6, v6Body), "[2001:db8::7]:4711"},
	{"v2 IPv4 in IPv6", v2(cmdProxy, fam6, addresses("[::ffff:203.0.113.7]:4711", "[::1]:1")), "203.0.113.7:4711"},
	{"v2 TLVs", v2(cmdProxy, fam4, append(v4Body, 0x04, 0, 3, 1, 2, 3)), "203.0.113.7:4711"},
	{"v2 longest", v2(cmdProxy, fam4, append(v4Body, make([]byte, maxRest-len(v4Body))...)), "203.0.113.7:4711"},
	{"v2 unix", v2(cmdProxy, famUnix, unixBody), ""},
	{"v2 local", v2(cmdLocal, famNone, nil), own},
	{"v2 local, with addresses", v2(cmdLocal, fam4, v4Body), own},
	{"v2 local, with a part of an address", v2(cmdLocal, fam4, []byte{1, 2, 3}), own},
}

var badHeaders = []struct{ name, header string }{
	{"RTMP", "\x03" + strings.Repeat("\x00", 1536)},
	{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"POST", "POST / HTTP/1.1\r\nHost: x\r\n\r\n"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 20)},
	{"one wrong byte", "\x00"},
	{"v1 nearly", "PROXI TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n"},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("f", maxLine) + "\r\n"},
	{"v1 without CR", "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\n"},
	{"v1 short line", "PROXY\r\n" + strings.Repeat("x", 20)},
	{"v1 no address", "PROXY TCP4 203.0.113.300 192.0.2.1 4711 1935\r\n"},
	{"v1 no port", "PROXY TCP4 203.0.113.7 192.0.2.1 4711 65536\r\n"},
	{"v1 wrong family", "PROXY TCP4 2001:db8::7 2001:db8::1 4711 1935\r\n"},
	{"v1 UDP", "PROXY UDP4 203.0.113.7 192.0.2.1 4711 1935\r\n"},
	{"v1 zone", "PROXY TCP6 fe80::1%eth0 fe80::2 4711 1935\r\n"},
	{"v2 nearly", string(proxyproto.SIGV2[:11]) + "\x00\x21\x11\x00\x00"},
	{"v2 version 1", v2(0x11, fam4, v4Body)},
	{"v2 command", v2(0x22, fam4, v4Body)},
	{"v2 family", v2(cmdProxy, famBad, v4Body)},
	{"v2 no family", v2(cmdProxy, famNone, nil)},
	{"v2 too short for its addresses", v2(cmdProxy, fam6, v4Body)},
	{"v2 UDP", v2(cmdProxy, famUDP4, v4Body)},
	{"v2 unix datagram", v2(cmdProxy, famUnix+1, unixBody)},
	{"v2 too long", v2(cmdProxy, fam4, append(v4Body, make([]byte, maxRest+1-len(v4Body))...))},
	{"v2 local, too long", v2(cmdLocal, fam4, make([]byte, 65535))},
}

// TestHeaderAccepted: every header, in one piece and byte by byte, and nothing read behind it.
func TestHeaderAccepted(t *testing.T) {
	for _, tt := range goodHeaders {
		for _, split := range []string{"whole", "bytes"} {
			t.Run(tt.name+"/"+split, func(t *testing.T) {
				t.Parallel()
				s, c := sockets(t)
				conn := Wrap(s, false, testOptions(t).trustAll())
				if !conn.Proxied() {
					t.Fatal("not taken for a proxy")
				}
				want := tt.want
				if want == own {
					want = c.LocalAddr().String()
				}
				if got := conn.RemoteAddr().String(); got != c.LocalAddr().String() {
					t.Errorf("before: %s", got)
				}
				go send(c, tt.header+"\x03rest", split == "bytes")
				peer, err := conn.Peer()
				if err != nil {
					t.Fatal(err)
				}
				if got := conn.RemoteAddr().String(); got != want {
					t.Errorf("RemoteAddr is %q, want %q", got, want)
				}
				if tt.want == "" {
					if peer.IsValid() || conn.RemoteAddr().Network() != "unix" {
						t.Errorf("peer %v, network %s", peer, conn.RemoteAddr().Network())
					}
				} else if peer.String() != want {
					t.Errorf("peer is %v, want %s", peer, want)
				}
				if conn.LocalAddr().String() != c.RemoteAddr().String() {
					t.Errorf("LocalAddr is %v", conn.LocalAddr())
				}
				rest := make([]byte, 5)
				if _, err := io.ReadFull(conn, rest); err != nil || string(rest) != "\x03rest" {
					t.Errorf("behind the header: %q, %v", rest, err)
				}
			})
		}
	}
}

func send(c net.Conn, s string, bytewise bool) {
	step := len(s)
	if bytewise {
		step = 1
	}
	for s != "" {
		n := min(step, len(s))
		if _, err := io.WriteString(c, s[:n]); err != nil {
			return
		}
		s = s[n:]
	}
}

func TestHeaderRefused(t *testing.T) {
	for _, tt := range badHeaders {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, c := sockets(t)
			conn := Wrap(s, false, testOptions(t).trustAll())
			if _, err := io.WriteString(c, tt.header); err != nil {
				t.Fatal(err)
			}
			_, err := conn.Peer() // though the peer keeps the connection open
			if !errors.Is(err, ErrProxyHeader) || rtmp.Kind(err) != "proxy_header" || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v, kind %q", err, rtmp.Kind(err))
			}
			if _, again := conn.Peer(); !errors.Is(again, err) {
				t.Errorf("then %v", again)
			}
			if n, rerr := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(rerr, err) {
				t.Errorf("Read: %d, %v", n, rerr)
			}
			if got := conn.RemoteAddr().String(); got != c.LocalAddr().String() {
				t.Errorf("RemoteAddr is %q", got)
			}
		})
	}
}

// TestHeaderCutOff: the end of the connection at any byte of a header.
func TestHeaderCutOff(t *testing.T) {
	for _, tt := range goodHeaders {
		for n := range min(len(tt.header), 200) {
			_, err := readHeader(strings.NewReader(tt.header[:n]))
			if n == 0 {
				if err != io.EOF { //nolint:errorlint // the bare one: nobody's fault
					t.Errorf("%s: nothing at all: %v", tt.name, err)
				}
			} else if !errors.Is(err, ErrProxyHeader) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: cut at %d: %v", tt.name, n, err)
			}
		}
	}
}

// piped returns a connection from a trusted proxy without a kernel in between, for tests with a clock of their own.
func piped(t *testing.T, o *Options) (*Conn, net.Conn) {
	t.Helper()
	s, c := net.Pipe()
	t.Cleanup(func() { s.Close(); c.Close() })
	conn := Wrap(s, false, o)
	conn.proxied = true
	return conn, c
}

// TestHeaderTimeout: the deadline is for the whole header, however it trickles.
func TestHeaderTimeout(t *testing.T) {
	for _, header := range []string{"", "PROXY TCP4 203.0.113.7 ", v2(cmdProxy, fam4, v4Body)[:20]} {
		for _, pause := range []time.Duration{0, time.Second} {
			synctest.Test(t, func(t *testing.T) {
				conn, c := piped(t, &Options{HeaderTimeout: 5 * time.Second})
				var sending sync.WaitGroup
				sending.Go(func() {
					for i := range len(header) {
						send(c, header[i:i+1], false)
						time.Sleep(pause) // of the bubble's clock
					}
				})
				begun := time.Now()
				if _, err := conn.Peer(); !errors.Is(err, ErrProxyHeader) || rtmp.Kind(err) != "proxy_header" {
					t.Errorf("after %q: %v", header, err)
				}
				if d := time.Since(begun); d != 5*time.Second {
					t.Errorf("after %v", d)
				}
				c.Close()
				sending.Wait()
			})
		}
	}
}

// TestHeaderDeadlineEnds: the deadline is the header's, not the connection's.
func TestHeaderDeadlineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, c := piped(t, &Options{HeaderTimeout: 5 * time.Second})
		go func() {
			send(c, "PROXY UNKNOWN\r\n", false)
			time.Sleep(time.Minute)
			send(c, "x", false)
		}()
		if _, err := conn.Peer(); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

// TestUntrustedHeader: what looks like a header is not read as one.
func TestUntrustedHeader(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	o := testOptions(t)
	o.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	conn := Wrap(s, false, o)
	if conn.Proxied() {
		t.Fatal("taken for a proxy")
	}
	const header = "PROXY TCP4 203.0.113.7 192.0.2.1 4711 1935\r\n"
	go send(c, header, false)
	peer, err := conn.Peer()
	if err != nil || peer.String() != c.LocalAddr().String() {
		t.Errorf("peer is %v, %v", peer, err)
	}
	got := make([]byte, len(header))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != header {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestReadBeforePeer: a header can't get through as if it were RTMP.
func TestReadBeforePeer(t *testing.T) {
	t.Parallel()
	s, c := sockets(t)
	conn := Wrap(s, false, testOptions(t).trustAll())
	go send(c, "PROXY UNKNOWN\r\n", false)
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, errNotIdentified) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := conn.Peer(); err != nil {
		t.Error(err)
	}
}

func FuzzProxyHeader(f *testing.F) {
	for _, tt := range goodHeaders {
		f.Add([]byte(tt.header + "rest"))
	}
	for _, tt := range badHeaders {
		f.Add([]byte(tt.header))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := bytes.NewReader(in)
		h, err := readHeader(whole)
		used := len(in) - whole.Len()
		if used > fixedSize+maxRest {
			t.Fatalf("%d bytes read", used)
		}
		again := bytes.NewReader(in)
		split, splitErr := readHeader(iotest.OneByteReader(again))
		if (err == nil) != (splitErr == nil) || err == nil && (!h.EqualsTo(split) || again.Len() != whole.Len()) {
			t.Fatalf("whole: %+v, %v; in pieces: %+v, %v", h, err, split, splitErr)
		}
		// proxyproto by itself, which reads ahead, must agree.
		theirs := bufio.NewReaderSize(bytes.NewReader(in), max(len(in), 128))
		want, wantErr := proxyproto.Read(theirs)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, theirs %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if rest, _ := io.ReadAll(theirs); !h.EqualsTo(want) || !bytes.Equal(rest, in[used:]) {
			t.Fatalf("%+v and %d bytes; theirs %+v and %d bytes", h, len(in)-used, want, len(rest))
		}
		if a, err := sourceOf(h); err == nil && a != nil {
			_ = a.String()
			if p := addrPort(a); a.Network() == "tcp" && !p.IsValid() {
				t.Fatalf("%v is no address", a)
			}
		}
	})
}
