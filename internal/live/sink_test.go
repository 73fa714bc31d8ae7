package live

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// socketPair returns both ends of a connection with small buffers.
func socketPair(t testing.TB, network string) (server, client net.Conn) {
	t.Helper()
	server, client = openPair(t, network)
	if err := errors.Join(server.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(1),
		client.(interface{ SetReadBuffer(int) error }).SetReadBuffer(64<<10)); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// openPair returns both ends of a connection.
func openPair(t testing.TB, network string) (server, client net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// TestSocketSink: everything arrives, whatever the deadlines that somebody else sets, and whoever waits meanwhile.
func TestSocketSink(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			server, client := socketPair(t, network)
			_ = server.SetWriteDeadline(time.Unix(1, 0)) // left by an earlier write
			s, err := NewSink(server)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan []byte, 1)
			want, full := make([]byte, 8<<20), 0
			_, _ = rand.NewChaCha8([32]byte{}).Read(want)
			for left := want; len(left) > 0; {
				half := len(left) / 2
				n, err := s.TryWritev([][]byte{left[:half], nil, left[half:]})
				if err != nil {
					t.Fatal(err)
				}
				if left = left[n:]; len(left) == 0 {
					break
				}
				if full++; full == 1 {
					if err := s.WaitWritable(time.Now().Add(10 * time.Millisecond)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal(err)
					}
					go func() {
						b, _ := io.ReadAll(client)
						got <- b
					}()
				}
				if err := s.WaitWritable(time.Now().Add(20 * time.Second)); err != nil {
					t.Fatal(err)
				}
			}
			if full == 0 {
				t.Error("it was never full")
			}
			server.Close()
			if !bytes.Equal(<-got, want) {
				t.Error("something else arrived")
			}
			if n, err := s.TryWritev([][]byte{{1}}); n != 0 || !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: %d, %v", n, err)
			}
			if err := s.WaitWritable(time.Time{}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
			if n := s.Unacknowledged(); n != 0 {
				t.Errorf("closed: %d bytes", n)
			}
		})
	}
}

// TestSocketSinkWhileAnotherWaits: a sink above this one may have to write from another goroutine than the one that waits for room.
func TestSocketSinkWhileAnotherWaits(t *testing.T) {
	t.Parallel()
	server, _ := socketPair(t, "tcp")
	s, err := NewSink(server)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil { // until the peer's kernel takes no more either
		if _, err = s.TryWritev([][]byte{make([]byte, 1<<20)}); err == nil {
			err = s.WaitWritable(time.Now().Add(200 * time.Millisecond))
		}
	}
	waits := make(chan error, 1)
	go func() { waits <- s.WaitWritable(time.Now().Add(time.Hour)) }()
	for range 100 {
		if _, err := s.TryWritev([][]byte{{1}}); err != nil {
			t.Fatal(err)
		}
	}
	server.Close()
	if err := <-waits; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestSinkNeedsSocket(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if s, err := NewSink(a); err == nil {
		t.Errorf("%T", s)
	}
}

// A holdingSink takes more than the socket does, and holds it: as TLS must.
type holdingSink struct {
	*pipeSink
	held []byte
	owed int
}

func (s *holdingSink) TryWritev(iov [][]byte) (int, error) {
	if whole, err := s.push(); err != nil || !whole {
		return 0, err
	}
	taken, skip := s.owed, s.owed
	s.owed = 0
	for _, b := range iov {
		k := min(skip, len(b))
		skip -= k
		s.held = append(s.held, b[k:]...)
		taken += len(b) - k
		switch whole, err := s.push(); {
		case err != nil:
			return 0, err
		case !whole:
			s.owed = 1
			return taken - 1, nil
		}
	}
	return taken, nil
}

func (s *holdingSink) push() (whole bool, err error) {
	n, err := s.pipeSink.TryWritev([][]byte{s.held})
	s.held = s.held[n:]
	return len(s.held) == 0, err
}

func (s *holdingSink) Unacknowledged() int { return len(s.held) + s.pipeSink.Unacknowledged() }

func playHolding(t *testing.T, h *Hub) (*viewer, *holdingSink) {
	t.Helper()
	s := &holdingSink{pipeSink: newPipeSink(0)}
	return play(t, h, s.pipeSink, func(o *PlayOptions) { o.Sink = s }), s
}

// TestSinkThatHolds: what a sink holds gets out without another message, in order with what comes, and before the player ends.
func TestSinkThatHolds(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			h, f := published(t)
			v, s := playHolding(t, h)
			feedAll(t, f, key(0))
			want := []string{"data header@0", "video header@0", "audio header@0", "video key@0"}
			for ts := uint32(40); ts < 4000; ts += 40 {
				v.sink.grow(rnd.IntN(200))
				if rnd.IntN(3) > 0 {
					feedAll(t, f, inter(ts))
					want = append(want, describe(*inter(ts)))
				}
				synctest.Wait()
			}
			f.Detach()
			time.Sleep(5 * time.Second)
			v.sink.grow(endless)
			wantMessages(t, v, want...)
			if n := v.sink.got.Len(); uint64(n) != v.Sent() || len(s.held) > 0 {
				t.Errorf("%d bytes written, %d counted, %d held", n, v.Sent(), len(s.held))
			}
		})
	}
}

// TestSinkThatHoldsAtTheEnd: the player ends when the last byte is out, neither before nor later.
func TestSinkThatHoldsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.StallTimeout = time.Hour
		h := newTestHub(t, o)
		f := publish(t, h, "1")
		begin(t, f)
		v, s := playHolding(t, h)
		feedAll(t, f, key(0))
		f.Detach()
		time.Sleep(o.RepublishWait)
		const frames = "data header@0 video header@0 audio header@0 video key@0"
		for n := 0; ; n++ {
			synctest.Wait()
			all := strings.Join(describeAll(v.sink.messages(t)), " ")
			select {
			case r := <-v.ended:
				if r != EndUnpublished || all != frames || len(s.held) > 0 || v.Sent() != uint64(n) {
					t.Errorf("ended by %q with %q, %d bytes held, %d of %d counted", r, all, len(s.held), v.Sent(), n)
				}
				return
			default:
			}
			if all == frames {
				t.Fatal("goes on after the last byte")
			}
			v.sink.grow(1)
		}
	})
}

// TestSinkThatHoldsIsNotStalled: room is progress, though all of it goes to what the sink holds.
func TestSinkThatHoldsIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := published(t)
		v, s := playHolding(t, h)
		feedAll(t, f, key(0)) // of 300 bytes
		for range 10 {
			time.Sleep(6 * time.Second)
			v.sink.grow(1)
		}
		synctest.Wait()
		select {
		case r := <-v.ended:
			t.Fatalf("ended by %q", r)
		default:
		}
		begun := time.Now()
		if r := <-v.ended; r != EndStalled || time.Since(begun) != testOptions().StallTimeout {
			t.Errorf("ended by %q after %v, %d bytes held", r, time.Since(begun), len(s.held))
		}
	})
}
