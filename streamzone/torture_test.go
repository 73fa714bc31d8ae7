package streamzone_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// The oracle is a second shared memory, in which the children keep a book of
// their own. It is written after a claim was won and before it is released, so
// an owner in the book owns the name, if its slot is still in its epoch.
type oracle []atomic.Uint64

const (
	tortureNames   = 12
	tortureWorkers = 3 // goroutines per child
	tortureSlots   = 6 // of which torturedAtOnce are in use
	torturedAtOnce = 4
	tortureHeld    = 3 // most names that a goroutine holds

	oracleOrder  = 0 // what the children are to do
	oracleFaults = 1
	oracleSlots  = 64 // per slot: epoch after Join, finished calls, goroutines paused
	oracleNames  = oracleSlots + 8*tortureSlots
	oracleBytes  = 8 * 512
)

// Orders.
const (
	orderWork  = 0
	orderPause = 1 // stop claiming, keep what you have
	orderEnd   = 2 // release everything and end
)

func (o oracle) joined(slot int) *atomic.Uint64 { return &o[oracleSlots+8*slot] }
func (o oracle) calls(slot int) *atomic.Uint64  { return &o[oracleSlots+8*slot+1] }
func (o oracle) paused(slot int) *atomic.Uint64 { return &o[oracleSlots+8*slot+2] }
func (o oracle) owner(name int) *atomic.Uint64  { return &o[oracleNames+name] }

// The owner's word: slot, epoch, goroutine+1. 0 is nobody.
func ownerWord(z *streamzone.Zone, slot, goroutine int) uint64 {
	return uint64(slot)<<32 | uint64(z.Epoch(slot))<<16 | uint64(goroutine+1)
}

func (o oracle) isAlive(z *streamzone.Zone, owner uint64) bool {
	return owner != 0 && uint64(z.Epoch(int(owner>>32))) == owner>>16&0xffff
}

func (o oracle) fault(format string, args ...any) {
	o[oracleFaults].Add(1)
	fmt.Fprintf(os.Stderr, "torture: "+format+"\n", args...)
}

func tortureName(i int) string { return fmt.Sprintf("live/%0*d", 1+i*7, i) }

// tortureRole claims, releases and looks up until it is told to end, or killed.
func tortureRole(z *streamzone.Zone) error {
	words, _, err := streamzone.MapWords(os.NewFile(4, "oracle")) // mapped to the end
	if err != nil {
		return err
	}
	o := oracle(words)
	o.paused(z.Slot()).Store(0)
	o.joined(z.Slot()).Store(uint64(z.Epoch(z.Slot())))
	var wg sync.WaitGroup
	for g := range tortureWorkers {
		wg.Go(func() {
			b := &butcher{Zone: z, o: o, me: ownerWord(z, z.Slot(), g)}
			b.work()
		})
	}
	go func() { // never outlive the test
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		if o[oracleOrder].Load() != orderEnd {
			os.Exit(1)
		}
	}()
	wg.Wait()
	return nil
}

// A butcher is one goroutine of a child.
type butcher struct {
	*streamzone.Zone
	o    oracle
	me   uint64
	held []held
}

type held struct {
	name  int
	claim streamzone.Claim
}

func (b *butcher) work() {
	for {
		switch b.o[oracleOrder].Load() {
		case orderWork:
			b.step()
			b.o.calls(b.Slot()).Add(1)
			continue
		case orderPause:
			b.o.paused(b.Slot()).Add(1)
			for b.o[oracleOrder].Load() == orderPause {
				time.Sleep(time.Millisecond)
			}
			continue
		}
		for len(b.held) > 0 {
			b.release(0)
		}
		return
	}
}

func (b *butcher) step() {
	name := rand.IntN(tortureNames)
	switch n := rand.IntN(10); {
	case n < 5 && len(b.held) < tortureHeld:
		b.claim(name)
	case n < 8 && len(b.held) > 0:
		b.release(rand.IntN(len(b.held)))
	default:
		if _, _, err := b.Lookup(tortureName(name)); err != nil {
			b.o.fault("lookup: %v", err)
		}
	}
}

func (b *butcher) claim(name int) {
	c, err := b.Claim(tortureName(name))
	if errors.Is(err, streamzone.ErrTaken) || errors.Is(err, streamzone.ErrFull) {
		return
	}
	if err != nil {
		b.o.fault("claim: %v", err)
		return
	}
	was := b.o.owner(name).Load()
	if b.o.isAlive(b.Zone, was) || !b.o.owner(name).CompareAndSwap(was, b.me) {
		b.o.fault("%#x won name %d, which %#x owned", b.me, name, was)
	}
	if e, ok, err := b.Lookup(tortureName(name)); !ok || err != nil || e.ID != c.ID() || e.Slot != b.Slot() {
		b.o.fault("%#x owns name %d and does not find it: %+v, %t, %v", b.me, name, e, ok, err)
	}
	b.held = append(b.held, held{name, c})
}

func (b *butcher) release(i int) {
	h := b.held[i]
	b.held = append(b.held[:i], b.held[i+1:]...)
	if !b.o.owner(h.name).CompareAndSwap(b.me, 0) {
		b.o.fault("%#x lost name %d to %#x", b.me, h.name, b.o.owner(h.name).Load())
	}
	if !b.Release(h.claim) {
		b.o.fault("%#x could not release name %d", b.me, h.name)
	}
	if b.Release(h.claim) {
		b.o.fault("%#x released name %d twice", b.me, h.name)
	}
}

