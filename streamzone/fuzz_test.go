package streamzone_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// What can be demanded of a zone whose words lie? Not the truth: nobody but the
// words knows it. But every call must come back, soon, without a panic; and
// what it says and does must be what the words say, read with other code than
// the package's (damage_words_test.go):
//
//   - Lookup finds a stream only where the words have one of just that name: in
//     the chain of its bucket, live, with the epoch of its slot. It tells the
//     owner that the words tell. It misses only what no word tells, in a chain
//     that ends. Everything else is ErrCorrupt. So a name that nobody claimed is
//     never found, unless the damage spelled it, and its hash.
//   - Claim wins only a name that is absent in that sense. It writes to one node
//     that was free, to the head of the name's bucket, and to hints.
//   - Release and Sweep change the states of those nodes only which the words
//     say are theirs.
//   - Range and State give what the words say: all of it, and nothing else.
//   - Check is silent only if every rule holds, and CheckIdle likewise.
//   - A call that refuses has changed nothing. No call writes to the header, nor
//     to a reserved word. (None writes outside of the memory: the slice that it
//     is accessed through is checked by the runtime, which would panic.)
//   - That goes for all later calls too. Nothing repairs the zone meanwhile.
//
// A script is a list of steps in bytes: damage to one word, or a call. See
// trial.step.
func FuzzDamage(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s.shape, s.script)
	}
	f.Fuzz(func(t *testing.T, shape uint8, script []byte) {
		runTrial(t, shape, script)
	})
}

// Random scripts, as many as take a second.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 2))
		script := make([]byte, 20+r.IntN(300))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		runTrial(t, uint8(seed), script)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

type seed struct {
	shape  uint8
	script []byte
}

// seeds hit every kind of word in every way, and then make every call.
func seeds() (all []seed) {
	var calls []byte
	for _, call := range []byte{
		stepLookup, stepClaim, stepRelease, stepRange, stepState, stepCheck, stepCheckIdle, stepWatch, stepOpen, stepClose, stepSweep, stepResize, stepEnter,
	} {
		for name := range byte(6) {
			calls = append(calls, call, name)
		}
	}
	for k := range byte(kinds) {
		for how := range byte(hows) {
			for _, n := range []byte{0, 1} {
				s := seed{shape: k<<4 | how<<1 | n}
				s.script = append(s.script, stepDamage, k, n, n, how, 9+n, 1, 2, 3, 4, 5, 6, 7)
				s.script = append(s.script, calls...)
				all = append(all, s)
			}
		}
	}
	return all
}

// The steps of a script. Each takes the bytes that follow as it needs them;
// what is missing is 0.
const (
	stepDamage  = iota // kind, which one, word of it, how, 8 bytes
	stepLookup         // name
	stepClaim          // name
	stepRelease        // which claim
	stepRange
	stepState
	stepCheck
	stepCheckIdle
	stepWatch  // name
	stepOpen   // slot
	stepClose  // slot
	stepSweep  // slot
	stepResize // sizes
	stepEnter
	steps
)

const (
	trialSlots = 3
	maxSteps   = 64
	nameMax    = 48
)

// trialNames are the names of the scripts: those that slots 0 and 1 claim
// before, and those that nobody does, of every size of word and node.
var trialNames = func() (names []string) {
	for _, who := range []string{"0", "1", "nobody"} {
		for _, n := range []int{1, 6, 25, 31, 40} {
			names = append(names, fmt.Sprintf("%s/%0*d", who, n, 0))
		}
	}
	return names
}()

// A trial is a zone that is damaged and used in turn. Slot 0 is its process;
// that of slot 1 is dead, and the keeper does not know it yet.
type trial struct {
	testing.TB
	*memory
	k      *streamzone.Keeper
	z      *streamzone.Zone
	epoch  uint16 // of slot 0
	claims []trialClaim
	script []byte
	now    string // the call that is under way

	before, after []uint64 // the memory, around a call
}

// A trialClaim is a claim of slot 0, also one that was released.
type trialClaim struct {
	claim streamzone.Claim
	name  string
	zone  uint64 // id of the zone that it was claimed in
}

