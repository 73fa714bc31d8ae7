package streamzone_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

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

// An abandoned zone has no keeper: every way into it is open. Slot 0 is joined,
// slot 1 waits for its process.
type abandoned struct {
	*memory
	f      *os.File
	z      *streamzone.Zone
	epoch1 uint16
}

func abandon(t *testing.T) *abandoned {
	t.Helper()
	k, z := newZone(t, streamzone.Config{Buckets: 3, Streams: 5, NameMax: 10})
	a := &abandoned{memory: newMemory(t, k), z: z}
	var err error
	if a.epoch1, err = k.OpenSlot(1); err != nil {
		t.Fatal(err)
	}
	if a.f, err = streamzone.Dup(k.File()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.f.Close() })
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	return a
}

// enter tries every way in, and returns what each answered. Who gets in leaves.
func (a *abandoned) enter(t *testing.T) map[string]error {
	t.Helper()
	return enter(t, a.f, a.epoch1)
}

func enter(t *testing.T, f *os.File, epoch uint16) map[string]error {
	t.Helper()
	answers := map[string]error{}
	leave := func(way string, err error, closeIt func() error) {
		answers[way] = err
		if err != nil {
			return
		}
		if err := closeIt(); err != nil {
			t.Error(err)
		}
	}
	z, err := streamzone.Attach(f)
	leave("Attach", err, func() error { return z.Close() })
	z, err = streamzone.Join(f, 1, epoch)
	leave("Join", err, func() error { return z.Close() })
	own, err := streamzone.Dup(f) // a keeper closes its file
	if err != nil {
		answers["Adopt"] = err
		return answers
	}
	k, err := streamzone.Adopt(own)
	leave("Adopt", err, func() error { return k.Close() })
	if err != nil {
		_ = own.Close()
	}
	return answers
}

// mustBeRefused wants ErrCorrupt from every way in.
func mustBeRefused(t *testing.T, what string, answers map[string]error) {
	t.Helper()
	for way, err := range answers {
		if !errors.Is(err, streamzone.ErrCorrupt) {
			t.Errorf("%s with %s: %v, want ErrCorrupt", way, what, err)
		}
	}
}

func mustLetIn(t *testing.T, answers map[string]error) {
	t.Helper()
	for way, err := range answers {
		if err != nil {
			t.Errorf("%s of a sound zone: %v", way, err)
		}
	}
}

// One bit of the header is enough to be kept out, and to be found by who is in.
func TestEveryHeaderBitCounts(t *testing.T) {
	a := abandon(t)
	mustLetIn(t, a.enter(t))
	for bit := range streamzone.HeaderBits {
		w := &a.words[bit/64]
		was := w.Load()
		w.Store(was ^ 1<<(bit%64))
		what := fmt.Sprintf("header bit %d flipped", bit)
		mustBeRefused(t, what, a.enter(t))
		if err := a.z.Check(); !errors.Is(err, streamzone.ErrCorrupt) {
			t.Errorf("Check with %s: %v", what, err)
		}
		w.Store(was)
	}
	mustLetIn(t, a.enter(t))
	if err := a.z.CheckIdle(); err != nil {
		t.Fatal(err)
	}
}

// A checksum that fits does not make a header right.
func TestHeadersThatLie(t *testing.T) {
	a := abandon(t)
	for what, damage := range map[string]func(){
		"no magic":             func() { a.words[0].Store(0) },
		"more bytes":           func() { a.words[wordSize].Add(4096) },
		"more buckets":         func() { a.words[wordBuckets].Add(8) },
		"no buckets":           func() { a.words[wordBuckets].Store(0) },
		"2^63 buckets":         func() { a.words[wordBuckets].Store(1 << 63) },
		"many streams":         func() { a.words[wordStreams].Store(1 << 20) },
		"no streams":           func() { a.words[wordStreams].Store(0) },
		"2^64-1 streams":       func() { a.words[wordStreams].Store(1<<64 - 1) },
		"names of 64 KiB":      func() { a.words[wordNameMax].Store(1 << 16) },
		"no names":             func() { a.words[wordNameMax].Store(0) },
		"heads elsewhere":      func() { a.words[wordHeads].Add(8) },
		"interests elsewhere":  func() { a.words[wordMasks].Add(64) },
		"hints elsewhere":      func() { a.words[wordHints].Add(64) },
		"hot nodes elsewhere":  func() { a.words[wordHot].Store(1 << 60) },
		"cold nodes elsewhere": func() { a.words[wordCold].Store(0) },
		"a reserved word":      func() { a.words[14].Store(1) },
	} {
		damage()
		a.seal()
		answers := a.enter(t)
		for i, w := range a.header {
			a.words[i].Store(w)
		}
		mustBeRefused(t, what, answers)
	}
	mustLetIn(t, a.enter(t))
}

