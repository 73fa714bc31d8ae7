package streamzone_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

var (
	linHistories = flag.Int("linear.histories", 60, "histories of each zone in TestLinearizable")
	linSeed      = flag.Uint64("linear.seed", rand.Uint64(), "seed of the calls of TestLinearizable")
)

// linNameMax is room for the longest names.
const linNameMax = 31000

// linStretches: the longer the names, the longer a call takes, and the more can
// happen in the middle of it.
var linStretches = []int{1, 20, 1000, 10000}

// linZones are tiny, so that nodes are used again at once. The last one is
// resized again and again, and is never full.
var linZones = []struct {
	name  string
	sizes []streamzone.Config
}{
	{"streams=3", []streamzone.Config{{Buckets: 1, Streams: 3, NameMax: linNameMax}}},
	{"buckets=2", []streamzone.Config{{Buckets: 2, Streams: 4, NameMax: linNameMax}}},
	{"streams=40", []streamzone.Config{{Buckets: 1, Streams: 40, NameMax: linNameMax}}},
	{"resized", []streamzone.Config{
		{Buckets: 1, Streams: 40, NameMax: linNameMax},
		{Buckets: 3, Streams: 50, NameMax: linNameMax},
		{Buckets: 70, Streams: 45, NameMax: linNameMax + 1000},
	}},
}

// Processes call a tiny zone all at once, stand still in the middle and are
// killed. Whatever they answer is what somebody would have answered who took
// the calls in turn.
func TestLinearizable(t *testing.T) {
	defer linHook()()
	seen, zones := map[string]int{}, 0
	for _, z := range linZones {
		t.Run(z.name, func(t *testing.T) {
			m := newLinMaster(t, z.sizes, seen)
			for i := range *linHistories {
				m.history(*linSeed + uint64(i))
			}
			m.end()
			zones++
		})
	}
	t.Logf("-linear.seed %d: %v", *linSeed, seen)
	if zones < len(linZones) || *linHistories < 50 {
		return // it failed, or only a part was asked for
	}
	// The histories had in them what they are for.
	want := []string{
		"kill", "stop", "overlap", "won", "taken", "full", "released", "refused", "found", "absent", "resized", "resize refused",
	}
	if linPauses {
		want = append(want, "killed", "orphan")
	}
	for _, s := range want {
		if seen[s] == 0 {
			t.Errorf("there was no %q in %d histories", s, seen["history"])
		}
	}
}

func (m *linMaster) history(seed uint64) {
	m.r = rand.New(rand.NewPCG(seed, 1))
	m.h = &linHistory{from: linState{epochs: m.epochs}, streams: m.sizes[0].Streams}
	m.order.Stretch = linStretches[m.r.IntN(len(linStretches))]
	m.order.Watch = m.r.IntN(2) == 0
	m.order.Pauses, m.always = [linSlots]linSlowness{}, 0
	linSlowness{}.set()
	if m.r.IntN(4) > 0 {
		m.slowDown()
	}
	for range 1 + m.r.IntN(2) {
		if m.r.IntN(4) == 0 {
			m.deadly()
		} else {
			m.peaceful()
		}
	}
	m.order.Calls = 0 // all release what they have
	m.burst(linAll, nil)
	for slot := range linSlots {
		if m.unswept[slot] {
			m.sweep(slot)
		}
	}
	for name := range linNames {
		m.look(name)
	}
	if err := m.h.check(m, m.ids); err != nil {
		m.Fatalf("%v\n%vto try again: -linear.seed %d -run '%s'", err, m.h, seed, m.Name())
	}
	mustBeIdle(m, m.k.Zone(), 0)
	m.tally()
}

// slowDown has the children pause here and there, and one of them, or all, for
// long at one point, so that much happens to the others meanwhile.
func (m *linMaster) slowDown() {
	often := int64(4) << m.r.IntN(4)
	one, all := m.r.IntN(linSlots), m.r.IntN(2) == 0
	for slot := range m.order.Pauses {
		p := &m.order.Pauses[slot]
		p.Often = often
		if all || slot == one {
			p.Point, p.Long = linPoint(m.r), 4
		}
	}
	m.always = linOf(one)
	linSlowness{Often: often}.set() // the keeper's own
}

