//go:build torture

package streamzone_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// The oracle is a second shared memory, in which all processes keep a book of
// their own about what the zone must say. It is made for one turn of the
// torture: a zone and those that follow it.
type oracle []atomic.Uint64

// Its words.
const (
	wordOrder   = iota // what the workers are to do
	wordFaults         // how many were found
	wordMode           // goroutines of each kind in a worker, and what they use
	wordHold           // longest time that a process is held at a point, nanoseconds
	wordBarrier        // how often all publishers have met
	wordWaiting        // publishers that wait for the others

	wordPlaces  = 16
	wordBooks   = wordPlaces + keeperPlace*placeWords + placeWords
	wordPasses  = wordBooks + entryWords*mostNames
	wordDeaths  = wordPasses + rolesTortured*mostPoints
	wordWon     = wordDeaths + rolesTortured*mostPoints
	wordFreed   = wordWon + mostNodes*mostGenerations
	wordHandles = wordFreed + mostNodes*mostGenerations
	oracleWords = wordHandles + mostHandles*handleWords
)

const (
	mostNames       = 16
	mostNodes       = 64
	mostGenerations = 64 // of a node that are remembered
	mostPoints      = 64
	mostHandles     = 64
	mostWorkers     = 8 // goroutines that work, in one process
	mostPlayers     = 4
)

// faultPrefix begins the lines that tell of faults.
const faultPrefix = "torture: FAULT: "

// Orders.
const (
	orderWork  = 0
	orderPause = 1 // finish the call you are in, keep what you have
	orderEnd   = 2 // release everything and end
)

// A place is where a worker lives: a slot that is in use, one after the other,
// by many processes. The last place is the keeper's.
var placeSlots = [...]int{0, 1, 63, 64, 100, 127}

const (
	places      = len(placeSlots)
	keeperPlace = places
)

// Words of a place. The three epochs are those at which the slot is or was
// open, so they are odd; only the keeper writes them.
const (
	placeArm     = iota // point at which the process is to die << 32 | passes until then
	placeOpening        // the last epoch that was or may be open
	placeClosing        // the last that is closed or may be
	placeClosed         // the last that is certainly closed
	placeStops          // odd: the process is stopped
	placeJoined         // epoch, once the process has joined
	placeTotals         // [totals]

	placeCalls    = 32                        // [goroutines] calls finished
	placePaused   = placeCalls + mostWorkers  // [goroutines]
	placeAwaiting = placePaused + mostWorkers // [players] sequence number << 8 | name+1
	placeWords    = placeAwaiting + mostPlayers
)

// What is counted. Times are the longest, in nanoseconds.
const (
	totalClaims = iota
	totalTaken
	totalFull
	totalReleases
	totalLookups
	totalSeen   // lookups of a name that the book knew to be held all the while
	totalUnseen // lookups while the book knew the name's last owner to be dead
	totalAwaits
	totalWakes // players that found the name after they had slept
	totalFollows
	totalLookupTime
	totalClaimTime
	totalReleaseTime
	totalWakeTime
	totals
)

var totalNames = [totals]string{
	"claims", "taken", "full", "releases", "lookups", "seen", "unseen", "awaits", "wakes", "follows",
	"lookup", "claim", "release", "wake",
}

// newOracle makes the memory.
func newOracle() (*os.File, oracle, error) {
	f, err := streamzone.NewMemfd(8 * uint64(oracleWords))
	if err != nil {
		return nil, nil, err
	}
	o, err := mapOracle(f)
	return f, o, err
}

// mapOracle maps it, to the end of the process.
func mapOracle(f *os.File) (oracle, error) {
	words, _, err := streamzone.MapWords(f)
	return words, err
}

func (o oracle) place(place, word int) *atomic.Uint64 {
	return &o[wordPlaces+place*placeWords+word]
}

func (o oracle) total(place, what int) *atomic.Uint64 { return o.place(place, placeTotals+what) }

func (o oracle) passes(role, point int) *atomic.Uint64 {
	return &o[wordPasses+role*mostPoints+point]
}

func (o oracle) deaths(role, point int) *atomic.Uint64 {
	return &o[wordDeaths+role*mostPoints+point]
}

// fault says what cannot be. The torture ends at the first.
func (o oracle) fault(format string, args ...any) {
	if o[wordFaults].Load() < 8 {
		fmt.Fprintf(os.Stderr, faultPrefix+format+"\n", args...)
	}
	o[wordFaults].Add(1) // last: whoever sees it kills us
}

// stopped tells whether the process of a place is stopped, or was since.
func (o oracle) stopped(place int, since uint64) bool {
	return since&1 == 1 || o.place(place, placeStops).Load() != since
}

// record notes how long a call took, if it is the longest. Those during which
// the process was stopped do not count.
func (o oracle) record(place, what int, begun time.Time, stops uint64) {
	took := uint64(time.Since(begun))
	longest := o.total(place, what)
	for was := longest.Load(); took > was && !o.stopped(place, stops); was = longest.Load() {
		if longest.CompareAndSwap(was, took) {
			return
		}
	}
}

// onceOnly marks a node's generation in one of the two tables. false means
// that it has been marked before. Only the last generations are remembered,
// and reports may come late, so a lower generation is no fault.
func (o oracle) onceOnly(table int, index uint32, gen uint64) bool {
	word := table + int(index)%mostNodes*mostGenerations + int(gen%mostGenerations)
	return o[word].Swap(gen) != gen
}

// freed is told of each node that became free. (streamzone.FreedHook)
func (o oracle) freed(index uint32, gen uint64) {
	if !o.onceOnly(wordFreed, index, gen) {
		o.fault("generation %d of node %d was freed twice", gen, index)
	}
}

// A mode is what a worker of a turn consists of.
type mode struct {
	workers    int // processes
	butchers   int // goroutines that claim, release and look up
	readers    int // that only look up
	players    int // that wait for names
	publishers int // that claim what players wait for, all at once
	names      int
	held       int // most names that a butcher holds
}

func (m mode) word() (w uint64) {
	for i, n := range []int{m.workers, m.butchers, m.readers, m.players, m.publishers, m.names, m.held} {
		w |= uint64(n) << (8 * i)
	}
	return w
}

func (o oracle) mode() mode {
	w := o[wordMode].Load()
	part := func(n int) int { return int(w >> (8 * n) & 0xff) }
	return mode{
		workers: part(0), butchers: part(1), readers: part(2), players: part(3),
		publishers: part(4), names: part(5), held: part(6),
	}
}

// active is how many goroutines of a worker do one step after the other.
func (m mode) active() int { return m.butchers + m.readers + m.publishers }

// tortureName is a name in one, two or more words, in the hot node only or not.
func tortureName(i int) string { return fmt.Sprintf("live/%0*d", 1+i*6, i) }
