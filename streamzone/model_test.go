package streamzone_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A model is what a zone should be: a map.
type model struct {
	*testing.T
	r     *rand.Rand
	k     *streamzone.Keeper
	zones [3]*streamzone.Zone // nil: the slot is closed
	owner map[string]owned
	dead  [3]int             // nodes of each slot that wait for a sweep
	stale []streamzone.Claim // ended claims
}

type owned struct {
	slot  int
	claim streamzone.Claim
}

const modelStreams = 8

// Random operations of three slots on a tiny zone do what they do to a map.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := &model{T: t, r: rand.New(rand.NewPCG(seed, 1)), owner: map[string]owned{}}
			m.k = newKeeper(t, streamzone.Config{Buckets: 1 + int(seed%4), Streams: modelStreams, NameMax: 40})
			for range 1500 {
				m.step()
				if t.Failed() {
					return
				}
			}
			m.compare()
		})
	}
}

func (m *model) step() {
	slot := m.r.IntN(len(m.zones))
	name := fmt.Sprintf("%0*d", 1+m.r.IntN(3)*17, m.r.IntN(5))
	switch op := m.r.IntN(100); {
	case m.zones[slot] == nil && op < 30:
		m.zones[slot] = joinSlot(m.T, m.k, slot)
	case op < 3:
		m.die(slot)
	case op < 10:
		m.sweep(slot)
	case op < 20:
		m.compare()
	case m.zones[slot] == nil:
		m.lookup(m.k.Zone(), name)
	case op < 40:
		m.lookup(m.zones[slot], name)
	case op < 70:
		m.claim(slot, name)
	case op < 95:
		m.release(slot, name)
	default:
		m.releaseStale(slot)
	}
}

func (m *model) used() int { return len(m.owner) + m.dead[0] + m.dead[1] + m.dead[2] }

func (m *model) claim(slot int, name string) {
	c, err := m.zones[slot].Claim(name)
	o, taken := m.owner[name]
	var e *streamzone.TakenError
	switch {
	case taken:
		if !errors.As(err, &e) || e.Owner.Slot != o.slot || e.Owner.ID != o.claim.ID() {
			m.Errorf("claim %q: %v, want owner %+v", name, err, o)
		}
	case m.used() == modelStreams:
		if !errors.Is(err, streamzone.ErrFull) {
			m.Errorf("claim %q: %v, want ErrFull", name, err)
		}
	case err != nil:
		m.Errorf("claim %q: %v", name, err)
	default:
		m.owner[name] = owned{slot, c}
	}
}

func (m *model) release(slot int, name string) {
	o, ok := m.owner[name]
	if got := m.zones[slot].Release(o.claim); got != (ok && o.slot == slot) {
		m.Errorf("slot %d release %q of %+v: %t", slot, name, o, got)
	}
	if ok && o.slot == slot {
		m.stale = append(m.stale, o.claim)
		delete(m.owner, name)
	}
}

func (m *model) releaseStale(slot int) {
	if len(m.stale) == 0 {
		return
	}
	if c := m.stale[m.r.IntN(len(m.stale))]; m.zones[slot].Release(c) {
		m.Errorf("slot %d released %v a second time", slot, c.ID())
	}
}

// die closes the zone as a process's end would, and then the slot.
func (m *model) die(slot int) {
	if m.zones[slot] != nil {
		if err := m.k.CloseSlot(slot); !errors.Is(err, streamzone.ErrSlotBusy) {
			m.Errorf("close of a living slot: %v", err)
		}
		if err := m.zones[slot].Close(); err != nil {
			m.Error(err)
		}
		m.zones[slot] = nil
	}
	if err := m.k.CloseSlot(slot); err != nil {
		m.Error(err)
	}
	for name, o := range m.owner {
		if o.slot == slot {
			m.stale = append(m.stale, o.claim)
			delete(m.owner, name)
			m.dead[slot]++
		}
	}
}

func (m *model) sweep(slot int) {
	n, err := m.k.Sweep(slot)
	if n != m.dead[slot] || err != nil {
		m.Errorf("sweep of slot %d: %d, %v, want %d", slot, n, err, m.dead[slot])
	}
	m.dead[slot] = 0
}

func (m *model) lookup(z *streamzone.Zone, name string) {
	e, ok, err := z.Lookup(name)
	o, want := m.owner[name]
	if err != nil || ok != want || ok && (e.Slot != o.slot || e.ID != o.claim.ID()) {
		m.Errorf("lookup %q: %+v, %t, %v, want %+v, %t", name, e, ok, err, o, want)
	}
}

func (m *model) compare() {
	z := m.k.Zone()
	if err := z.Check(); err != nil {
		m.Error(err)
	}
	got := map[string]streamzone.ID{}
	err := z.Range(func(name string, e streamzone.Entry) bool {
		got[name] = e.ID
		return true
	})
	want := map[string]streamzone.ID{}
	for name, o := range m.owner {
		want[name] = o.claim.ID()
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		m.Errorf("Range: %v\n%s", err, diff)
	}
	s := z.State()
	if s.Live != len(m.owner) || s.Live+s.Dead != m.used() || s.Free != modelStreams-m.used() {
		m.Errorf("state %+v, want %d alive, %d dead", s, len(m.owner), m.used()-len(m.owner))
	}
	if m.dead == [3]int{} {
		if err := z.CheckIdle(); err != nil {
			m.Error(err)
		}
	}
}
