package streamzone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/handover"
	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// A linOrder is one burst of calls, as a child reads it from its input.
type linOrder struct {
	Burst   uint64
	Seed    uint64
	Calls   int  // per client. 0: release what you have
	Clients uint // mask of the clients, of all children, that take part
	Meet    int  // how many of them wait for each other before their first call
	Stretch int  // how long the names are
	Watch   bool // wait for the names meanwhile, so that every claim has to ring
	Pauses  [linSlots]linSlowness
}

// linSlowness says where a child pauses, if the crash points are compiled in.
type linSlowness struct {
	Often int64 // a short pause at one of so many points; 0: none
	Point int64 // here it often pauses for long
	Long  int64 // so many times
}

// linPause is what is in force.
var linPause struct{ often, point, long atomic.Int64 }

func (p linSlowness) set() {
	linPause.often.Store(p.Often)
	linPause.point.Store(p.Point)
	linPause.long.Store(p.Long)
}

// linearRole does the bursts that it is told to.
func linearRole(z *streamzone.Zone) error {
	words, _, err := streamzone.MapWords(os.NewFile(4, "book")) // mapped to the end
	if err != nil {
		return err
	}
	control, err := handover.Open(os.NewFile(5, "control"))
	if err != nil {
		return err
	}
	go linFollow(z, control)
	p := &linProcess{Zone: z, book: words, epoch: z.Epoch(z.Slot())}
	fmt.Println("ready")
	for in := json.NewDecoder(os.Stdin); ; {
		var o linOrder
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := p.obey(o); err != nil {
			return err
		}
		fmt.Println("done", o.Burst)
	}
}

// linFollow follows into each zone that the keeper sends, until the keeper is
// gone. One that comes too late is refused: the keeper did not wait for us.
func linFollow(z *streamzone.Zone, control *handover.Conn) {
	for {
		m, err := control.Receive()
		if err != nil {
			return
		}
		err = z.Follow(m.Files[0])
		_ = m.Files[0].Close()
		if err != nil && !errors.Is(err, streamzone.ErrMoved) && !errors.Is(err, streamzone.ErrClosed) {
			fmt.Fprintln(os.Stderr, "follow:", err)
			os.Exit(1)
		}
	}
}

// A linProcess is a child.
type linProcess struct {
	*streamzone.Zone
	book  linBook
	epoch uint16

	// The last claim of each name that this process won. It stays when it is
	// released, so that it is released again.
	last [linNames]atomic.Pointer[linHeld]
}

type linHeld struct {
	streamzone.Claim
	released atomic.Bool
}

func (p *linProcess) obey(o linOrder) error {
	o.Pauses[p.Slot()].set()
	var watches [linNames]*streamzone.Watch
	for name := range watches {
		if o.Watch {
			w, err := p.Watch(linName(name, o.Stretch))
			if err != nil {
				return err
			}
			watches[name] = w
		}
	}
	var wg sync.WaitGroup
	for g := range linThreads {
		if client := p.Slot()*linThreads + g; o.Clients>>client&1 == 1 {
			wg.Go(func() {
				t := linThread{linProcess: p, linOrder: o, client: client}
				t.run()
			})
		}
	}
	wg.Wait()
	for _, w := range watches {
		if o.Watch {
			w.Close()
		}
	}
	return nil
}

// A linThread is one goroutine of a child in one burst.
type linThread struct {
	*linProcess
	linOrder
	client int
	n      int // calls made
}

// run makes the burst's calls. Each client prefers other names and other calls
// each time, so that some hold names, some fight and some only look.
func (t *linThread) run() {
	if t.Calls == 0 {
		for name := range linNames {
			if c := t.last[name].Load(); c != nil && !c.released.Load() {
				t.release(name, c)
			}
		}
		return
	}
	r := rand.New(rand.NewPCG(t.Seed, uint64(t.client)))
	first, names := r.IntN(linNames), 1+r.IntN(linNames)
	claims, releases, looks := r.IntN(10), r.IntN(10), 1+r.IntN(10)
	if r.IntN(4) == 0 {
		looks *= 4
	}
	t.meet()
	for range t.Calls {
		name := (first + r.IntN(names)) % linNames
		last := t.last[name].Load()
		switch n := r.IntN(claims + releases + looks); {
		case n < looks:
			t.look(name)
		case n < looks+releases && last != nil && (!last.released.Load() || r.IntN(4) == 0):
			t.release(name, last)
		default:
			t.claim(name)
		}
	}
}

// meet waits for the others, so that calls of a few hundred nanoseconds meet.
// It spins, but not for long: one of them may have been killed.
func (t *linThread) meet() {
	t.book[linMet].Add(1)
	for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
		if t.book[linMet].Load() >= uint64(t.Meet) {
			return
		}
	}
}

func (t *linThread) do(c linCall, call func() linResult) {
	c.slot, c.epoch = t.Slot(), t.epoch
	t.book.do(t.Burst, t.client, t.n, c, call)
	t.n++
}

func (t *linThread) claim(name int) {
	text := linName(name, t.Stretch)
	t.do(linCall{kind: linClaim, name: name}, func() linResult {
		c, err := t.Claim(text)
		var taken *streamzone.TakenError
		switch {
		case err == nil:
			t.last[name].Store(&linHeld{Claim: c})
			return linResult{is: linWon, id: c.ID()}
		case errors.As(err, &taken):
			return linResult{is: linTaken, slot: taken.Owner.Slot, id: taken.Owner.ID}
		case errors.Is(err, streamzone.ErrFull):
			return linResult{is: linFull}
		}
		fmt.Fprintln(os.Stderr, "claim:", err)
		return linResult{is: linFault}
	})
}

func (t *linThread) release(name int, c *linHeld) {
	t.do(linCall{kind: linRelease, name: name, id: c.ID()}, func() linResult {
		if t.Release(c.Claim) {
			c.released.Store(true)
			return linResult{is: linReleased}
		}
		return linResult{is: linRefused}
	})
}

func (t *linThread) look(name int) {
	text := linName(name, t.Stretch)
	t.do(linCall{kind: linLookup, name: name}, func() linResult { return linLook(t.Zone, text) })
}

func linLook(z *streamzone.Zone, name string) linResult {
	e, ok, err := z.Lookup(name)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "lookup:", err)
		return linResult{is: linFault}
	case ok:
		return linResult{is: linFound, slot: e.Slot, id: e.ID}
	}
	return linResult{is: linAbsent}
}

// linName is a name: the first is short, the others may be long, each longer.
func linName(i, stretch int) string {
	return "live/" + strings.Repeat("x", i*stretch) + string(rune('a'+i))
}
