package worker

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/multiport"
)

// gateTime bounds what takes a second at most: a client whose first segment was dropped sends it again after one.
const gateTime = 15 * time.Second

// A doorway is a gate behind which every connection is sent a byte.
type doorway struct {
	*gate
	file     *os.File // as the master has it
	accepted atomic.Int64
	done     chan struct{} // with err
	err      error
}

// newDoorways makes sockets of one address, as workers have them.
func newDoorways(t *testing.T, n int) []*doorway {
	t.Helper()
	files := listenAnywhere(t, n)
	ways := make([]*doorway, n)
	for i, f := range files {
		ways[i] = newDoorway(t, f)
	}
	return ways
}

func newDoorway(t *testing.T, f *os.File) *doorway {
	t.Helper()
	handed, err := multiport.Listener(f) // a descriptor of its own
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGate(handed)
	if err != nil {
		t.Fatal(err)
	}
	d := &doorway{gate: g, file: f, done: make(chan struct{})}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// listenAnywhere listens on a port that was free a moment ago: the kernel must not choose it.
func listenAnywhere(t *testing.T, n int) []*os.File {
	t.Helper()
	for range 20 {
		probe, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := probe.Addr().(*net.TCPAddr).Port
		probe.Close()
		files, err := multiport.ListenGroup(multiport.Addr{Network: multiport.TCP, Host: "127.0.0.1", Port: port}, n, multiport.ListenOptions{})
		if errors.Is(err, multiport.ErrInUse) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for _, f := range files {
				f.Close()
			}
		})
		return files
	}
	t.Fatal("no free port")
	return nil
}

// serve accepts until the gate is closed.
func (d *doorway) serve() {
	go func() {
		defer close(d.done)
		for {
			nc, err := d.Accept()
			if err != nil {
				d.err = err
				return
			}
			d.accepted.Add(1)
			_, _ = nc.Write([]byte{1})
			nc.Close()
		}
	}()
}

func (d *doorway) set(t *testing.T, open bool) {
	t.Helper()
	if err := d.gate.set(open); err != nil {
		t.Fatal(err)
	}
}

// awaitShut waits until the socket does not listen.
func (d *doorway) awaitShut(t *testing.T) {
	t.Helper()
	await(t, "the gate to be shut", func() bool {
		opens, _ := d.state()
		return opens != nil
	})
}

// visit connects, and returns once it has got the byte.
func visit(addr net.Addr) error {
	nc, err := net.DialTimeout("tcp", addr.String(), gateTime)
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.(*net.TCPConn).SetLinger(0) // leaves nothing behind; it only fails on a closed one
	_ = nc.SetDeadline(time.Now().Add(gateTime))
	_, err = io.ReadFull(nc, make([]byte, 1))
	return err
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(gateTime); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", gateTime, what)
		}
	}
}

// die is the end of the process: its descriptor is closed, and nothing else is done.
func (d *doorway) die() {
	d.mu.Lock()
	d.closed = true
	if d.shut == nil {
		close(d.cancel)
	}
	d.mu.Unlock()
	d.closing.Wait()
	d.Listener.Close()
}
