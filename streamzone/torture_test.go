//go:build torture

package streamzone_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// envTorture is how long the torture takes, for example 1h. In less than half a
// minute it does not get to all crash points.
const envTorture = "STREAMZONE_TORTURE"

const (
	tortureLength  = time.Minute
	tortureNameMax = 100
)

// A turn is one kind of torture. The rates are per second.
type turn struct {
	name          string
	share         float64 // of the time
	mode          mode
	shapes        [][2]int // buckets and streams
	hold          time.Duration
	kills         float64 // besides those at crash points
	arms          bool    // whether processes die at crash points
	rearms        float64
	stops         float64
	resizes       float64
	killsInResize float64 // how many of the resizes
	sweepOneIn    int     // about how many milliseconds late a sweep is
}

// The turns come round and round.
var turns = []turn{
	{
		// Few goroutines on few nodes of one bucket or two, and hardly a death: the
		// closest races.
		name: "race", share: 0.25,
		mode:   mode{workers: 3, butchers: 2, names: 4, held: 2},
		shapes: [][2]int{{1, 3}, {1, 4}, {1, 6}, {2, 5}},
		hold:   time.Millisecond, kills: 2, stops: 3, sweepOneIn: 50,
	},
	{
		// Publishers and players, nothing else: no ring that was not meant makes
		// good for one that is lost.
		name: "wake", share: 0.2,
		mode:   mode{workers: 3, readers: 1, players: 2, publishers: 2, names: 4},
		shapes: [][2]int{{97, 40}, {40, 50}},
		hold:   time.Millisecond, stops: 2, resizes: 6, sweepOneIn: 50,
	},
	{
		// Everybody dies.
		name: "storm", share: 0.55,
		mode:   mode{workers: 4, butchers: 2, readers: 1, players: 1, names: 12, held: 4},
		shapes: [][2]int{{3, 40}, {1, 24}, {3, 8}, {7, 64}, {2, 12}},
		hold:   500 * time.Microsecond, kills: 4, arms: true, rearms: 20, stops: 4,
		resizes: 5, killsInResize: 0.3, sweepOneIn: 60,
	},
}

// shape is the size of a zone of this turn.
func (t turn) shape() streamzone.Config {
	s := t.shapes[rand.IntN(len(t.shapes))]
	return streamzone.Config{Buckets: s[0], Streams: s[1], NameMax: tortureNameMax}
}

// Processes fight over few names in tiny zones, are held up, stopped and
// killed, and so is their keeper, while the zone is resized. All the while they
// keep a book of what the zone must say.
func TestTorture(t *testing.T) {
	length := tortureLength
	if s := os.Getenv(envTorture); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	round := min(max(length/7, 8*time.Second), time.Minute)
	sum := newTally()
	defer func() { t.Log(sum) }()
	// On a slow machine the rarest points take longer.
	for begun := time.Now(); time.Since(begun) < length || !sum.complete() && time.Since(begun) < 2*length; {
		for _, turn := range turns {
			ok := t.Run(turn.name, func(t *testing.T) {
				newSupervisor(t, turn, sum).run(time.Duration(float64(round) * turn.share))
			})
			if !ok {
				return
			}
		}
	}
	sum.mustBeComplete(t)
}

// A tally is what happened in all turns.
type tally struct {
	passes, deaths         [rolesTortured][mostPoints]uint64
	totals                 [totals]uint64
	kills, buried, keepers int
	stops, checks          int
	sweeps, reclaimed      int
	resizes                map[string]int
	frozen                 []time.Duration
}

func newTally() *tally { return &tally{resizes: map[string]int{}} }

// add takes over what the oracle of a turn has counted.
func (t *tally) add(o oracle) {
	for role := range rolesTortured {
		for p := range streamzone.Points {
			t.passes[role][p] += o.passes(role, p).Load()
			t.deaths[role][p] += o.deaths(role, p).Load()
		}
	}
	for p := range places {
		for i := range totals {
			n := o.total(p, i).Load()
			if i >= totalLookupTime {
				t.totals[i] = max(t.totals[i], n)
			} else {
				t.totals[i] += n
			}
		}
	}
}

// deadly is how many have died at a point.
func (t *tally) deadly(point int) uint64 {
	return t.deaths[roleWorker][point] + t.deaths[roleKeeper][point]
}

// complete tells that every crash point has killed.
func (t *tally) complete() bool {
	for p := 1; p < streamzone.Points; p++ {
		if t.deadly(p) == 0 {
			return false
		}
	}
	return true
}

func (t *tally) mustBeComplete(tb testing.TB) {
	tb.Helper()
	for p := 1; p < streamzone.Points; p++ {
		if t.deadly(p) == 0 {
			tb.Errorf("nobody died at point %d, %s; it was passed %d times by workers and %d times by keepers",
				p, streamzone.PointName(p), t.passes[roleWorker][p], t.passes[roleKeeper][p])
		}
	}
}

// String is the summary.
func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "killed at a point or at random: %d workers, %d keepers; signals at random: %d; stops: %d\n",
		t.buried, t.keepers, t.kills, t.stops)
	fmt.Fprintf(&b, "sweeps: %d, nodes reclaimed: %d; checks: %d; resizes: %v\n", t.sweeps, t.reclaimed, t.checks, t.resizes)
	if len(t.frozen) > 0 {
		slices.Sort(t.frozen)
		fmt.Fprintf(&b, "frozen: p50 %v, most %v\n", t.frozen[len(t.frozen)/2], t.frozen[len(t.frozen)-1])
	}
	for i, n := range t.totals {
		if i < totalLookupTime {
			fmt.Fprintf(&b, "%s: %d  ", totalNames[i], n)
		}
	}
	fmt.Fprint(&b, "\nthe longest, with the delays of the torture: ")
	for i := totalLookupTime; i < totals; i++ {
		fmt.Fprintf(&b, "%s %v  ", totalNames[i], time.Duration(t.totals[i]))
	}
	fmt.Fprintf(&b, "\n%-16s %10s %8s %10s %8s\n", "point", "workers", "killed", "keepers", "killed")
	for p := 1; p < streamzone.Points; p++ {
		fmt.Fprintf(&b, "%-16s %10d %8d %10d %8d\n", streamzone.PointName(p), t.passes[roleWorker][p],
			t.deaths[roleWorker][p], t.passes[roleKeeper][p], t.deaths[roleKeeper][p])
	}
	return b.String()
}