// Processes fight over few names in a tiny zone and are killed at random
// moments. A name never has two owners, and nothing is lost.
func TestTorture(t *testing.T) {
	for _, cfg := range []streamzone.Config{
		{Buckets: 1, Streams: 16, NameMax: 100},
		{Buckets: 3, Streams: 64, NameMax: 100},
	} {
		t.Run(fmt.Sprintf("buckets=%d", cfg.Buckets), func(t *testing.T) {
			f, err := streamzone.NewMemfd(oracleBytes)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			m := &torturer{T: t, k: newKeeper(t, cfg), f: f, o: mapZone(t, f)}
			m.run(4 * time.Second)
		})
	}
}

// A torturer is the master of the children.
type torturer struct {
	*testing.T
	k        *streamzone.Keeper
	f        *os.File // the oracle
	o        oracle
	children [tortureSlots]*child
	unswept  [tortureSlots]bool
	kills    int
}

func (m *torturer) run(length time.Duration) {
	stop := m.watchNames()
	for slot := range torturedAtOnce {
		m.start(slot)
	}
	for end := time.Now().Add(length); time.Now().Before(end) && m.o[oracleFaults].Load() == 0; {
		m.replaceOne()
		if err := m.k.Zone().Check(); err != nil {
			m.Fatal(err)
		}
	}
	stop()
	m.compareWithOracle()
	m.end()
	m.Logf("%d kills", m.kills)
	if n := m.o[oracleFaults].Load(); n > 0 {
		m.Fatalf("%d faults", n)
	}
}

func (m *torturer) start(slot int) {
	m.o.joined(slot).Store(0)
	m.o.calls(slot).Store(0)
	m.children[slot] = spawn(m.T, m.k, "torture", slot, m.f)
}

func (m *torturer) hasJoined(slot int) bool {
	return m.o.joined(slot).Load() == uint64(m.children[slot].epoch)
}

// replaceOne kills a child somewhere in its life, and starts another in a slot
// that is free. The sweep comes before that, after it, or later.
func (m *torturer) replaceOne() {
	victim := rand.IntN(tortureSlots)
	if m.children[victim] == nil {
		return
	}
	if rand.IntN(4) > 0 {
		calls := uint64(rand.IntN(3000))
		eventually(m, "the child works", func() bool {
			return m.o.calls(victim).Load() >= calls || m.o[oracleFaults].Load() > 0
		})
	}
	if m.hasJoined(victim) {
		if err := m.k.CloseSlot(victim); !errors.Is(err, streamzone.ErrSlotBusy) {
			m.Fatalf("close of a living process's slot: %v", err)
		}
	}
	m.children[victim].kill()
	m.children[victim] = nil
	m.kills++
	if err := m.k.CloseSlot(victim); err != nil {
		m.Fatal(err)
	}
	m.unswept[victim] = true
	if rand.IntN(2) == 0 {
		m.sweep(victim)
	}
	heir := rand.IntN(tortureSlots)
	for m.children[heir] != nil {
		heir = (heir + 1) % tortureSlots
	}
	m.start(heir)
	m.sweep(rand.IntN(tortureSlots))
}

func (m *torturer) sweep(slot int) {
	if _, err := m.k.Sweep(slot); err != nil {
		m.Fatal(err)
	}
	m.unswept[slot] = false
}

// watchNames waits for names from this process. Every name comes again soon,
// so whoever waits in vain has lost a wake-up.
func (m *torturer) watchNames() (stop func()) {
	z := joinSlot(m.T, m.k, 100)
	var wg sync.WaitGroup
	var ending atomic.Bool
	for range 3 {
		wg.Go(func() {
			for !ending.Load() && m.o[oracleFaults].Load() == 0 {
				if _, err := await(z, tortureName(rand.IntN(tortureNames))); err != nil {
					m.Error(err)
					return
				}
			}
		})
	}
	return func() {
		ending.Store(true)
		wg.Wait() // the children still claim, so nobody waits for long
		if err := z.Close(); err != nil {
			m.Error(err)
		}
		if err := m.k.CloseSlot(100); err != nil {
			m.Error(err)
		}
	}
}

// compareWithOracle stops the children between two calls. Then zone and book
// must agree to the last stream.
func (m *torturer) compareWithOracle() {
	m.o[oracleOrder].Store(orderPause)
	for slot, c := range m.children {
		if c != nil {
			eventually(m, "the children pause", func() bool {
				return m.hasJoined(slot) && m.o.paused(slot).Load() == tortureWorkers
			})
		}
	}
	z := m.k.Zone()
	want := map[string]int{}
	for i := range tortureNames {
		if owner := m.o.owner(i).Load(); m.o.isAlive(z, owner) {
			want[tortureName(i)] = int(owner >> 32)
		}
	}
	for slot := range m.unswept {
		m.sweep(slot)
	}
	mustBeIdle(m, z, len(want))
	err := z.Range(func(name string, e streamzone.Entry) bool {
		if slot, ok := want[name]; !ok || slot != e.Slot {
			m.Errorf("%.20q is owned by %+v, the oracle says slot %d, %t", name, e, slot, ok)
		}
		return true
	})
	if err != nil {
		m.Fatal(err)
	}
}

func (m *torturer) end() {
	m.o[oracleOrder].Store(orderEnd)
	for slot, c := range m.children {
		if c == nil {
			continue
		}
		c.finish()
		if err := m.k.CloseSlot(slot); err != nil {
			m.Fatal(err)
		}
	}
	mustBeIdle(m, m.k.Zone(), 0)
}
