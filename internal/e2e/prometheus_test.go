package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A worker is killed, and another stops for a while, under the eyes of Prometheus: no rate falls below zero or jumps, the gap is there to be seen, and
// the restart is counted.
func TestPrometheusSeesWorkersEnd(t *testing.T) {
	t.Parallel()
	for name, victim := range map[string]int{"another than is scraped": 2, "that is scraped": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testPrometheusSeesWorkersEnd(t, victim)
		})
	}
}

func testPrometheusSeesWorkersEnd(t *testing.T, victim int) {
	const scraped, owner = 0, 1
	s := start(t, options{})
	pids := s.pids(t)
	p := s.scrape(t, scraped)
	begun := time.Now()
	publisher, sending := s.goLive(t, owner, "live/cam")
	play(t, s.rtmpURL(owner, "live/cam"))
	playFLV(t, s.flvURL(3, "live/cam"))
	p.await(`sum(rate(rtmpedge_sent_bytes_total{role="player",protocol="rtmp"}[5s])) > 0 and sum(rate(rtmpedge_sent_bytes_total{role="player",protocol="http_flv"}[5s])) > 0`)
	on := play(t, s.rtmpURL(victim, "live/cam"))
	on.awaitMore(soon, 50)
	p.await(fmt.Sprintf(`rate(rtmpedge_sent_bytes_total{worker="%d",role="player",protocol="rtmp"}[5s]) > 0`, victim))

	killWorker(t, pids[victim])
	waitClosed(t, soon, "the end of the killed worker's player", on.ended)
	killed := p.await(fmt.Sprintf(`rtmpedge_worker_restarts_total{worker="%d",reason="killed"} > 0`, victim))
	if killed[0].Value != 1 {
		t.Errorf("%v restarts", killed)
	}
	play(t, s.rtmpURL(victim, "live/cam")).awaitMore(soon, 50)

	// The gap that it leaves may be shorter than the time between two scrapes. One that hangs makes it as long as we like.
	pid := s.pids(t)[victim]
	stopWorker(t, pid)
	if victim == scraped {
		p.await("up == 0")
	} else {
		p.await(fmt.Sprintf(`rtmpedge_worker_up{worker="%d"} == 0 and on() (rtmpedge_scrape_workers_expected - rtmpedge_scrape_workers_answered == 1) and on() (rtmpedge_workers{state="down"} == 1)`, victim))
		p.await(`ALERTS{alertname="RtmpEdgeWorkerDown"}`)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.await(`rtmpedge_scrape_workers_answered == 4`)
	p.await(fmt.Sprintf(`rate(rtmpedge_sent_bytes_total{worker="%d",role="player"}[5s]) > 0`, victim))
	if err := sending.stop(); err != nil {
		t.Error(err)
	}

	for _, name := range p.counters() {
		for _, expr := range []string{"sum(rate(%s[5s]))", "sum without (worker) (rate(%s[5s]))"} {
			p.neverNegative(fmt.Sprintf(expr, name))
		}
	}
	p.neverNegative("instance:rtmpedge_sent_bytes:rate1m")
	publisher.mu.Lock()
	mean := float64(8*publisher.bytes) / time.Since(begun).Seconds()
	publisher.mu.Unlock()
	// What the publisher sends is one stream, however many workers relay it, die, and come back.
	bits := p.series(`8 * sum(rate(rtmpedge_stream_received_bytes_total[5s]))`, scrapeInterval/2)
	if len(bits) != 1 {
		t.Fatalf("%d series of the stream's bitrate", len(bits))
	}
	for _, v := range bits[0].Values {
		if float64(v.Value) > 4*mean {
			t.Errorf("%v bits a second at %v, where the publisher sends %v", v.Value, v.Timestamp.Time(), mean)
		}
	}
	for _, v := range p.await("sum(resets(rtmpedge_worker_restarts_total[5m]))") {
		if v.Value != 0 {
			t.Errorf("the restarts began anew: %v", v)
		}
	}
}

// neverNegative checks an expression at every half scrape.
func (p *prometheus) neverNegative(expr string) {
	p.t.Helper()
	series := p.series(expr, scrapeInterval/2)
	if len(series) == 0 {
		p.t.Errorf("%s: nothing", expr)
	}
	for _, one := range series {
		for _, v := range one.Values {
			if !(v.Value >= 0) && !strings.Contains(expr, "_seconds_sum") {
				p.t.Errorf("%s: %v at %v: %v", expr, v.Value, v.Timestamp.Time(), one.Metric)
			}
		}
	}
}

// The real promtool has nothing to say about a scrape, and the unit tests of our rules pass.
func TestPromtool(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.goLive(t, 0, "live/cam")
	play(t, s.rtmpURL(1, "live/cam")).awaitMore(soon, 50)
	playFLV(t, s.flvURL(1, "live/cam")).awaitMore(soon, 50)
	status, text, err := s.call(1, http.MethodGet, "/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(string(text))
	if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool check metrics: %v\n%s\nof\n%s", err, said, text)
	}
	dir := filepath.Join(deployed, "prometheus")
	tests, err := filepath.Glob(filepath.Join(dir, "tests", "*.yml"))
	if err != nil || len(tests) < 2 {
		t.Fatal(tests, err)
	}
	for _, args := range [][]string{
		{"check", "config", filepath.Join(dir, "prometheus.yml")}, append([]string{"test", "rules"}, tests...),
	} {
		if said, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, said)
		}
	}
}

