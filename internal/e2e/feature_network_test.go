package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A network is another one than the test's, with a cable between the two: a network namespace and a pair of virtual interfaces. It goes away with
// the process at the latest.
type network struct {
	t          testing.TB
	work       chan func() // done in the network
	near, far  string      // addresses of the cable's ends: the test's, and that in the network
	nearDevice string
}

const farDevice = "far"

// newNetwork makes network number n. The test must be in a network of its own, too: addresses are not looked for.
func newNetwork(t testing.TB, n int) *network {
	t.Helper()
	w := &network{
		t: t, work: make(chan func()), nearDevice: fmt.Sprintf("near%d", n),
		near: fmt.Sprintf("198.18.%d.1", n), far: fmt.Sprintf("198.18.%d.2", n), // RFC 2544
	}
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		made <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range w.work {
			f()
		}
	}()
	t.Cleanup(func() { close(w.work) })
	if err := <-made; err != nil {
		t.Fatalf("a network namespace, for which one must be root: %v", err)
	}
	err = w.in(func() error {
		network := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), here.Fd())
		if err := ip("link", "add", farDevice, "type", "veth", "peer", "name", w.nearDevice, "netns", network); err != nil {
			return err
		}
		return plug(farDevice, w.far)
	})
	if err == nil {
		err = plug(w.nearDevice, w.near)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ip("link", "del", w.nearDevice); err != nil {
			t.Error(err)
		}
	})
	return w
}

// in does something in the network: in the thread that is there.
func (w *network) in(f func() error) error {
	done := make(chan error)
	w.work <- func() { done <- f() }
	return <-done
}

// ip runs the command ip in the network of the thread that calls it.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// plug gives an end of a cable an address and switches it on.
func plug(device, address string) error {
	if err := ip("address", "add", address+"/30", "dev", device); err != nil {
		return err
	}
	return ip("link", "set", device, "up")
}

// cut pulls the cable out of the network. Nobody is told: what is sent from now on is lost.
func (w *network) cut() {
	w.t.Helper()
	if err := w.in(func() error { return ip("link", "set", farDevice, "down") }); err != nil {
		w.t.Fatal(err)
	}
}

// from is a route that begins in the network. A socket stays where it was made.
func (w *network) from(addr string) route {
	return route{dial: func(ctx context.Context) (nc net.Conn, err error) {
		err = w.in(func() (err error) {
			var dialer net.Dialer
			nc, err = dialer.DialContext(ctx, "tcp", addr)
			return err
		})
		if err != nil {
			return nil, err
		}
		if local := hostOf(nc.LocalAddr()); local != w.far {
			nc.Close()
			return nil, fmt.Errorf("the connection comes from %s, not from %s", local, w.far)
		}
		return nc, nil
	}}
}

func hostOf(a net.Addr) string {
	host, _, _ := net.SplitHostPort(a.String())
	return host
}

// play starts a player in the network, and returns its address as the server sees it.
func (w *network) play(addr, stream string) (p *player, remote string) {
	w.t.Helper()
	r := w.from(addr)
	dial, remotes := r.dial, make(chan string, 1)
	r.dial = func(ctx context.Context) (net.Conn, error) {
		nc, err := dial(ctx)
		if err == nil {
			remotes <- nc.LocalAddr().String()
		}
		return nc, err
	}
	p = r.play(w.t, stream)
	select {
	case remote = <-remotes:
	case <-p.ended:
		w.t.Fatal(p.err)
	}
	return p, remote
}
