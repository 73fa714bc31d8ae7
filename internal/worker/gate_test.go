package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// No client notices that gates shut and open, and none comes through one that is shut.
func TestGateLosesNobody(t *testing.T) {
	t.Parallel()
	ways := newDoorways(t, 3)
	for _, d := range ways {
		d.serve()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var visits atomic.Int64
	t.Cleanup(clients.Wait)
	t.Cleanup(cancel)
	for range 16 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if err := visit(ways[0].Addr()); err != nil {
					t.Errorf("after %d visits: %v", visits.Load(), err)
					return
				}
				visits.Add(1)
			}
		})
	}
	more := func(of *atomic.Int64, n int64) {
		t.Helper()
		before := of.Load()
		await(t, fmt.Sprint(n, " connections"), func() bool { return of.Load() >= before+n || t.Failed() })
	}
	for _, d := range append(ways, ways[0]) {
		more(&d.accepted, 20)
		d.set(t, false)
		d.awaitShut(t)
		more(&visits, 20) // what was accepted last is counted
		before := d.accepted.Load()
		more(&visits, 200)
		if late := d.accepted.Load() - before; late > 0 {
			t.Errorf("%d connections through a gate that is shut", late)
		}
		d.set(t, true)
		more(&d.accepted, 20)
	}
	t.Logf("%d visits", visits.Load())
}

// Connections that wait when the gate is about to shut are accepted before it does, and none that begins then.
func TestGateLetsThemInWhoWait(t *testing.T) {
	t.Parallel()
	d := newDoorways(t, 1)[0]
	d.handshakes, d.queue = 10*time.Millisecond, gateTime
	const waiting = 10
	var conns []net.Conn
	for range waiting {
		nc, err := net.Dial("tcp", d.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		conns = append(conns, nc)
	}
	d.set(t, false)
	late := make(chan error)
	go func() {
		nc, err := net.DialTimeout("tcp", d.Addr().String(), gateTime)
		if err == nil {
			nc.Close()
		}
		late <- err
	}()
	for began := time.Now(); time.Since(began) < 10*d.handshakes; time.Sleep(time.Millisecond) {
		if opens, _ := d.state(); opens != nil || d.waiting() != waiting {
			t.Fatalf("shut: %v; %d wait, not %d", opens != nil, d.waiting(), waiting)
		}
	}
	d.serve()
	for i, nc := range conns {
		_ = nc.SetDeadline(time.Now().Add(gateTime))
		if _, err := io.ReadFull(nc, make([]byte, 1)); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	d.awaitShut(t)
	if err := <-late; !errors.Is(err, syscall.ECONNREFUSED) { // by the only gate, which is shut, when it asks again
		t.Errorf("a connection that began after the others: %v", err)
	}
	d.set(t, true)
	if err := visit(d.Addr()); err != nil {
		t.Error(err)
	}
}

// Who has waited for long enough is left outside, so that the gate shuts at last.
func TestGateWaitsForNobodyForever(t *testing.T) {
	t.Parallel()
	d := newDoorways(t, 1)[0]
	d.handshakes, d.queue = 10*time.Millisecond, 50*time.Millisecond
	nc, err := net.Dial("tcp", d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	d.set(t, false)
	d.awaitShut(t)
}

// A gate that opens before it was shut never was; opening and shutting twice does nothing.
func TestGateChangesItsMind(t *testing.T) {
	t.Parallel()
	d := newDoorways(t, 1)[0]
	d.serve()
	for range 3 {
		d.set(t, false)
		d.set(t, false)
		d.set(t, true)
		d.set(t, true)
		if err := visit(d.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	d.closing.Wait()
	if _, turns := d.state(); turns != 0 {
		t.Errorf("it was shut %d times", turns)
	}
}

// A process that dies with its gate shut, or half shut, leaves a socket to its successor that takes connections again.
func TestGateOfTheDead(t *testing.T) {
	t.Parallel()
	for _, half := range []bool{false, true} {
		t.Run(fmt.Sprintf("half %v", half), func(t *testing.T) {
			t.Parallel()
			d := newDoorways(t, 1)[0]
			d.set(t, false)
			if !half {
				d.awaitShut(t)
			}
			d.die()
			l, err := inherit(d.file)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			accepted := make(chan error, 1)
			go func() {
				nc, err := l.Accept()
				if err == nil {
					_, err = nc.Write([]byte{1})
					nc.Close()
				}
				accepted <- err
			}()
			if err := visit(l.Addr()); err != nil {
				t.Fatal(err)
			}
			if err := <-accepted; err != nil {
				t.Error(err)
			}
		})
	}
}

// Closing a gate that is shut ends who waits to accept, and leaves a socket that listens.
func TestGateClosedWhileShut(t *testing.T) {
	t.Parallel()
	d := newDoorways(t, 1)[0]
	d.serve()
	d.set(t, false)
	d.awaitShut(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-d.done:
	case <-time.After(gateTime):
		t.Fatal("Accept goes on")
	}
	if !errors.Is(d.err, net.ErrClosed) {
		t.Errorf("Accept: %v", d.err)
	}
	nc, err := net.Dial("tcp", d.Addr().String()) // the file of the master holds the socket
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	d.set(t, false) // does nothing any more
}

// Unix sockets have no gate: the workers share one.
func TestNoGate(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if g, err := newGate(l); g != nil || err != nil {
		t.Errorf("%v %v", g, err)
	}
}

// A deaf socket does nothing that it is told, from some time on.
type deaf struct {
	syscall.RawConn
	now atomic.Bool
}

// Control implements syscall.RawConn.
func (d *deaf) Control(f func(uintptr)) error {
	if d.now.Load() {
		return errors.New("deaf")
	}
	return d.RawConn.Control(f)
}

// Closing a gate ends who waits to accept, even if it can't be opened again, or is about to shut.
func TestGateClosedForGood(t *testing.T) {
	t.Parallel()
	for _, half := range []bool{false, true} {
		d := newDoorways(t, 1)[0]
		socket := &deaf{RawConn: d.raw}
		d.raw = socket
		d.serve()
		d.set(t, false)
		if !half {
			d.awaitShut(t)
		}
		socket.now.Store(true)
		if err := d.Close(); err == nil {
			t.Errorf("half %v: it opened", half)
		}
		select {
		case <-d.done:
		case <-time.After(gateTime):
			t.Fatalf("half %v: Accept goes on", half)
		}
	}
}
