package streamzone_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// comeBack makes a call that damage might keep from ending. A call cannot be
// ended from outside, so one that hangs ends the program, with all stacks.
func comeBack(what string, within time.Duration, f func()) {
	late := time.AfterFunc(within, func() { panic(what + " does not come back") })
	defer late.Stop()
	f()
}

// Each bit of each word that a stream consists of, and of what leads to it: the
// zone answers as the words then say, and Check sees what breaks a rule.
func TestEveryBitOfAStream(t *testing.T) {
	tr := newTrial(t, 0xff&^3, nil) // one bucket
	tr.z, tr.k = closing(t, tr.z), closingKeeper(t, tr.k)
	nodes, _ := tr.chain(0)
	n, found, _ := tr.find(trialNames[3]) // 33 bytes: one is in the cold node
	if !found || n == nodes[0] || n == nodes[len(nodes)-1] {
		t.Fatalf("node %d is not in the middle of %v", n, nodes)
	}
	places := []int{
		tr.at(kindHead, 0, 0), tr.at(kindHint, 0, 0), tr.at(kindEpoch, 0, 0), tr.at(kindStatus, 0, 0),
		tr.at(kindState, n, 0), tr.at(kindNext, n, 0), tr.at(kindHash, n, 0), tr.at(kindAbout, n, 0),
		tr.at(kindFirstID, n, 0), tr.at(kindColdName, n, 0),
	}
	for i := range hotNameAt {
		places = append(places, tr.at(kindName, n, i))
	}
	for _, at := range places {
		for bit := range 64 {
			was := tr.words[at].Load()
			tr.words[at].Store(was ^ 1<<bit)
			switch k, _ := tr.kindAt(at); {
			case breaks(k, bit) && tr.wrong() == "", k == kindHead && tr.restless() == "", k == kindNext && tr.restless() == "":
				t.Errorf("no rule is broken")
			}
			if tr.stage() != stageFreezing {
				comeBack("a look", deadline, tr.look)
			}
			tr.words[at].Store(was)
			if t.Failed() {
				t.Fatalf("word %d, bit %d", at, bit)
			}
		}
	}
	tr.look()
}

// breaks tells that a stream without this bit, or with it, breaks a rule. The
// others make another stream of it, of another slot, epoch or time, or end it.
func breaks(k kind, bit int) bool {
	switch k {
	case kindHash, kindName, kindColdName:
		return true
	case kindHead, kindNext:
		return bit == 0 || bit >= 25 // the mark, the generation; another node loses those before it
	case kindState:
		return bit >= 25 || bit == 1 // the generation; CLAIMING or LIVE
	case kindAbout:
		return bit < 16 || bit == 63 // the length; that the ID is from elsewhere
	}
	return false
}

// look makes every call that only reads.
func (tr *trial) look() {
	for _, name := range trialNames[:6] { // of slot 0, of slot 1
		tr.lookup(name)
	}
	tr.lookup(trialNames[len(trialNames)-1])
	tr.list()
	tr.count()
	tr.check("Check", tr.z.Check, tr.wrong)
	tr.check("CheckIdle", tr.z.CheckIdle, tr.restless)
}

func closing(t *testing.T, z *streamzone.Zone) *streamzone.Zone {
	t.Helper()
	t.Cleanup(func() {
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	})
	return z
}

