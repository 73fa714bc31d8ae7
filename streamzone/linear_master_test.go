package streamzone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A linMaster is the keeper of the children, and makes them make histories.
type linMaster struct {
	*testing.T
	k     *streamzone.Keeper
	sizes []streamzone.Config
	f     *os.File // the book
	book  linBook
	ids   map[streamzone.ID]bool // all that were ever seen
	seen  map[string]int         // what happened, and how often

	children [linSlots]*linChild

	// Of the history under way.
	r       *rand.Rand
	mu      sync.Mutex // guards h.ops while the zone is resized
	h       *linHistory
	order   linOrder // the last; Burst counts through all histories
	always  uint     // mask of clients that are in every burst, if they can
	epochs  [linSlots]uint16
	unswept [linSlots]bool
}

type linChild struct {
	*child
	control *handover.Conn
	burst   uint64 // under way; 0: none
	stopped bool   // by SIGSTOP
}

func newLinMaster(t *testing.T, sizes []streamzone.Config, seen map[string]int) *linMaster {
	t.Helper()
	f, err := streamzone.NewMemfd(linBytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	m := &linMaster{T: t, k: newKeeper(t, sizes[0]), sizes: sizes, f: f, book: mapZone(t, f), seen: seen}
	m.ids = map[streamzone.ID]bool{}
	m.h = &linHistory{}
	for slot := range m.children {
		m.open(slot)
	}
	return m
}

// burst lets clients make calls, those of them that can, and does something
// itself meanwhile.
func (m *linMaster) burst(clients uint, meanwhile func()) {
	var able []*linChild
	for slot, c := range m.children {
		if c == nil || c.stopped {
			clients &^= linOf(slot)
		} else if clients&linOf(slot) != 0 {
			able = append(able, c)
		}
	}
	m.order.Burst++
	m.order.Seed = m.r.Uint64()
	m.order.Clients = clients
	m.book[linMet].Store(0)
	for _, c := range able {
		c.burst = m.order.Burst
		m.fatal(json.NewEncoder(c.in).Encode(m.order))
	}
	if meanwhile != nil {
		meanwhile()
	}
	for _, c := range able {
		if c == m.children[c.slot] && !c.stopped {
			m.await(c)
		}
	}
}

// await waits for the end of the child's burst and reads what it did.
func (m *linMaster) await(c *linChild) {
	if got, want := c.line(), fmt.Sprint("done ", c.burst); got != want {
		m.Fatalf("slot %d says %q, want %q", c.slot, got, want)
	}
	m.collect(c)
}

func (m *linMaster) collect(c *linChild) {
	for g := range linThreads {
		m.record(m.book.read(c.burst, c.slot*linThreads+g, c.slot, c.epoch)...)
	}
	c.burst = 0
}

func (m *linMaster) record(ops ...linOp) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.h.ops = append(m.h.ops, ops...)
}

// do makes a call of the keeper's and writes it down.
func (m *linMaster) do(c linCall, call func() linResult) {
	op := linOp{client: linClients + int(c.kind), call: c, begin: m.book.tick()}
	op.result = call()
	op.end = m.book.tick()
	m.record(op)
}

func (m *linMaster) look(name int) {
	text := linName(name, m.order.Stretch)
	m.do(linCall{kind: linLookup, name: name, slot: linSlots}, func() linResult { return linLook(m.k.Zone(), text) })
}

// open starts a child in the slot.
func (m *linMaster) open(slot int) {
	conn, end, err := handover.Pair()
	m.fatal(err)
	defer end.Close()
	op := linOp{client: linClients, begin: m.book.tick(), result: linResult{is: linDone}}
	c := spawn(m, m.k, "linear", slot, m.f, end)
	op.call = linCall{kind: linOpen, slot: slot, epoch: c.epoch}
	op.end = m.book.tick()
	m.record(op)
	m.Cleanup(func() { _ = conn.Close() })
	if s := c.line(); s != "ready" {
		m.Fatalf("slot %d says %q", slot, s)
	}
	m.children[slot] = &linChild{child: c, control: conn}
	m.epochs[slot] = c.epoch
}

func (m *linMaster) close(slot int) {
	m.do(linCall{kind: linClose, slot: slot, epoch: m.epochs[slot]}, func() linResult {
		m.fatal(m.k.CloseSlot(slot))
		return linResult{is: linDone}
	})
	m.epochs[slot]++
	m.unswept[slot] = true
}

func (m *linMaster) sweep(slot int) {
	m.do(linCall{kind: linSweep, slot: slot}, func() linResult {
		n, err := m.k.Sweep(slot)
		m.fatal(err)
		return linResult{is: linDone, count: n}
	})
	m.unswept[slot] = false
}

// stop has a child stand still, in a call if it is in one.
func (m *linMaster) stop(slot int) {
	m.soon()
	m.signal(slot, syscall.SIGSTOP)
	m.children[slot].stopped = true
	m.seen["stop"]++
}

func (m *linMaster) resume() {
	for slot, c := range m.children {
		if c == nil || !c.stopped {
			continue
		}
		m.signal(slot, syscall.SIGCONT)
		c.stopped = false
		if c.burst != 0 {
			m.await(c)
		}
	}
}

func (m *linMaster) kill(slot int) {
	m.soon()
	m.signal(slot, syscall.SIGKILL)
	m.seen["kill"]++
}

func (m *linMaster) signal(slot int, s syscall.Signal) {
	m.fatal(m.children[slot].cmd.Process.Signal(s))
}

// bury waits for the end of a killed child, and reads what it did.
func (m *linMaster) bury(slot int) {
	c := m.children[slot]
	c.kill()
	m.collect(c)
	_ = c.control.Close()
	m.children[slot] = nil
}

// linFollowTime is how long a resize waits for a child. One that was stopped
// doesn't follow.
const linFollowTime = 25 * time.Millisecond

// resize runs beside the stop or the kill of a child, so it may come to nothing.
func (m *linMaster) resize(cfg streamzone.Config) {
	m.do(linCall{kind: linResize}, func() linResult {
		_, err := m.k.Resize(cfg, linFollowTime, func(f *os.File) error {
			for _, c := range m.children {
				if err := c.control.Send(handover.KindZone, nil, f); err != nil && !errors.Is(err, syscall.EPIPE) {
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			return linResult{is: linDone}
		case errors.Is(err, streamzone.ErrNotFollowed), errors.Is(err, streamzone.ErrSlotEmpty):
			return linResult{is: linRefused}
		}
		m.Errorf("resize: %v", err)
		return linResult{is: linFault}
	})
}
