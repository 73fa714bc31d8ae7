//go:build torture

package streamzone_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// programs are the child programs that do not join a slot the plain way.
var programs = map[string]func() error{
	"torture-worker": workerProgram,
	"torture-keeper": keeperProgram,
}

// Descriptors of a child of the torture.
const (
	fdZone    = 3
	fdOracle  = 4
	fdControl = 5 // a socket; the child ends when it is closed
	fdNext    = 6 // keeper: the zone's successor, if there may be one
)

// exitLate is how a worker ends whose slot was closed before it could join, or
// is just being closed: by a new keeper, who cannot know of it. The supervisor
// sees to it that this is so.
const exitLate = 3

func isLate(err error) bool {
	return errors.Is(err, streamzone.ErrSlotClosed) || errors.Is(err, streamzone.ErrSlotBusy) ||
		errors.Is(err, streamzone.ErrMoved) // after the closing
}

// A tortured worker is a process full of goroutines that use the zone.
type tortured struct {
	*streamzone.Zone
	o     oracle
	place int
	epoch uint16
	mode  mode
}

func workerProgram() error {
	o, err := mapOracle(os.NewFile(fdOracle, "oracle"))
	if err != nil {
		return err
	}
	slot, err1 := strconv.Atoi(os.Getenv(envSlot))
	epoch, err2 := strconv.Atoi(os.Getenv(envEpoch))
	control, err3 := asControl(os.NewFile(fdControl, "control"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	place := placeOf(slot)
	sabotage(o, roleWorker, place)
	f := os.NewFile(fdZone, "zone")
	z, err := streamzone.Join(f, slot, uint16(epoch))
	if isLate(err) {
		os.Exit(exitLate)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		o.fault("%v", err)
		return err
	}
	w := &tortured{Zone: z, o: o, place: place, epoch: uint16(epoch), mode: o.mode()}
	o.place(place, placeJoined).Store(uint64(epoch))
	go w.follow(control)
	return w.run()
}

// run works until the supervisor orders the end.
func (w *tortured) run() error {
	var workers, players sync.WaitGroup
	for g := range w.mode.active() {
		c := claimant{tortured: w, goroutine: g}
		switch {
		case g < w.mode.butchers:
			workers.Go(func() { w.work(g, &butcher{c}) })
		case g < w.mode.butchers+w.mode.readers:
			workers.Go(func() { w.work(g, &reader{c}) })
		default:
			workers.Go(func() { w.work(g, &publisher{c}) })
		}
	}
	for i := range w.mode.players {
		players.Go(func() { w.play(i) })
	}
	workers.Wait()
	err := w.Close()
	players.Wait()
	return err
}

// follow takes the zones that are to succeed ours, and ends the process if the
// supervisor is no more.
func (w *tortured) follow(control *net.UnixConn) {
	for {
		f, err := receiveJSON(control, &struct{}{})
		if err != nil {
			os.Exit(1) // the supervisor has ended; or we have, and it knows
		}
		err = w.Follow(f)
		switch {
		case err == nil:
			w.total(totalFollows).Add(1)
		case errors.Is(err, streamzone.ErrMoved), errors.Is(err, streamzone.ErrClosed):
			// We are late: the keeper has given up, or we end.
		default:
			w.o.fault("slot %d, follow: %v", w.Slot(), err)
		}
		_ = f.Close()
	}
}

func (w *tortured) total(what int) *atomic.Uint64 { return w.o.total(w.place, what) }

func (w *tortured) order() uint64 { return w.o[wordOrder].Load() }

// work has one goroutine do one step after the other, as it is ordered.
func (w *tortured) work(g int, s interface {
	step()
	end()
},
) {
	calls, paused := w.o.place(w.place, placeCalls+g), w.o.place(w.place, placePaused+g)
	for {
		switch w.order() {
		case orderWork:
			s.step()
			calls.Add(1)
		case orderPause:
			paused.Store(1)
			for w.order() == orderPause {
				time.Sleep(time.Millisecond)
			}
		case orderEnd:
			s.end()
			return
		}
	}
}

// A claimant is a goroutine that claims names and releases them.
type claimant struct {
	*tortured
	goroutine int
	sequence  uint32
	held      []held
	ended     [4]streamzone.Claim // some that it released
}

type held struct {
	name  int
	owner owner
	claim streamzone.Claim
}

// claim tries to get the name. Somebody else may have it, and the zone may be
// full; nothing else can be.
func (c *claimant) claim(name int) bool {
	v := c.o.look(name)
	stops := c.o.place(c.place, placeStops).Load()
	begun := time.Now()
	claim, err := c.Claim(tortureName(name))
	c.o.record(c.place, totalClaimTime, begun, stops)
	var taken *streamzone.TakenError
	switch {
	case errors.As(err, &taken):
		v.judgeAnswer(taken.Owner, "claim")
		c.total(totalTaken).Add(1)
		return false
	case errors.Is(err, streamzone.ErrFull):
		c.total(totalFull).Add(1)
		return false
	case err != nil:
		c.o.fault("slot %d, claim: %v", c.Slot(), err)
		return false
	}
	c.sequence++
	me := newOwner(c.sequence, c.place, c.goroutine, c.epoch)
	c.o.won(name, me, claim.ID())
	c.o.keepHandle(name, claim)
	c.held = append(c.held, held{name: name, owner: me, claim: claim})
	c.total(totalClaims).Add(1)
	return true
}

// release ends the claim i, which can be done once.
func (c *claimant) release(i int) {
	h := c.held[i]
	c.held = append(c.held[:i], c.held[i+1:]...)
	c.o.gaveUp(h.name, h.owner)
	stops := c.o.place(c.place, placeStops).Load()
	begun := time.Now()
	if !c.Release(h.claim) {
		c.o.fault("%v could not release name %d, ID %v", h.owner, h.name, h.claim.ID())
	}
	c.o.record(c.place, totalReleaseTime, begun, stops)
	c.total(totalReleases).Add(1)
	c.ended[rand.IntN(len(c.ended))] = h.claim
}

// releaseOld tries the claims of the past: our own, and those of other lives.
func (c *claimant) releaseOld() {
	old := c.ended[rand.IntN(len(c.ended))]
	if rand.IntN(2) == 0 {
		old = c.o.handle()
	}
	slot, epoch := old.Life()
	ours := slot == c.Slot() && epoch == c.epoch
	if ours && old != c.ended[0] && old != c.ended[1] && old != c.ended[2] && old != c.ended[3] {
		return // a goroutine beside us may have it
	}
	if c.Release(old) {
		c.o.fault("slot %d released an old claim of slot %d, epoch %d, ID %v", c.Slot(), slot, epoch, old.ID())
	}
}

func (c *claimant) end() {
	for len(c.held) > 0 {
		c.release(0)
	}
}

// lookup asks for a name and compares the answer with the book.
func (c *claimant) lookup(name int) {
	v := c.o.look(name)
	stops := c.o.place(c.place, placeStops).Load()
	begun := time.Now()
	e, ok, err := c.Lookup(tortureName(name))
	c.o.record(c.place, totalLookupTime, begun, stops)
	if err != nil {
		c.o.fault("slot %d, lookup: %v", c.Slot(), err)
		return
	}
	v.judge(e, ok, c.total)
	c.total(totalLookups).Add(1)
}

// A butcher does anything in any order.
type butcher struct{ claimant }

func (b *butcher) step() {
	name := rand.IntN(b.mode.names)
	switch n := rand.IntN(20); {
	case n < 8 && len(b.held) < b.mode.held:
		b.claim(name)
	case n < 14 && len(b.held) > 0:
		b.release(rand.IntN(len(b.held)))
	case n < 16:
		for _, h := range b.held {
			b.lookup(h.name)
		}
	case n == 16:
		b.releaseOld()
	default:
		b.lookup(name)
	}
}

// A reader looks up, also while claims and releases wait.
type reader struct{ claimant }

func (r *reader) step() { r.lookup(rand.IntN(r.mode.names)) }
