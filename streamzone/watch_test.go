package streamzone_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// await waits for the name to have an owner, the way Watch's comment says.
func await(z *streamzone.Zone, name string) (streamzone.Entry, error) {
	w, err := z.Watch(name)
	if err != nil {
		return streamzone.Entry{}, err
	}
	defer w.Close()
	timeout := time.NewTimer(deadline)
	defer timeout.Stop()
	for {
		if e, ok, err := z.Lookup(name); err != nil || ok {
			return e, err
		}
		select {
		case <-w.C:
		case <-timeout.C:
			e, ok, _ := z.Lookup(name)
			return e, fmt.Errorf("waited in vain for %q; it is there: %t", name, ok)
		}
	}
}

func mustFire(t *testing.T, w *streamzone.Watch, what string) {
	t.Helper()
	select {
	case <-w.C:
	case <-time.After(deadline):
		t.Fatalf("no signal: %s", what)
	}
}

func TestWatch(t *testing.T) {
	k, a := newZone(t, streamzone.Config{})
	b := joinSlot(t, k, 64) // the other half of the interest mask
	watch := func(z *streamzone.Zone, name string) *streamzone.Watch {
		w, err := z.Watch(name)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	y := "live/y" // rung by another bit than x, whatever the zone's secret
	for a.Bucket(y)%1024 == a.Bucket("live/x")%1024 {
		y += "y"
	}
	w1, w2, other := watch(a, "live/x"), watch(b, "live/x"), watch(a, y)
	c := mustClaim(t, a, "live/x")
	mustFire(t, w1, "claim by this process")
	mustFire(t, w2, "claim by another")
	select {
	case <-other.C:
		t.Error("a claim of x woke the Watch of y")
	default:
	}
	// A close wakes everyone, whatever he waits for.
	if err := k.CloseSlot(99); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*streamzone.Watch{w1, w2, other} {
		mustFire(t, w, "close of a slot")
	}
	// The interest lasts as long as one Watch needs it.
	w3 := watch(a, "live/x")
	w1.Close()
	w1.Close()
	if !a.Interested("live/x") || !b.Interested("live/x") {
		t.Error("the interest is gone while a Watch needs it")
	}
	w3.Close()
	if a.Interested("live/x") || !b.Interested("live/x") || !a.Interested(y) {
		t.Error("wrong interest after the last Watch of slot 0 was closed")
	}
	a.Release(c)
	mustClaim(t, a, "live/x")
	mustFire(t, w2, "claim after the other slot lost interest")
	w2.Close()
	other.Close()
}

// What a slot's dead process was interested in is not its heir's.
func TestInterestEndsWithTheSlot(t *testing.T) {
	k, _ := newZone(t, streamzone.Config{Streams: 4})
	z := joinSlot(t, k, 7)
	if _, err := z.Watch("live/x"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), k.CloseSlot(7)); err != nil {
		t.Fatal(err)
	}
	heir := joinSlot(t, k, 7)
	if heir.Interested("live/x") {
		t.Fatal("the interest was inherited")
	}
}

// Watches come and go while names do; whoever waits for a name that is there
// is woken.
func TestNoWakeUpIsLost(t *testing.T) {
	k, a := newZone(t, streamzone.Config{Buckets: 2, Streams: 64})
	zones := []*streamzone.Zone{a, joinSlot(t, k, 1)}
	const rounds, waiters = 300, 3
	var wg sync.WaitGroup
	for g := range 4 { // each pair claims its own names, seen by waiters of both slots
		start := make(chan string)
		var done sync.WaitGroup
		for w := range waiters {
			wg.Go(func() {
				for name := range start {
					if _, err := await(zones[(g+w)%2], name); err != nil {
						t.Error(err)
					}
					done.Done()
				}
			})
		}
		wg.Go(func() {
			defer close(start)
			for i := range rounds {
				name := fmt.Sprintf("%d/%d", g, i)
				done.Add(waiters)
				var c streamzone.Claim
				for w := range waiters {
					start <- name
					if w == i%waiters { // between the waiters and after them
						var err error
						if c, err = zones[g%2].Claim(name); err != nil {
							t.Error(err)
						}
					}
				}
				done.Wait()
				zones[g%2].Release(c)
			}
		})
	}
	wg.Wait()
	mustBeIdle(t, a, 0)
}

