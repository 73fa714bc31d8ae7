package streamzone_test

import (
	"fmt"
	"slices"
)

// The rules that a memory keeps: see doc.go, and Check.

// wrong tells which rule of those that hold at any time does not, or "": what
// Check is to find.
func (m *memory) wrong() string {
	if !m.headerHolds() {
		return "the header"
	}
	if s := m.stage(); s != stageReady && s != stageFreezing {
		return fmt.Sprintf("stage %d", s)
	}
	for b := range m.buckets {
		nodes, sound := m.chain(b)
		if !sound {
			return fmt.Sprintf("chain %d", b)
		}
		if what := m.wrongIn(b, nodes); what != "" {
			return what
		}
	}
	return ""
}

func (m *memory) headerHolds() bool {
	for i, w := range m.header {
		if m.words[i].Load() != w {
			return false
		}
	}
	return true
}

// wrongStreams is wrong for what exists only: who moves it must see that.
func (m *memory) wrongStreams() string {
	for b := range m.buckets {
		nodes, sound := m.chain(b)
		if !sound {
			return fmt.Sprintf("chain %d", b)
		}
		nodes = slices.DeleteFunc(nodes, func(n int) bool { return !m.exists(m.life(n)) })
		if what := m.wrongIn(b, nodes); what != "" {
			return what
		}
	}
	return ""
}

func (m *memory) wrongIn(bucket int, nodes []int) string {
	names := map[string]bool{}
	for _, n := range nodes {
		l := m.life(n)
		name, ok := m.name(n)
		hash := m.word(kindHash, n)
		switch {
		case !ok || hash != m.hash(name):
			return fmt.Sprintf("the name of node %d", n)
		case m.bucket(hash) != bucket:
			return fmt.Sprintf("the bucket of node %d", n)
		case m.word(kindNext, n)&1 == 1 && l.phase == phaseLive:
			return fmt.Sprintf("the mark of node %d", n)
		case m.foreign(n) && !possible(m.owner(n).ID):
			return fmt.Sprintf("the ID of node %d", n)
		case m.exists(l) && names[name]:
			return fmt.Sprintf("node %d is a second %s", n, name)
		}
		names[name] = names[name] || m.exists(l)
	}
	return ""
}

// restless tells which rule of those that hold at rest does not, or "": what
// CheckIdle is to find.
func (m *memory) restless() string {
	linked := map[int]bool{}
	for b := range m.buckets {
		nodes, _ := m.chain(b)
		for _, n := range nodes {
			linked[n] = true
		}
	}
	for n := range m.streams {
		l := m.life(n)
		hinted := m.words[m.hints+n/64].Load()>>(n%64)&1 == 1
		if l.phase == phaseFree && !hinted || l.phase != phaseFree && (!m.exists(l) || !linked[n]) {
			return fmt.Sprintf("node %d is left over", n)
		}
	}
	return m.wrong()
}
