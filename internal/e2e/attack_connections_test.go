package e2e

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handshakeSize is what a server sends in a handshake (RTMP 1.0 §5.2).
const handshakeSize = 1 + 2*1536

// crowd opens connections all at once, shakes hands on each, and keeps them until the test lets go: by then each was served, or closed, or is still
// waiting.
func crowd(wait time.Duration) func(*attacker) error {
	return func(a *attacker) error {
		wires := make([]*wire, a.Count)
		errs := make([]error, a.Count)
		var dialing sync.WaitGroup
		for i := range wires {
			dialing.Go(func() {
				if wires[i], errs[i] = a.dial(i, 0); errs[i] == nil {
					go wires[i].read()
					wires[i].send(c0c1c2())
				}
			})
		}
		dialing.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		deadline := time.Now().Add(wait)
		for _, w := range wires {
			w.awaitAnswer(deadline)
		}
		a.hold()
		for _, w := range wires {
			if !w.hasEnded() {
				w.leave()
			}
			w.conclude()
		}
		return nil
	}
}

// awaitAnswer waits for the handshake's end or the connection's, and counts which it was.
func (w *wire) awaitAnswer(deadline time.Time) {
	timeout := time.After(time.Until(deadline))
	for {
		w.mu.Lock()
		served := w.received >= handshakeSize
		w.mu.Unlock()
		if served {
			w.a.saw("served", 1)
			return
		}
		select {
		case <-w.news:
		case <-w.ended:
			w.a.saw("closed", 1)
			return
		case <-timeout:
			w.a.saw("waiting", 1)
			return
		}
	}
}

func (w *wire) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// flood starts a crowd and returns it at its height.
func (sc *scene) flood(t *testing.T, attack, from string, n int) *assault {
	t.Helper()
	x := sc.assault(t, order{Attack: attack, From: from, Count: n})
	x.awaitReady(t)
	return x
}

// expect ends a crowd and checks what it saw.
func (x *assault) expect(t *testing.T, sc *scene, served, closed int) {
	t.Helper()
	x.release(t)
	r := x.wait(t)
	if r.Seen["served"] != served || r.Seen["closed"] != closed || r.Seen["waiting"] != 0 {
		t.Errorf("of %d connections from %s: %v, not %d served and %d closed", x.order.Count, x.order.From, r.Seen, served, closed)
	}
	sc.quiet(t, &r)
}

// Row 17: no address and nobody else gets more connections than the limits allow; those that are there already do not notice.
func TestAttackConnectionFlood(t *testing.T) {
	t.Parallel()
	const total, perAddress = 50, 20
	sc := newScene(t, options{rtmp: fmt.Sprintf("limits: {connections: %d, connections_per_address: %d}", total, perAddress)})
	before, worker := sc.metrics(t), sc.observe(t, sc.target)

	first := sc.flood(t, "crowd", "127.0.0.2", 5*perAddress)
	sc.counted(t, before, 4*perAddress, rejectedTotal, "reason", "address_limit")
	second := sc.flood(t, "crowd", "127.0.0.3", perAddress) // another address has room
	const bystanders = 2                                    // publisher and player: the relay came in private
	const left = total - 2*perAddress - bystanders
	third := sc.flood(t, "crowd", "127.0.0.4", perAddress)
	sc.counted(t, before, perAddress-left, rejectedTotal, "reason", "global_limit")
	third.expect(t, sc, left, perAddress-left)
	second.expect(t, sc, perAddress, 0)
	first.expect(t, sc, perAddress, 4*perAddress)
	worker.within(t, bound{})
	for _, reason := range []string{"address_limit", "global_limit"} {
		if lines := sc.s.log.find("reason=" + reason); len(lines) > 2 {
			t.Errorf("%d lines in the log for rejected connections, such as %s", len(lines), lines[0])
		}
	}
	again := sc.flood(t, "crowd", "127.0.0.2", perAddress) // what was given back is there again
	again.expect(t, sc, perAddress, 0)
}

// Row 17: connections that come too fast are accepted as fast as is allowed, and every one is served.
func TestAttackAcceptRate(t *testing.T) {
	t.Parallel()
	const rate, burst, n = 100, 20, 220
	sc := newScene(t, options{rtmp: fmt.Sprintf("limits: {accept_rate: %d, accept_burst: %d}", rate, burst)})
	before := sc.metrics(t)
	began := time.Now()
	x := sc.flood(t, "crowd", "127.0.0.2", n)
	if took, least := time.Since(began), (n-burst-rate/10)*time.Second/rate; took < least {
		t.Errorf("%d connections were accepted within %v, sooner than in %v", n, took, least)
	}
	x.expect(t, sc, n, 0)
	sc.countedSome(t, before, 1, limitsTotal, "limit", "accept_rate")
	sc.counted(t, before, 0, rejectedTotal)
}

// Row 18: a worker without descriptors waits until there are some, says so once, and its sessions go on.
func TestAttackDescriptors(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	before := sc.metrics(t)
	pid := sc.pids[sc.target]
	const spare, flooding = 20, 100
	restore := limitDescriptors(t, pid, spare)
	x := sc.flood(t, "descriptors", "", flooding)
	for _, viewer := range sc.viewers {
		viewer.awaitMore(soon, messagesPerSecond)
	}
	x.release(t)
	r := x.wait(t)
	if r.Seen["waiting"] < flooding-2*spare || r.Seen["closed"] > 0 || r.Seen["served"] == 0 {
		t.Errorf("with %d descriptors to spare, %d connections: %v", spare, flooding, r.Seen)
	}
	sc.quiet(t, &r)
	if lines := sc.s.log.find("accept fails"); len(lines) != 1 {
		t.Errorf("%d lines in the log: %q", len(lines), lines)
	}
	// They are gone, and the worker has recovered within its limit.
	late := play(t, sc.s.rtmpURL(sc.target, bystander))
	late.awaitRun(soon, sc.publisher.source.run)
	late.close()
	sc.countedSome(t, before, 1, rejectedTotal, "reason", "descriptors")
	restore()
	// Each try counts. While it waits a second between two, it tries some ten times in the first, and then no more than that.
	const most = 200
	if tries := of(sc.metrics(t), rejectedTotal, "reason", "descriptors") - of(before, rejectedTotal, "reason", "descriptors"); tries > most {
		t.Errorf("accept failed %d times: it does not back off", tries)
	}
}

// limitDescriptors sets a process's RLIMIT_NOFILE (prlimit(2)) so that it may open n files more, and returns what sets it back.
func limitDescriptors(t *testing.T, pid, n int) (restore func()) {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, e := range entries {
		open[e.Name()] = true
	}
	limit := 0 // above the lowest n numbers that are free
	for ; n > 0; limit++ {
		if !open[strconv.Itoa(limit)] {
			n--
		}
	}
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	set := func(r unix.Rlimit) {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &r, nil); err != nil {
			t.Error(err)
		}
	}
	set(unix.Rlimit{Cur: uint64(limit), Max: old.Max})
	return func() { set(old) }
}