// playerRole throws a ball: it waits for ball n and claims ball n+1. The input
// says which balls.
func playerRole(z *streamzone.Zone) error {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	prefix, first, _ := strings.Cut(strings.TrimSpace(line), " ")
	n, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	var last streamzone.Claim
	for ; n < ballThrows; n += 2 {
		if _, err := await(z, fmt.Sprint(prefix, n)); err != nil {
			return err
		}
		c, err := z.Claim(fmt.Sprint(prefix, n+1))
		if err != nil {
			return err
		}
		// The partner threw ball n after seeing ball n-1, our last.
		if last != (streamzone.Claim{}) && !z.Release(last) {
			return errors.New("not released")
		}
		last = c
	}
	fmt.Println("done")
	_, _ = in.ReadString('\n') // hold the last ball until told to end
	return nil
}

const ballThrows = 2000

// Two processes throw a ball over the zone: one lost wake-up stops the game.
func TestWakeUpAcrossProcesses(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Buckets: 1, Streams: 16})
	a, b := spawn(t, k, "player", 1), spawn(t, k, "player", 2)
	for i, c := range []*child{a, b} {
		if s := c.line(); s != "ready" {
			t.Fatal(s)
		}
		if _, err := fmt.Fprintln(c.in, "ball", i); err != nil {
			t.Fatal(err)
		}
	}
	mustClaim(t, z, "ball0")
	if e, err := await(z, fmt.Sprint("ball", ballThrows)); err != nil || e.Slot != 2 {
		t.Fatal(e, err)
	}
	for _, c := range []*child{a, b} {
		if s := c.line(); s != "done" {
			t.Fatal(s)
		}
		c.finish()
	}
}

// holdRole claims the names it is given and says so.
func holdRole(z *streamzone.Zone) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		c, err := z.Claim(in.Text())
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(c.ID())
	}
	return in.Err()
}

// The owner is killed: the master has the kernel's word for it, closes the
// slot, and whoever waits is woken and sees the name free.
func TestOwnerIsKilled(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Streams: 16})
	for round := range 5 {
		c := spawn(t, k, "hold", 3)
		if _, err := fmt.Fprintln(c.in, "live/x"); err != nil {
			t.Fatal(err)
		}
		id, err := streamzone.ParseID(c.line())
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Watch("live/x")
		if err != nil {
			t.Fatal(err)
		}
		mustHave(t, z, "live/x", &id)
		if err := k.CloseSlot(3); !errors.Is(err, streamzone.ErrSlotBusy) {
			t.Fatalf("close of a living process's slot: %v", err)
		}
		mustHave(t, z, "live/x", &id)
		if pid := z.State().Slots[1].PID; pid != c.cmd.Process.Pid {
			t.Errorf("pid %d, want %d", pid, c.cmd.Process.Pid)
		}
		c.kill()
		if err := k.CloseSlot(3); err != nil {
			t.Fatal(err)
		}
		mustFire(t, w, "close of the owner's slot")
		w.Close()
		mustHave(t, z, "live/x", nil)
		mine := mustClaim(t, z, "live/x")
		if round%2 == 0 {
			// This round's node, and the last round's, swept late.
			if n, err := k.Sweep(3); n != min(round, 1)+1 || err != nil {
				t.Fatalf("round %d: sweep: %d, %v", round, n, err)
			}
		}
		z.Release(mine)
	}
	if _, err := k.Sweep(3); err != nil {
		t.Fatal(err)
	}
	mustBeIdle(t, z, 0)
}
