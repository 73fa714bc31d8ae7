package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/streamzone"
)

// What the master logs of a reload.
const (
	resized    = `msg="stream zone resized"`
	notResized = `msg="reload: nothing is applied`
)

// sizes are those of a zone.
type sizes struct{ buckets, streams int }

func (z sizes) String() string { return fmt.Sprintf("buckets=%d streams=%d", z.buckets, z.streams) }

// reloadMark parts the configuration that the server started with from what a test adds.
const reloadMark = "\n# added\n"

// configure writes the configuration anew: as it was at the start, with these lines.
func (s *server) configure(t testing.TB, lines ...string) {
	t.Helper()
	file := filepath.Join(s.dir, "rtmp-edge.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), reloadMark)
	replaceFile(t, file, []byte(first+reloadMark+strings.Join(lines, "\n")+"\n"))
}

// configureZone is configure with other sizes.
func (s *server) configureZone(t testing.TB, z sizes, lines ...string) {
	t.Helper()
	s.configure(t, append(lines, fmt.Sprintf("stream_zone: {buckets: %d, streams: %d}", z.buckets, z.streams))...)
}

// reload sends SIGHUP and waits for a line more of what the master shall say to it, which it returns.
func (s *server) reload(t testing.TB, says string) string {
	t.Helper()
	before := len(s.log.find(says))
	s.signal(syscall.SIGHUP)
	s.log.wait(t, soon, says, before+1)
	return s.log.find(says)[before]
}

// resize gives the zone other sizes, and checks that every worker works with them.
func (s *server) resize(t testing.TB, z sizes) {
	t.Helper()
	s.configureZone(t, z)
	line := s.reload(t, resized)
	if !strings.Contains(line, z.String()) {
		t.Errorf("%v was asked for, not %q", z, line)
	}
	s.checkSizes(t, z)
}

// freezes returns how long publishers had to wait at most for each resize so far.
func (s *server) freezes(t testing.TB) []time.Duration {
	t.Helper()
	var all []time.Duration
	for _, line := range s.log.find(resized) {
		_, text, _ := strings.Cut(line, " publishers_waited=")
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, d)
	}
	return all
}

// checkSizes asks every worker. They switch by themselves, a moment after the master.
func (s *server) checkSizes(t testing.TB, z sizes) {
	t.Helper()
	waitFor(t, soon, "a zone of "+z.String(), func() string {
		for worker := range s.opt.workers {
			var answer zoneAnswer
			if err := s.get(worker, "/api/v1/zone", &answer); err != nil {
				return err.Error()
			}
			if got := (sizes{answer.Zone.Buckets, answer.Zone.Capacity}); got != z || answer.Zone.NameMax != 1024 {
				return fmt.Sprintf("worker %d has %v, names of %d", worker, got, answer.Zone.NameMax)
			}
		}
		return ""
	})
	samples, err := s.metrics(shared)
	if err != nil {
		t.Fatal(err)
	}
	for worker := range s.opt.workers {
		label := model.LabelSet{"worker": model.LabelValue(fmt.Sprint(worker))}
		if got, _ := sum(samples, "rtmpedge_zone_capacity", label); int(got) != z.streams {
			t.Errorf("worker %d counts a capacity of %v, not of %d", worker, got, z.streams)
		}
	}
}