// peaceful is two bursts. From the first to the end of the second, a child may
// stand still in the middle of a call.
func (m *linMaster) peaceful() {
	if slow := m.r.IntN(linSlots); m.r.IntN(2) == 0 {
		m.burst(m.some()|linOf(slow), func() { m.meddle(func() { m.stop(slow) }) })
	} else {
		m.burst(m.some(), func() { m.meddle(func() {}) })
	}
	m.burst(m.some(), func() { m.look(m.r.IntN(linNames)) })
	m.resume()
}

// deadly kills a child in the first burst, closes its slot in the second, and
// starts another there in the third, which works in the fourth. The sweep is in
// the second burst, or late.
func (m *linMaster) deadly() {
	victim, slow := m.r.IntN(linSlots), m.r.IntN(linSlots)
	pauses := m.order.Pauses
	if m.r.IntN(2) == 0 { // it is to die when its claim is done, and not told
		m.order.Pauses[victim] = linSlowness{Point: linPointOf("atLinked"), Long: 10}
	}
	m.burst(m.some()|linOf(victim), func() {
		if m.r.IntN(2) == 0 && slow != victim {
			m.stop(slow)
		}
		m.meddle(func() { m.kill(victim) })
		m.bury(victim)
	})
	m.order.Pauses = pauses
	early := m.r.IntN(2) == 0
	m.burst(m.some(), func() {
		m.look(m.r.IntN(linNames))
		m.soon()
		m.close(victim)
		if early {
			m.sweep(victim)
		}
	})
	m.burst(m.some(), func() { m.open(victim) })
	m.resume()
	m.burst(m.some()|linOf(victim), func() {
		m.meddle(func() {})
		if !early {
			m.sweep(victim)
		}
	})
}

// meddle does something, while the zone is resized if it is one of those.
func (m *linMaster) meddle(do func()) {
	if len(m.sizes) > 1 {
		cfg := m.sizes[m.r.IntN(len(m.sizes))]
		var resizing sync.WaitGroup
		defer resizing.Wait()
		resizing.Go(func() { m.resize(cfg) })
	}
	do()
}

const linAll = 1<<linClients - 1

func linOf(slot int) uint { return (1<<linThreads - 1) << (slot * linThreads) }

// some is a mask of clients: all, or two of different children, which are the
// likelier to meet, and those that are slow.
func (m *linMaster) some() uint {
	m.order.Calls, m.order.Meet = 2+m.r.IntN(linCalls-1), 0
	if m.r.IntN(2) == 0 {
		return linAll
	}
	a := m.r.IntN(linClients)
	b := ((a/linThreads+1+m.r.IntN(linSlots-1))%linSlots)*linThreads + m.r.IntN(linThreads)
	m.order.Meet = 2
	return 1<<a | 1<<b | m.always
}

// soon waits for a moment in the burst.
func (m *linMaster) soon() { time.Sleep(time.Duration(m.r.IntN(1 + m.r.IntN(400_000)))) }

// end ends the children.
func (m *linMaster) end() {
	for _, c := range m.children {
		c.finish()
	}
}

// tally counts what the history had in it.
func (m *linMaster) tally() {
	m.seen["history"]++
	m.seen["call"] += len(m.h.ops)
	for i, op := range m.h.ops {
		what := linIses[op.result.is]
		if op.call.kind == linResize {
			what = map[linIs]string{linDone: "resized", linRefused: "resize refused"}[op.result.is]
		}
		m.seen[what]++
		if op.result.orphan {
			m.seen["orphan"]++
		}
		for _, o := range m.h.ops[:i] {
			if op.meets(o) {
				m.seen["overlap"]++
				break
			}
		}
	}
}

// meets tells that calls of two processes for one name went on at one time.
func (op linOp) meets(earlier linOp) bool {
	a, b := op.call, earlier.call
	return a.kind < linOpen && b.kind < linOpen && a.name == b.name && a.slot != b.slot && earlier.end > op.begin
}

func (m *linMaster) fatal(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(fmt.Errorf("%w\n%v", err, m.h))
	}
}