// runTrial runs a script. A call that does not come back cannot be ended from
// outside, so it ends the program, with all stacks.
func runTrial(tb testing.TB, shape uint8, script []byte) {
	tb.Helper()
	tr := newTrial(tb, shape, script)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tr.run()
	}()
	select {
	case <-done:
	case <-time.After(deadline):
		debug.SetTraceback("all")
		panic(fmt.Sprintf("%s did not come back: shape %d, script %x", tr.now, shape, script))
	}
	if err := tr.z.Close(); err != nil {
		tb.Error(err)
	}
	if err := tr.k.Close(); err != nil {
		tb.Error(err)
	}
}

func newTrial(tb testing.TB, shape uint8, script []byte) *trial {
	tb.Helper()
	k, err := streamzone.Create(streamzone.Config{Buckets: 1 + int(shape%4), Streams: 2 + int(shape/4%16), NameMax: nameMax})
	if err != nil {
		tb.Fatal(err)
	}
	f, err := streamzone.Dup(k.File())
	if err != nil {
		tb.Fatal(err)
	}
	sameSecret(tb, f)
	if err := k.Close(); err != nil {
		tb.Fatal(err)
	}
	tr := &trial{TB: tb, script: script}
	if tr.k, err = streamzone.Adopt(f); err != nil {
		tb.Fatal(err)
	}
	dead := tr.join(1)
	tr.z = tr.join(0)
	tr.memory = newMemory(tb, tr.k)
	tr.epoch = tr.memory.epoch(0)
	for i := range 5 {
		if c, err := dead.Claim(trialNames[5+i]); err == nil && i%2 == 1 {
			dead.Release(c)
		}
		if c, err := tr.z.Claim(trialNames[i]); err == nil {
			tr.hold(trialNames[i], c)
		}
	}
	if err := dead.Close(); err != nil {
		tb.Fatal(err)
	}
	return tr
}

// sameSecret makes a new zone hash like every other of these tests, so that a
// script does the same again.
func sameSecret(tb testing.TB, f *os.File) {
	tb.Helper()
	words, unmap, err := streamzone.MapWords(f)
	if err != nil {
		tb.Fatal(err)
	}
	m := &memory{words: words}
	words[streamzone.Secret0].Store(0x0706050403020100)
	words[streamzone.Secret1].Store(0x0f0e0d0c0b0a0908)
	m.seal()
	if err := unmap(); err != nil {
		tb.Fatal(err)
	}
}

// join is joinSlot of a zone that ends with the trial, not with the test.
func (tr *trial) join(slot int) *streamzone.Zone {
	tr.Helper()
	epoch, err := tr.k.OpenSlot(slot)
	if err != nil {
		tr.Fatal(err)
	}
	z, err := streamzone.Join(tr.k.File(), slot, epoch)
	if err != nil {
		tr.Fatal(err)
	}
	return z
}

func (tr *trial) hold(name string, c streamzone.Claim) {
	tr.claims = append(tr.claims, trialClaim{c, name, tr.header[wordZoneID]})
}

// next is the script's next byte.
func (tr *trial) next() int {
	if len(tr.script) == 0 {
		return 0
	}
	b := tr.script[0]
	tr.script = tr.script[1:]
	return int(b)
}

func (tr *trial) run() {
	for range maxSteps {
		if len(tr.script) == 0 || tr.Failed() {
			return
		}
		tr.step()
	}
}

func (tr *trial) step() {
	step := tr.next() % steps
	if step == stepDamage {
		tr.damage()
		return
	}
	n := tr.next()
	name := trialNames[n%len(trialNames)]
	switch step {
	case stepLookup:
		tr.lookup(name)
	case stepClaim:
		tr.claim(name)
	case stepRelease:
		tr.release(n)
	case stepRange:
		tr.list()
	case stepState:
		tr.count()
	case stepCheck:
		tr.check("Check", tr.z.Check, tr.wrong)
	case stepCheckIdle:
		tr.check("CheckIdle", tr.z.CheckIdle, tr.restless)
	case stepWatch:
		tr.watch(name)
	case stepOpen:
		tr.open(n % trialSlots)
	case stepClose:
		tr.close(n % trialSlots)
	case stepSweep:
		tr.sweep(n % trialSlots)
	case stepResize:
		tr.resize(n)
	case stepEnter:
		tr.enter()
	}
}
