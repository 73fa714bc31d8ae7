package deploytest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// visitors connect all the time.
type visitors struct {
	t    *testing.T
	stop chan struct{}
	all  sync.WaitGroup
	n    atomic.Int64
}

// visit starts them. Each of their connections must be taken.
func (s service) visit(n int) *visitors {
	v := &visitors{t: s.t, stop: make(chan struct{})}
	for range n {
		v.all.Go(func() {
			for {
				select {
				case <-v.stop:
					return
				default:
				}
				nc, err := s.knock("tcp", "127.0.0.1:1935")
				if err != nil {
					s.t.Errorf("after %d visits: %v", v.n.Load(), err)
					return
				}
				if err := shake(nc); errors.Is(err, os.ErrDeadlineExceeded) {
					s.t.Errorf("after %d visits: %v", v.n.Load(), err)
				}
				v.n.Add(1)
			}
		})
	}
	s.t.Cleanup(v.end)
	return v
}

// more waits for more visits.
func (v *visitors) more(n int64) {
	v.t.Helper()
	before := v.n.Load()
	await(v.t, "visits", func() bool { return v.t.Failed() || v.n.Load() >= before+n })
}

func (v *visitors) end() {
	select {
	case <-v.stop:
	default:
		close(v.stop)
	}
	v.all.Wait()
}

// handshake connects, and shakes hands.
func (s service) handshake(network, address string) error {
	nc, err := s.knock(network, address)
	if err != nil {
		return err
	}
	return shake(nc)
}

// knock connects to the server. That takes no time, or fails: the connection waits there until it is accepted.
func (s service) knock(network, address string) (net.Conn, error) {
	return s.dial(s.t.Context(), network, address)
}

// shake does the handshake (RTMP 1.0 §5.2) on a connection, and closes it. It waits for long for an answer.
func shake(nc net.Conn) error {
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(awaitTime))
	const version, size = 3, 1536
	c0c1 := make([]byte, 1+size)
	_, _ = rand.Read(c0c1[9:])
	c0c1[0] = version
	if _, err := nc.Write(c0c1); err != nil {
		return err
	}
	s0s1s2 := make([]byte, 1+2*size)
	if _, err := io.ReadFull(nc, s0s1s2); err != nil {
		return err
	}
	if s0s1s2[0] != version {
		return fmt.Errorf("version %d", s0s1s2[0])
	}
	return nil
}