// zone looks into the memory itself, which has to be in order, and returns what lives there.
func (s *server) zone(t testing.TB) map[string]streamzone.Entry {
	t.Helper()
	f, err := os.Open(filepath.Join(s.runDir, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zone, err := streamzone.Attach(f)
	if err != nil {
		t.Fatal(err)
	}
	defer zone.Close() //nolint:errcheck // it was only read
	if err := zone.Check(); err != nil {
		t.Errorf("the zone is damaged: %v", err)
	}
	entries := map[string]streamzone.Entry{}
	if err := zone.Range(func(name string, e streamzone.Entry) bool {
		entries[name] = e
		return true
	}); err != nil {
		t.Error(err)
	}
	return entries
}

// A steadyScene is a stream on each worker, with players there and on the next two.
type steadyScene struct {
	s          *server
	t          testing.TB
	publishers map[string]*publisher
	sending    map[string]*live
	players    map[string][]*player
	ids        map[string]streamzone.ID
}

// steady sets the scene with one stream on each of these workers.
func (s *server) steady(t testing.TB, owners ...int) *steadyScene {
	t.Helper()
	c := &steadyScene{s, t, map[string]*publisher{}, map[string]*live{}, map[string][]*player{}, map[string]streamzone.ID{}}
	for _, owner := range owners {
		stream := fmt.Sprintf("live/steady%d", owner)
		c.publishers[stream], c.sending[stream] = s.goLive(t, owner, stream)
		for i := range 3 {
			on := owners[(i+owner)%len(owners)]
			c.players[stream] = append(c.players[stream], play(t, s.rtmpURL(on, stream)))
		}
	}
	for stream, players := range c.players {
		for _, p := range players {
			p.awaitRun(soon, c.publishers[stream].source.run)
		}
	}
	for stream, e := range s.zone(t) {
		c.ids[stream] = e.ID
	}
	return c
}

// check says that every stream is what it was, and goes on for everybody who watched it: trackers miss nothing.
func (c *steadyScene) check() {
	c.t.Helper()
	now := c.s.zone(c.t)
	before := map[*player]int{}
	for _, players := range c.players {
		for _, p := range players {
			was, _ := p.seen()
			before[p] = was.messages
		}
	}
	for stream, players := range c.players {
		if e, ok := now[stream]; !ok || e.ID != c.ids[stream] {
			c.t.Errorf("%s was publication %v, and is %v (%v)", stream, c.ids[stream], e.ID, ok)
		}
		for _, p := range players {
			p.awaitMessages(soon, before[p]+20)
			p.check()
		}
		select {
		case <-c.sending[stream].done:
			c.t.Errorf("the publisher of %s has ended: %v", stream, c.sending[stream].err)
		default:
		}
	}
}

// findable plays every stream from every worker.
func (c *steadyScene) findable() {
	c.t.Helper()
	for stream, p := range c.publishers {
		for worker := range c.s.opt.workers {
			viewer := play(c.t, c.s.rtmpURL(worker, stream))
			viewer.awaitRun(soon, p.source.run)
			viewer.close()
		}
	}
}

// A churn is publishers that come and go all the time, on every worker, each with a name of its own. None may be refused.
type churn struct {
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	took    map[int]time.Duration // the longest publish, by worker
	done    int
	problem error
}

func (s *server) churn(t testing.TB, workers ...int) *churn {
	t.Helper()
	c := &churn{stop: make(chan struct{}), took: map[int]time.Duration{}}
	for _, worker := range workers {
		c.wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-c.stop:
					return
				default:
				}
				begun := time.Now()
				err := s.passBy(t, worker, fmt.Sprintf("live/passing%d-%d", worker, i))
				c.note(worker, time.Since(begun), err)
			}
		})
	}
	t.Cleanup(func() { _, _, _ = c.end() })
	return c
}

// passBy publishes a stream and ends it.
func (s *server) passBy(t testing.TB, worker int, stream string) error {
	t.Helper()
	p, err := dialPublish(t, s.rtmpURL(worker, stream))
	if err != nil {
		return fmt.Errorf("publish %s: %w", stream, err)
	}
	defer p.conn.Close()
	return p.conn.Unpublish(p.stream)
}

func (c *churn) note(worker int, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[worker] = max(c.took[worker], took)
	c.done++
	if err != nil && c.problem == nil {
		c.problem = fmt.Errorf("after %v: %w", took, err)
	}
}

// end returns how many publishes there were, and how long the longest took on each worker.
func (c *churn) end() (done int, took map[int]time.Duration, problem error) {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done, maps.Clone(c.took), c.problem
}