// A zone of another program is no damage: a master that is older or newer made it.
func TestLayoutVersions(t *testing.T) {
	a := abandon(t)
	for _, v := range []uint64{0, 1, a.header[wordVersion] - 1, a.header[wordVersion] + 1, 1<<64 - 1} {
		a.words[wordVersion].Store(v)
		a.seal()
		for way, err := range a.enter(t) {
			if !errors.Is(err, streamzone.ErrVersion) || errors.Is(err, streamzone.ErrCorrupt) {
				t.Errorf("%s with layout version %d: %v, want ErrVersion", way, v, err)
			}
		}
	}
	a.words[wordVersion].Store(a.header[wordVersion])
	a.seal()
	mustLetIn(t, a.enter(t))
}

// Who is in finds out also if the header is a sound one, but not of this zone:
// who comes now would look for names elsewhere.
func TestCheckKnowsItsOwnHeader(t *testing.T) {
	a := abandon(t)
	for _, word := range []int{streamzone.Secret0, streamzone.Secret1, wordZoneID} {
		a.words[word].Add(1)
		a.seal()
		if err := a.z.Check(); !errors.Is(err, streamzone.ErrCorrupt) {
			t.Errorf("Check with word %d of another zone: %v", word, err)
		}
		a.words[word].Store(a.header[word])
		a.seal()
	}
	if err := a.z.CheckIdle(); err != nil {
		t.Fatal(err)
	}
}

// A zone that is not made yet, that has been left, or in a state that nobody
// knows is not entered.
func TestStages(t *testing.T) {
	a := abandon(t)
	for word, want := range map[uint64]error{
		0:                  streamzone.ErrCorrupt,
		stageReady:         nil,
		7<<32 | stageReady: nil,
		stageMoved:         streamzone.ErrMoved,
		stageVoid:          streamzone.ErrCorrupt,
		5:                  streamzone.ErrCorrupt,
		1<<31 | stageReady: streamzone.ErrCorrupt,
		1<<64 - 1:          streamzone.ErrCorrupt,
	} {
		a.words[16].Store(word)
		for way, err := range a.enter(t) {
			if !errors.Is(err, want) {
				t.Errorf("%s with status %#x: %v, want %v", way, word, err, want)
			}
		}
	}
	a.words[16].Store(stageReady)
}

func TestAttachRefusesOtherFiles(t *testing.T) {
	k := newKeeper(t, streamzone.Config{Streams: 5})
	epoch, err := k.OpenSlot(1)
	if err != nil {
		t.Fatal(err)
	}
	words := mapZone(t, k.File())
	raw := make([]byte, 0, len(words)*8)
	for i := range words {
		raw = binary.LittleEndian.AppendUint64(raw, words[i].Load())
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*os.File{
		"a file":           fill(t, plain(t), raw),
		"not sealed":       fill(t, memfd(t, 0), raw),
		"one seal missing": seal(t, fill(t, memfd(t, 0), raw), unix.F_SEAL_GROW|unix.F_SEAL_SEAL),
		"too long":         seal(t, fill(t, memfd(t, 0), append(raw, make([]byte, 4096)...)), allSeals),
		"cut by a page":    seal(t, fill(t, memfd(t, 0), raw[:len(raw)-4096]), allSeals),
		"cut by a word":    seal(t, fill(t, memfd(t, 0), raw[:len(raw)-8]), allSeals),
		"the header only":  seal(t, fill(t, memfd(t, 0), raw[:128]), allSeals),
		"zeros":            seal(t, memfd(t, int64(len(raw))), allSeals),
		"empty":            seal(t, memfd(t, 0), allSeals),
		"short":            seal(t, memfd(t, 4096), allSeals),
		"odd size":         seal(t, memfd(t, int64(len(raw)-1)), allSeals),
		"an absurd size":   seal(t, memfd(t, 1<<40), allSeals),
		"a device":         null,
	} {
		mustBeRefused(t, name, enter(t, f, epoch))
		_ = f.Close()
		for way, err := range enter(t, f, epoch) {
			if err == nil {
				t.Errorf("%s of a closed file", way)
			}
		}
	}
	// The same words in a file as it should be are a zone.
	twin := seal(t, fill(t, memfd(t, 0), raw), allSeals)
	mustLetIn(t, enter(t, twin, epoch))
	_ = twin.Close()
}

const allSeals = unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

func plain(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "zone"))
	if err != nil {
		t.Fatal(err)
	}
	return f
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

func fill(t *testing.T, f *os.File, content []byte) *os.File {
	t.Helper()
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func seal(t *testing.T, f *os.File, seals int) *os.File {
	t.Helper()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return f
}
