package streamzone_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
	"golang.org/x/sys/unix"
)

func mapZone(tb testing.TB, f *os.File) []atomic.Uint64 {
	tb.Helper()
	words, unmap, err := streamzone.MapWords(f)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := unmap(); err != nil {
			tb.Error(err)
		}
	})
	return words
}

func TestEveryHeaderBitCounts(t *testing.T) {
	k, z := newZone(t, streamzone.Config{Buckets: 3, Streams: 5, NameMax: 10})
	words := mapZone(t, k.File())
	for bit := range streamzone.HeaderBits {
		w := &words[bit/64]
		was := w.Load()
		w.Store(was ^ 1<<(bit%64))
		if bad, err := streamzone.Attach(k.File()); err == nil {
			_ = bad.Close()
			t.Errorf("attached with header bit %d flipped", bit)
		}
		if bad, err := streamzone.Join(k.File(), 1, 1); err == nil {
			_ = bad.Close()
			t.Errorf("joined with header bit %d flipped", bit)
		}
		if err := z.Check(); !errors.Is(err, streamzone.ErrCorrupt) {
			t.Errorf("Check with header bit %d flipped: %v", bit, err)
		}
		w.Store(was)
	}
	if err := z.CheckIdle(); err != nil {
		t.Fatal(err)
	}
}

func TestAttachRefusesOtherFiles(t *testing.T) {
	k := newKeeper(t, streamzone.Config{Streams: 5})
	words := mapZone(t, k.File())
	raw := make([]byte, 0, len(words)*8)
	for i := range words {
		raw = binary.LittleEndian.AppendUint64(raw, words[i].Load())
	}

	plain, err := os.Create(filepath.Join(t.TempDir(), "zone"))
	if err != nil {
		t.Fatal(err)
	}
	unsealed := memfd(t, 0)
	for _, f := range []*os.File{plain, unsealed} {
		if _, err := f.Write(raw); err != nil {
			t.Fatal(err)
		}
	}
	longer := memfd(t, 0)
	if _, err := longer.Write(append(raw, make([]byte, 4096)...)); err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*os.File{
		"a file":         plain,
		"not sealed":     unsealed,
		"too long":       seal(t, longer),
		"zeros":          seal(t, memfd(t, int64(len(raw)))),
		"empty":          seal(t, memfd(t, 0)),
		"short":          seal(t, memfd(t, 4096)),
		"odd size":       seal(t, memfd(t, int64(len(raw)-1))),
		"a device":       null,
		"a closed file":  closed(t),
		"an absurd size": seal(t, memfd(t, 1<<40)),
	} {
		if z, err := streamzone.Attach(f); err == nil {
			t.Errorf("%s: attached", name)
			_ = z.Close()
		}
		if z, err := streamzone.Join(f, 0, 1); err == nil {
			t.Errorf("%s: joined", name)
			_ = z.Close()
		}
		if k, err := streamzone.Adopt(f); err == nil {
			t.Errorf("%s: adopted", name)
			_ = k.Close()
		}
		_ = f.Close()
	}
}

func memfd(t *testing.T, size int64) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "test")
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

func seal(t *testing.T, f *os.File) *os.File {
	t.Helper()
	seals := unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return f
}

func closed(t *testing.T) *os.File {
	t.Helper()
	f := memfd(t, 0)
	_ = f.Close()
	return f
}

// Whatever is written over the zone's body, every call comes back: with a
// result or an error, but without a panic, and soon.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(150) {
		damage(t, rand.New(rand.NewPCG(seed, 2)), 1+int(seed%12))
	}
}

func FuzzDamage(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(seed*3))
	}
	f.Fuzz(func(t *testing.T, seed uint64, hits uint8) {
		damage(t, rand.New(rand.NewPCG(seed, 3)), int(hits))
	})
}

func damage(t *testing.T, r *rand.Rand, hits int) {
	t.Helper()
	k, z := newZone(t, streamzone.Config{Buckets: 1 + r.IntN(4), Streams: 2 + r.IntN(12), NameMax: 48})
	words := mapZone(t, k.File())
	dead := joinSlot(t, k, 1)
	var claims []streamzone.Claim
	for i := range 6 {
		for _, z := range []*streamzone.Zone{z, dead} {
			if c, err := z.Claim(fmt.Sprintf("%d/%040d", z.Slot(), i)); err == nil {
				claims = append(claims, c)
			}
		}
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	const body = 4096 / 8 // from the slots on; and now and then the status and the epochs
	used := make([]int, 0, 256)
	for i := body + 128*32; i < len(words); i++ {
		if words[i].Load() != 0 {
			used = append(used, i)
		}
	}
	for range hits {
		at := used[r.IntN(len(used))]
		switch r.IntN(8) {
		case 0:
			at = 16 + r.IntN(body-16)
		case 1:
			at = body + r.IntN(len(words)-body)
		}
		hit(r, &words[at], words[used[r.IntN(len(used))]].Load())
	}
	exercise(t, k, z, claims)
}

// hit damages a word: by a little, or by what stands elsewhere, or wholly.
func hit(r *rand.Rand, w *atomic.Uint64, other uint64) {
	switch was := w.Load(); r.IntN(5) {
	case 0:
		w.Store(was ^ 1<<r.IntN(64))
	case 1:
		w.Store(other)
	case 2:
		w.Store(was + 2) // a link to the next node
	case 3:
		w.Store(was ^ uint64(r.IntN(4))) // another phase, a mark
	default:
		w.Store(r.Uint64())
	}
}

// exercise makes every call there is.
func exercise(t *testing.T, k *streamzone.Keeper, z *streamzone.Zone, claims []streamzone.Claim) {
	t.Helper()
	start := time.Now()
	calls := []func(){
		func() { _ = z.Check() },
		func() { _ = z.CheckIdle() },
		func() { z.State() },
		func() { _ = z.Range(func(string, streamzone.Entry) bool { return true }) },
		func() { _ = k.CloseSlot(1) },
		func() { _, _ = k.Sweep(1) },
		func() { _, _ = k.Sweep(0) },
		func() { _, _ = k.OpenSlot(1) },
		func() { _, _ = k.Sweep(1) },
		func() { _ = z.Check() },
	}
	for i := range 8 {
		calls = append(calls, func() {
			for slot := range 2 {
				name := fmt.Sprintf("%d/%040d", slot, i)
				_, _, _ = z.Lookup(name)
				w, errWatch := z.Watch(name)
				if c, err := z.Claim(name); err == nil {
					z.Release(c)
				}
				if errWatch == nil {
					w.Close()
				}
			}
		})
	}
	for _, c := range claims {
		calls = append(calls, func() { z.Release(c) })
	}
	for _, call := range calls {
		call()
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
