package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// A scene is a server under attack with a bystander: a stream in real time on worker 0, and a player of it on each worker.
type scene struct {
	t      *testing.T
	s      *server
	target int // the worker that is attacked

	pids      []int
	publisher *publisher
	sending   *live
	viewers   []*player
	calm      model.Vector // the metrics before the first attack
	whole     []observation

	mu       sync.Mutex
	observed bool          // the test bounds what its workers take by itself
	sent     int64         // by attackers that came to their end
	spent    time.Duration // of CPU, by them
}

const (
	attackWorkers = 2
	bystander     = "live/bystander"
	attackApp     = "attack"
)

// newScene starts a server, and watches it until the end of the test: the bystander misses nothing, no worker dies, nothing is left of the attacks.
func newScene(t *testing.T, opt options) *scene {
	t.Helper()
	return newSceneAt(t, opt, 0)
}

// newSceneAt is newScene with a bystander of another bit rate than usual.
func newSceneAt(t *testing.T, opt options, bits int) *scene {
	t.Helper()
	opt.workers = attackWorkers
	sc := &scene{t: t, s: start(t, opt)}
	sc.pids = sc.s.pids(t)
	sc.publisher = publish(t, sc.s.rtmpURL(0, bystander))
	if bits > 0 {
		sc.publisher.source.bitrate(bits)
	}
	sc.sending = sc.publisher.goLive()
	for worker := range attackWorkers {
		viewer := play(t, sc.s.rtmpURL(worker, bystander))
		viewer.awaitRun(soon, sc.publisher.source.run)
		viewer.longestPause() // from here on
		sc.viewers = append(sc.viewers, viewer)
	}
	sc.calm = sc.metrics(t)
	for worker := range attackWorkers {
		sc.whole = append(sc.whole, sc.observe(t, worker))
	}
	sc.observed = false
	t.Cleanup(sc.end)
	return sc
}

// unharmed is how long the bystander's players may wait for a message: generous, because attacks load the machine.
var unharmed = time.Duration(scaled(4, 10)) * time.Second

// end checks what must hold after all attacks.
func (sc *scene) end() {
	sc.t.Helper()
	if err := sc.sending.stop(); err != nil {
		sc.t.Errorf("the bystander was disturbed: %v", err)
		return
	}
	last := uint64(sc.publisher.written() - len(sc.publisher.source.headers()) - 1) // the source may be one ahead
	for _, viewer := range sc.viewers {
		viewer.await(soon, "the bystander's last message", func(got seen) string {
			if got.messages > 0 && got.last.number == last {
				return ""
			}
			return fmt.Sprintf("at number %d of %d", got.last.number, last)
		})
		if pause := viewer.longestPause(); pause > unharmed {
			sc.t.Errorf("%s waited %v for a message", viewer.name, pause)
		}
	}
	if now := sc.s.pids(sc.t); !slices.Equal(now, sc.pids) {
		sc.t.Errorf("workers died: pids were %v and are %v", sc.pids, now)
	}
	waitFor(sc.t, soon, "nothing to be left of the attacks", sc.leftover)
	if sc.observed || sc.t.Failed() {
		return
	}
	for _, worker := range sc.whole { // whichever of the two had to pay
		worker.within(sc.t, bound{memory: memoryPerByte * sc.sent, cpu: 4 * sc.spent})
	}
}

// account notes what an attacker spent, which is what a worker may spend in turn.
func (sc *scene) account(r *report) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.sent += r.Sent
	sc.spent += r.cpu
}

// leftover says what the attacks left behind, by the numbers of before.
func (sc *scene) leftover() string {
	now, err := sc.s.metrics(shared)
	if err != nil {
		return err.Error()
	}
	for _, kind := range []struct {
		name string
		more float64 // than before
	}{
		{"rtmpedge_connections", 0},
		{"rtmpedge_streams", 0},
		{"rtmpedge_zone_streams", 0},
		{"rtmpedge_relays", 0},
		{"go_goroutines", 20},    // of the Go runtime and of HTTP
		{"process_open_fds", 16}, // of HTTP
	} {
		before, _ := sum(sc.calm, kind.name, nil)
		after, series := sum(now, kind.name, nil)
		if series == 0 || after > before+kind.more {
			return fmt.Sprintf("%s was %v and is %v in %d series", kind.name, before, after, series)
		}
	}
	return ""
}

// metrics scrapes until all workers answer: one that is busy may miss a scrape.
func (sc *scene) metrics(t testing.TB) model.Vector {
	t.Helper()
	var samples model.Vector
	waitFor(t, soon, "metrics of all workers", func() string {
		var err error
		if samples, err = sc.s.metrics(shared); err != nil {
			return err.Error()
		}
		if answered, _ := sum(samples, "rtmpedge_scrape_workers_answered", nil); int(answered) != sc.s.opt.workers {
			return fmt.Sprintf("%v answered", answered)
		}
		return ""
	})
	return samples
}

// of is a counter's value; labels are pairs of name and value.
func of(samples model.Vector, name string, labels ...string) int {
	set := model.LabelSet{}
	for i := 0; i < len(labels); i += 2 {
		set[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	value, _ := sum(samples, name, set)
	return int(value)
}

// counted waits until a counter has grown by exactly n since before.
func (sc *scene) counted(t testing.TB, before model.Vector, n int, name string, labels ...string) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%s%v to grow by %d", name, labels, n), func() string {
		grown := of(sc.metrics(t), name, labels...) - of(before, name, labels...)
		if grown == n {
			return ""
		}
		return "it grew by " + strconv.Itoa(grown)
	})
}

// countedSome waits until a counter has grown by at least n since before.
func (sc *scene) countedSome(t testing.TB, before model.Vector, n int, name string, labels ...string) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%s%v to grow by %d or more", name, labels, n), func() string {
		grown := of(sc.metrics(t), name, labels...) - of(before, name, labels...)
		if grown >= n {
			return ""
		}
		return "it grew by " + strconv.Itoa(grown)
	})
}

// Names of metrics.
const (
	closedTotal    = "rtmpedge_connections_closed_total"
	rejectedTotal  = "rtmpedge_connections_rejected_total"
	errorsTotal    = "rtmpedge_protocol_errors_total"
	publishesTotal = "rtmpedge_publishes_total"
	playsTotal     = "rtmpedge_plays_total"
	droppedTotal   = "rtmpedge_frames_dropped_total"
	limitsTotal    = "rtmpedge_limits_hit_total"
	takeoversTotal = "rtmpedge_takeovers_total"
	authTotal      = "rtmpedge_auth_requests_total"
	jumpsTotal     = "rtmpedge_timestamp_discontinuities_total"
)
