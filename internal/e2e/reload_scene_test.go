package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
)

// What the master logs when all workers run with another configuration.
const reloaded = `msg="reload: applied"`

// A reloadAnswer is what POST /api/v1/reload answers, whatever came of it.
type reloadAnswer struct {
	Applied, Restart, Kept []string
	Status                 int
	Detail                 string
	Problems               []string
}

// askReload has a worker ask for a reload, which must have that status.
func (s *server) askReload(t testing.TB, worker, status int) (answer reloadAnswer) {
	t.Helper()
	got, body, err := s.call(worker, http.MethodPost, "/api/v1/reload")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &answer); err != nil || got != status {
		t.Fatalf("reload: status %d instead of %d, %v: %s", got, status, err, body)
	}
	return answer
}

// A changing is a server whose configuration a test changes: pieces of the text that it was started with.
type changing struct {
	*server
	t     testing.TB
	first string
	ports int // the first of those that the server has not been started with
}

// The ports that a changing server has for what is added. There is one of each worker behind addedSlots.
const (
	addedRTMP = iota
	addedHTTP
	addedSlots
)

// startChanging starts a server of three workers.
func startChanging(t testing.TB) *changing {
	t.Helper()
	opt := options{workers: 3}
	c := &changing{t: t}
	c.server = startOn(t, opt, addedSlots+opt.workers, func(base int, _ *options) { c.ports = base })
	text, err := os.ReadFile(c.file())
	if err != nil {
		t.Fatal(err)
	}
	c.first = string(text)
	return c
}

func (c *changing) file() string { return filepath.Join(c.dir, "rtmp-edge.yml") }

// change writes the configuration as it was at the start, but for pairs of a piece and another in its place.
func (c *changing) change(pairs ...string) {
	c.t.Helper()
	text := c.first
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			c.t.Fatalf("%q is not once in\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	replaceFile(c.t, c.file(), []byte(text))
}

// opened are pieces for change that add one address of each kind.
func (c *changing) opened() []string {
	return []string{
		fmt.Sprintf(`rtmp: {listen: ["127.0.0.1:%d"]`, c.base),
		fmt.Sprintf(`rtmp: {listen: ["127.0.0.1:%d", "127.0.0.1:%d"]`, c.base, c.ports+addedRTMP),
		fmt.Sprintf(`http: {listen: ["127.0.0.1:%d"]`, c.base+1),
		fmt.Sprintf(`http: {listen: ["127.0.0.1:%d", "127.0.0.1:%d"]`, c.base+1, c.ports+addedHTTP),
		"multi_listen:\n", fmt.Sprintf("multi_listen:\n  - {listen: \"127.0.0.1:%d\", serves: rtmp}\n", c.ports+addedSlots),
	}
}

func (c *changing) addedURL(port int, stream string) string {
	return fmt.Sprintf("rtmp://127.0.0.1:%d/%s", c.ports+port, stream)
}

// checkAdded publishes on the added address of each worker, plays that on the added one of each other, and has every worker take connections from the
// address that all share.
func (c *changing) checkAdded(name string) {
	c.t.Helper()
	for worker := range c.opt.workers {
		stream := fmt.Sprintf("live/%s%d", name, worker)
		p := publish(c.t, c.addedURL(addedSlots+worker, stream))
		live := p.goLive()
		for other := range c.opt.workers {
			viewer := play(c.t, c.addedURL(addedSlots+other, stream))
			viewer.awaitRun(soon, p.source.run)
			viewer.close()
		}
		if err := live.stop(); err != nil {
			c.t.Error(err)
		}
		p.end()
	}
	took := map[int]bool{}
	before := c.sharedTaken()
	waitFor(c.t, 2*soon, "connections of every worker from the added address", func() string {
		viewer := play(c.t, c.addedURL(addedRTMP, "live/steady0"))
		viewer.awaitMessages(soon, 1)
		viewer.close()
		for worker, n := range c.sharedTaken() {
			took[worker] = took[worker] || n > before[worker]
		}
		if len(took) < c.opt.workers || !took[0] || !took[1] || !took[c.opt.workers-1] {
			return fmt.Sprint(took)
		}
		return ""
	})
	for range 5 * c.opt.workers {
		response, err := httpClient.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/workers", c.ports+addedHTTP))
		if err != nil {
			c.t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			c.t.Errorf("the added address of HTTP answers %d", response.StatusCode)
		}
	}
}

// sharedTaken is how many connections of RTMP each worker has taken.
func (c *changing) sharedTaken() map[int]float64 {
	c.t.Helper()
	taken := map[int]float64{}
	for worker := range c.opt.workers {
		taken[worker] = c.accepted(c.t, worker)
	}
	return taken
}

// checkClosed says that nobody listens on what would have been added.
func (c *changing) checkClosed() {
	c.t.Helper()
	for port := range addedSlots + c.opt.workers {
		if !allFree(c.ports+port, 1) {
			c.t.Errorf("somebody listens on port %d of those to be added", port)
		}
	}
}

// checkRefused publishes what an app needs a signature for on some workers.
func (c *changing) checkRefused(stream string, refused bool, workers ...int) {
	c.t.Helper()
	for _, worker := range workers {
		p, err := dialPublish(c.t, c.rtmpURL(worker, stream))
		if err == nil {
			p.end()
			c.awaitStream(c.t, stream, func(info streamInfo, found bool) string {
				if found && info.State == "live" {
					return "still live"
				}
				return ""
			})
		}
		if got := statusCode(err) != ""; got != refused || err != nil && !got {
			c.t.Errorf("publish %s on worker %d: %v; refused it should be: %v", stream, worker, err, refused)
		}
	}
}

// outcome is what a worker's metrics tell of the last reload.
type outcome struct{ ok, at float64 }

// outcomes waits until all workers tell the same.
func (c *changing) outcomes(ok, after float64) outcome {
	c.t.Helper()
	var told outcome
	waitFor(c.t, soon, fmt.Sprintf("word of a reload: %v, after %v", ok, after), func() string {
		samples, err := c.metrics(shared)
		if err != nil {
			return err.Error()
		}
		for worker := range c.opt.workers {
			label := model.LabelSet{"worker": model.LabelValue(fmt.Sprint(worker))}
			was, _ := sum(samples, "rtmpedge_config_last_reload_successful", label)
			at, _ := sum(samples, "rtmpedge_config_last_reload_success_timestamp_seconds", label)
			if told.at == 0 {
				told.at = at
			}
			if was != ok || at <= after && ok == 1 || at != told.at {
				told.at = 0
				return fmt.Sprintf("worker %d tells of %v, %v", worker, was, at)
			}
		}
		return ""
	})
	told.ok = ok
	return told
}

// want compares keys.
func want(t testing.TB, what string, want, got []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got)\n%s", what, d)
	}
}

// reloadBySignal sends SIGHUP, to the workers too, as pkill does, and waits for the keys that are applied.
func (c *changing) reloadBySignal(keys string) {
	c.t.Helper()
	for _, pid := range c.pids(c.t) {
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			c.t.Fatal(err)
		}
	}
	line := c.reload(c.t, reloaded)
	if !strings.Contains(line, keys) {
		c.t.Errorf("%q is to be applied, not %q", keys, line)
	}
}

// samePIDs says that no worker was replaced.
func (c *changing) samePIDs(pids []int) {
	c.t.Helper()
	for worker, pid := range c.pids(c.t) {
		if pid != pids[worker] {
			c.t.Errorf("worker %d was replaced", worker)
		}
	}
}

func (c *changing) continueWorker(pid int) {
	c.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
}