// Every alert has a unit test in which it fires and one in which it doesn't, and tells what to do.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(deployed, "prometheus", "tests", "alerts_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range shippedRules(t) {
		if r.Alert == "" {
			continue
		}
		for _, needs := range []string{
			`- expr: ALERTS{alertname="` + r.Alert + `", alertstate="firing"}`, `ALERTS{alertname="` + r.Alert + `", alertstate="firing", instance="bad"`,
		} {
			if !strings.Contains(string(text), needs) {
				t.Errorf("%s: no %q in the tests", r.Alert, needs)
			}
		}
		for _, name := range []string{"summary", "description", "action"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
	}
}

// Every expression of the rules and of the dashboard has a value, but for a few that must not have any.
func TestEveryExpressionHasAValue(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 60s"})
	p := s.scrape(t, 2)
	waits := play(t, s.rtmpURL(3, "live/late"))
	s.goLive(t, 0, "live/cam")
	for _, worker := range []int{0, 1} {
		play(t, s.rtmpURL(worker, "live/cam"))
		playFLV(t, s.flvURL(worker, "live/cam"))
	}
	p.await(`sum(rtmpedge_connections{state="waiting"}) > 0`)
	s.goLive(t, 1, "live/late")
	waits.awaitMore(soon, 10)
	for end := time.Now().Add(2 * scrapeInterval); time.Now().Before(end); { // so that they are counted between two scrapes
		s.pids(t)
	}

	left := map[string]string{} // expression → what is missing
	for _, expr := range shippedExpressions(t) {
		left[expr] = "not asked"
	}
	if len(left) < 60 {
		t.Fatalf("only %d expressions", len(left))
	}
	waitUntil(2*soon, func() string {
		for expr := range left {
			if left[expr] = p.lacks(expr); left[expr] == "" {
				delete(left, expr)
			}
		}
		if len(left) > len(mayBeEmpty) {
			return "more"
		}
		return ""
	})
	for expr, missing := range left {
		if mayBeEmpty[expr] == "" {
			t.Errorf("%s: %s", expr, missing)
		}
	}
	for expr := range mayBeEmpty {
		if _, empty := left[expr]; !empty {
			t.Errorf("%s is not empty, or not there", expr)
		}
	}
	p.rulesAreHealthy()
}

// mayBeEmpty are the expressions without a value, and why.
var mayBeEmpty = map[string]string{
	"rtmpedge_tls_certificate_expiry_timestamp_seconds - time()":               "the server has no certificate",
	`sum by (kind) (rate(rtmpedge_protocol_errors_total{instance=~".*"}[5m]))`: "no peer breaks the protocol; which kinds there are is known when they come",
}

// lacks says what an expression has not got: a value that is a number.
func (p *prometheus) lacks(expr string) string {
	p.t.Helper()
	v, err := p.query(expr)
	if err != nil {
		p.t.Fatal(err) // an error never is right
	}
	for _, one := range v {
		if one.Value == one.Value { //nolint:gocritic // NaN is no value
			return ""
		}
	}
	return fmt.Sprintf("%d values, none of them a number", len(v))
}

// rulesAreHealthy checks that Prometheus evaluates our rules without an error, and that none of what is recorded is empty.
func (p *prometheus) rulesAreHealthy() {
	p.t.Helper()
	var found struct {
		Groups []struct {
			Rules []struct {
				Name, Type, Health, LastError string
			} `json:"rules"`
		} `json:"groups"`
	}
	if err := p.ask("/api/v1/rules", nil, &found); err != nil {
		p.t.Fatal(err)
	}
	n := 0
	for _, group := range found.Groups {
		for _, r := range group.Rules {
			n++
			if r.Health != "ok" || r.LastError != "" {
				p.t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
			if r.Type == "recording" {
				p.await(r.Name)
			}
		}
	}
	if want := len(shippedRules(p.t)); n != want {
		p.t.Errorf("%d rules, want %d", n, want)
	}
}
