package streamzone_test

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// The keeper's calls of a trial: see damage_calls_test.go.

func (tr *trial) open(slot int) {
	was := tr.memory.epoch(slot)
	var epoch uint16
	var err error
	tr.call("OpenSlot", func() { epoch, err = tr.k.OpenSlot(slot) }, func(c change) bool {
		forgets := c.kind == kindInterest && c.new == c.old&^(1<<slot)
		return was%2 == 0 && (forgets || c.kind == kindEpoch && c.n == slot)
	})
	switch {
	case was%2 == 1:
		if !errors.Is(err, streamzone.ErrSlotOpen) {
			tr.Errorf("OpenSlot %d: %v, but its epoch is %d", slot, err, was)
		}
	case err != nil || epoch != was+1 || tr.memory.epoch(slot) != epoch:
		tr.Errorf("OpenSlot %d: %d, %v; its epoch was %d and is %d", slot, epoch, err, was, tr.memory.epoch(slot))
	}
}

func (tr *trial) close(slot int) {
	was := tr.memory.epoch(slot)
	var err error
	tr.call("CloseSlot", func() { err = tr.k.CloseSlot(slot) }, func(c change) bool {
		return c.kind == kindEpoch && c.n == slot && slot != 0 && was%2 == 1
	})
	switch {
	case slot == 0: // it lives: that is not for the words to say
		if !errors.Is(err, streamzone.ErrSlotBusy) {
			tr.Errorf("CloseSlot of a living process: %v", err)
		}
	case err != nil || tr.memory.epoch(slot) != was+was%2:
		tr.Errorf("CloseSlot %d: %v; its epoch was %d and is %d", slot, err, was, tr.memory.epoch(slot))
	}
}

func (tr *trial) sweep(slot int) {
	was := tr.lives()
	dead := func(l life) bool { return l.phase != phaseFree && l.slot == slot && l.epoch != tr.memory.epoch(slot) }
	var n int
	var err error
	tr.call("Sweep", func() { n, err = tr.k.Sweep(slot) }, func(c change) bool {
		return tr.retires(c) && (c.kind != kindState || dead(was[c.n]))
	})
	freed, left := 0, 0
	for i, l := range tr.lives() {
		switch {
		case was[i].phase != phaseFree && l.phase == phaseFree:
			freed++
		case dead(l):
			left++
		}
	}
	if n != freed || (err == nil) != (left == 0) {
		tr.Errorf("Sweep %d: %d, %v; %d nodes were freed, %d are left", slot, n, err, freed, left)
	}
	if err != nil {
		tr.corrupt("Sweep", err)
	}
}

// resize moves the zone, if the words let it. Everything that they say exists
// must be in the new one, with the same owner and ID, or all must stay as it is.
func (tr *trial) resize(n int) {
	cfg := streamzone.Config{Buckets: 1, Streams: 1 + n%16, NameMax: nameMax - n/16%2*16}
	want, _ := tr.listed()
	wrong, torn, lost := tr.wrong(), tr.wrongStreams(), tr.lost()
	room := fits(cfg, want) && tr.alive() <= cfg.Streams
	old := tr.memory
	empty := false // a slot is open, and nobody is in it
	for slot := 1; slot < streamzone.Slots; slot++ {
		empty = empty || tr.memory.epoch(slot)%2 == 1
	}
	var err error
	tr.call("Resize", func() {
		_, err = tr.k.Resize(cfg, deadline, func(f *os.File) error { return tr.z.Follow(f) })
	}, func(c change) bool { return c.kind == kindStatus })
	switch {
	case err == nil:
		if torn != "" || lost || empty {
			tr.Errorf("Resize of a damaged zone: %q; a slot is empty: %t", torn, empty)
		}
		tr.memory = newMemory(tr, tr.k)
		tr.moved(old, want)
	case empty && errors.Is(err, streamzone.ErrSlotEmpty):
	case !room && errors.Is(err, streamzone.ErrTooSmall):
	case (wrong != "" || slices.ContainsFunc(tr.lives(), incredible)) && errors.Is(err, streamzone.ErrCorrupt):
	default:
		tr.Errorf("Resize to %+v: %v; a slot is empty: %t, it fits: %t, the words: %q", cfg, err, empty, room, wrong)
	}
	if err != nil && (old.word(kindStatus, 0)^tr.word(kindStatus, 0))&(1<<32-1) != 0 {
		tr.Errorf("Resize: %v, and the status is %#x", err, tr.word(kindStatus, 0))
	}
}

// incredible tells a generation that no zone comes to.
func incredible(l life) bool { return l.gen > lastGen/2 }

// alive counts the streams by their states, also those that no chain leads to.
func (tr *trial) alive() (n int) {
	for _, l := range tr.lives() {
		if tr.exists(l) {
			n++
		}
	}
	return n
}

func fits(cfg streamzone.Config, streams []told) bool {
	for _, s := range streams {
		if len(s.Name) > cfg.NameMax {
			return false
		}
	}
	return len(streams) <= cfg.Streams
}

// moved looks at the new zone.
func (tr *trial) moved(old *memory, want []told) {
	got, sound := tr.listed()
	byName := cmpopts.SortSlices(func(a, b told) bool { return a.Name < b.Name })
	if diff := cmp.Diff(want, got, byName); diff != "" || !sound || tr.restless() != "" {
		tr.Errorf("Resize: %s; the new words: %q", diff, tr.restless())
	}
	if old.stage() != stageMoved {
		tr.Errorf("Resize: the old status is %#x", old.word(kindStatus, 0))
	}
	if tr.memory.epoch(0) != tr.epoch {
		tr.script = nil // the keeper thought that slot 0 was closed: its process is not in the new zone
		return
	}
	tr.now = "the process's own move"
	for tr.z.Hash("") != tr.hash("") {
		time.Sleep(10 * time.Microsecond)
	}
}