func closingKeeper(t *testing.T, k *streamzone.Keeper) *streamzone.Keeper {
	t.Helper()
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// While somebody keeps writing anything anywhere, nothing can be said of the
// answers but this: they come, they are errors that the package has, slots and
// nodes are in range, and a name that nobody can have spelled is not found.
func TestDamageUnderWay(t *testing.T) {
	for seed := range uint64(3) {
		k, z := newZone(t, streamzone.Config{Buckets: 2, Streams: 12, NameMax: nameMax})
		zones := []*streamzone.Zone{z, joinSlot(t, k, 1), z}
		for i, name := range trialNames[:8] {
			mustClaim(t, zones[i%2], name)
		}
		v := &vandal{r: rand.New(rand.NewPCG(seed, 9))}
		v.aim.Store(newMemory(t, k))
		var users sync.WaitGroup
		var done atomic.Bool
		comeBack("a call, while the zone is damaged", deadline, func() {
			for i, z := range zones {
				users.Go(func() { use(t, z, uint64(i), &done) })
			}
			users.Go(func() { keepOpen(t, k, zones[:2], v, &done) })
			for n, end := 0, time.Now().Add(500*time.Millisecond); n < 30000 && time.Now().Before(end); n++ {
				v.follow()
				v.strike()
				if n%20 == 0 {
					v.heal()
				}
				runtime.Gosched()
			}
			done.Store(true)
			users.Wait()
		})
		comeBack("a call, after the zone was damaged", deadline, func() {
			for i, z := range zones {
				use(t, z, uint64(i), &done)
			}
			keepOpen(t, k, zones[:2], v, &done)
		})
	}
}

// A vandal writes to a zone.
type vandal struct {
	*memory
	aim   atomic.Pointer[memory] // what is to be memory
	r     *rand.Rand
	sound []uint64 // the chains and nodes, before
}

// follow comes along when the zone has moved.
func (v *vandal) follow() {
	m := v.aim.Load()
	if m == v.memory {
		return
	}
	v.memory, v.sound = m, nil
	for i := v.heads; i < len(v.words); i++ {
		v.sound = append(v.sound, v.words[i].Load())
	}
}

// heal puts back what was there before: what the calls then see is half true.
func (v *vandal) heal() {
	if v.stage() != stageFreezing {
		v.words[16].Store(stageReady)
	}
	for i, w := range v.sound {
		v.words[v.heads+i].Store(w)
	}
}

func (v *vandal) strike() {
	k := kind(v.r.IntN(int(kinds)))
	w := &v.words[v.at(k, v.r.IntN(64), v.r.IntN(32))]
	switch v.r.IntN(4) {
	case 0:
		w.Store(w.Load() ^ 1<<v.r.IntN(64))
	case 1:
		w.Store(v.words[v.at(k, v.r.IntN(64), v.r.IntN(32))].Load())
	case 2: // a link that fits
		n := v.r.IntN(v.streams)
		v.words[v.at(kindHead+kind(v.r.IntN(2))*(kindNext-kindHead), n, 0)].Store(v.life(n).gen<<25 | uint64(n+1)<<1)
	default:
		w.Store(v.r.Uint64())
	}
	if k == kindStatus && v.stage() == stageFreezing { // see TestDamagedFreeze
		v.words[16].Store(stageReady)
	}
}

// use makes calls until done, and each at least once.
func use(t *testing.T, z *streamzone.Zone, seed uint64, done *atomic.Bool) {
	r := rand.New(rand.NewPCG(seed, 10))
	var mine []streamzone.Claim
	for first := true; first || !done.Load(); first = false {
		name := trialNames[r.IntN(10)]
		if c, err := z.Claim(name); known(t, "Claim", err) {
			mine = append(mine, c)
		}
		for _, name := range []string{name, trialNames[10+r.IntN(5)]} {
			e, ok, err := z.Lookup(name)
			known(t, "Lookup", err)
			if ok && (name[0] == 'n' || e.Slot < 0 || e.Slot >= streamzone.Slots) {
				t.Errorf("Lookup %s: %+v", name, e)
			}
		}
		known(t, "Range", z.Range(func(name string, e streamzone.Entry) bool {
			if len(name) == 0 || len(name) > nameMax || e.Slot < 0 || e.Slot >= streamzone.Slots {
				t.Errorf("Range gives %q, %+v", name, e)
			}
			return true
		}))
		known(t, "Check", z.Check())
		_ = z.CheckIdle() // says what is only in progress with an error of its own
		if s := z.State(); s.Capacity != s.Live+s.Dead+s.Busy+s.Free {
			t.Errorf("State %+v", s)
		}
		if w, err := z.Watch(name); known(t, "Watch", err) {
			w.Close()
		}
		if n := len(mine); n > 8 || n > 0 && r.IntN(2) == 0 {
			z.Release(mine[r.IntN(n)])
			mine = mine[max(0, n-8):]
		}
	}
	for _, c := range mine {
		z.Release(c)
	}
}

// keepOpen is the keeper's part.
func keepOpen(t *testing.T, k *streamzone.Keeper, zones []*streamzone.Zone, v *vandal, done *atomic.Bool) {
	for n := 0; n == 0 || !done.Load(); n++ {
		_, err := k.OpenSlot(2)
		known(t, "OpenSlot", err)
		known(t, "CloseSlot", k.CloseSlot(2))
		for slot := range 3 {
			_, err = k.Sweep(slot)
			known(t, "Sweep", err)
		}
		if n%10 != 0 { // each holds the users up
			continue
		}
		_, err = k.Resize(streamzone.Config{Buckets: 2, Streams: 12, NameMax: nameMax}, 20*time.Millisecond, func(f *os.File) error {
			return errors.Join(zones[0].Follow(f), zones[1].Follow(f))
		})
		if known(t, "Resize", err) {
			v.aim.Store(newMemory(t, k))
		}
	}
}

// known fails the test if the error is none that the documentation names.
func known(t *testing.T, what string, err error) (ok bool) {
	if err == nil {
		return true
	}
	for _, e := range []error{
		streamzone.ErrCorrupt, streamzone.ErrTaken, streamzone.ErrFull, streamzone.ErrBucketFull,
		streamzone.ErrSlotClosed, streamzone.ErrSlotOpen, streamzone.ErrMoved,
		streamzone.ErrSlotEmpty, streamzone.ErrNotFollowed, streamzone.ErrTooSmall, streamzone.ErrBusy,
	} {
		if errors.Is(err, e) {
			return false
		}
	}
	t.Errorf("%s: %v", what, err)
	return false
}
