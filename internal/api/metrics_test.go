package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// scrape asks worker 0 and reads the answer as Prometheus does, which fails on a family that comes twice.
func (c *cluster) scrape(t *testing.T) (string, map[string]*dto.MetricFamily) {
	t.Helper()
	r := c.call(t, "GET", "/metrics")
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(r.body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, r.body)
	}
	return string(r.body), families
}

// has fails unless every line stands in the text, in this order.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	rest := text
	for _, line := range lines {
		_, after, found := strings.Cut("\n"+rest, "\n"+line+"\n")
		if !found {
			t.Fatalf("no line %q, or not in order, in\n%s", line, text)
		}
		rest = after
	}
}

func register(t *testing.T, reg *prometheus.Registry, cs ...prometheus.Collector) {
	t.Helper()
	for _, c := range cs {
		if err := reg.Register(c); err != nil {
			t.Fatal(err)
		}
	}
}

func fixed(name, help string, value float64, labels prometheus.Labels) prometheus.Collector {
	return prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return value },
	)
}

func TestMetricsOfAllWorkers(t *testing.T) {
	c := newCluster(t, 3)
	for i, reg := range c.regs {
		register(
			t, reg, fixed("m", "Help.", float64(i), prometheus.Labels{"zone": "z", "app": "a"}),
			fixed("m", "Help.", float64(i)/2, prometheus.Labels{"zone": "y", "app": "a"}),
		)
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h_seconds", Help: "H.", Buckets: []float64{1}})
		h.Observe(float64(i))
		register(t, reg, h)
	}
	register(t, c.regs[2], fixed("only_here", "Help.", 7, nil))
	c.locals[1].info.State = WorkerDraining
	text, _ := c.scrape(t)
	has(
		t, text,
		"# HELP h_seconds H.", "# TYPE h_seconds histogram", `h_seconds_bucket{worker="0",le="1"} 1`, `h_seconds_bucket{worker="2",le="1"} 0`,
		"# HELP m Help.", "# TYPE m gauge",
		`m{app="a",worker="0",zone="y"} 0`, `m{app="a",worker="0",zone="z"} 0`,
		`m{app="a",worker="1",zone="y"} 0.5`, `m{app="a",worker="1",zone="z"} 1`,
		`m{app="a",worker="2",zone="y"} 1`, `m{app="a",worker="2",zone="z"} 2`,
		`only_here{worker="2"} 7`,
		`rtmpedge_scrape_families_dropped{worker="0"} 0`,
		"rtmpedge_scrape_workers_answered 3", "rtmpedge_scrape_workers_expected 3",
		`rtmpedge_worker_up{worker="0"} 1`, `rtmpedge_worker_up{worker="1"} 1`, `rtmpedge_worker_up{worker="2"} 1`,
		`rtmpedge_workers{state="ready"} 2`, `rtmpedge_workers{state="draining"} 1`, `rtmpedge_workers{state="down"} 0`,
	)
	if n := strings.Count(text, "# TYPE m "); n != 1 {
		t.Errorf("%d TYPE lines", n)
	}
}

func TestMetricsOfSilentWorkers(t *testing.T) {
	const text = "text/plain; version=0.0.4"
	c := newCluster(t, 12)
	for _, reg := range c.regs {
		register(t, reg, fixed("m", "Help.", 1, nil))
	}
	c.replace(1, stopped(t))
	c.stops[2]()
	c.replace(4, says(t, 500, text, "m 1\n"))
	c.replace(5, says(t, 200, text, "what?\n"))
	c.replace(6, says(t, 200, "text/html", "m 1\n"))
	c.replace(7, says(t, 200, string(expfmt.FmtProtoDelim), "\xff\xff\xff\xff\xff\xff\xff\xff\x7f")) // claims 2^63-1 bytes
	c.replace(8, says(t, 200, string(expfmt.FmtProtoDelim), "\x05hello"))
	c.replace(9, says(t, 200, text, "m{a=\"1\",a=\"2\"} 1\n"))
	c.replace(10, says(t, 200, text, "m 1\n")) // no type: untyped
	c.replace(11, says(t, 200, text, "m{a=\"\xff\"} 1\n"))
	c.forget(3)
	out, families := c.scrape(t)
	has(t, out, `m{worker="0"} 1`)
	if n := len(families["m"].GetMetric()); n != 1 {
		t.Errorf("%d series of m in\n%s", n, out)
	}
	has(t, out, "rtmpedge_scrape_workers_answered 2", "rtmpedge_scrape_workers_expected 12")
	for worker := range 12 {
		up := 0
		if worker == 0 || worker == 10 {
			up = 1
		}
		has(t, out, fmt.Sprintf(`rtmpedge_worker_up{worker="%d"} %d`, worker, up))
	}
	has(t, out, `rtmpedge_scrape_families_dropped{worker="10"} 1`)
	has(t, out, `rtmpedge_workers{state="ready"} 2`, `rtmpedge_workers{state="draining"} 0`, `rtmpedge_workers{state="down"} 10`)
}

// One worker's bad family costs that family of that worker, nothing else, and is counted.
func TestMetricsConflicts(t *testing.T) {
	c := newCluster(t, 3)
	register(t, c.regs[0], fixed("a", "", 1, nil), fixed("b", "B.", 1, nil))
	register(
		t, c.regs[1],
		fixed("a", "Help comes late.", 1, nil),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "b", Help: "B as a counter."}, func() float64 { return 1 }),
		fixed("c", "C.", 1, prometheus.Labels{"worker": "9"}),
		fixed("rtmpedge_worker_up", "Not mine to say.", 1, nil),
	)
	register(t, c.regs[2], fixed("a", "Other help.", 1, nil), fixed("b", "B.", 2, nil))
	out, _ := c.scrape(t)
	has(
		t, out, "# HELP a Help comes late.", `a{worker="0"} 1`, `a{worker="1"} 1`, `a{worker="2"} 1`,
		"# HELP b B.", "# TYPE b gauge", `b{worker="0"} 1`, `b{worker="2"} 2`,
		`rtmpedge_scrape_families_dropped{worker="0"} 0`,
		`rtmpedge_scrape_families_dropped{worker="1"} 3`,
		`rtmpedge_scrape_families_dropped{worker="2"} 0`,
		`rtmpedge_worker_up{worker="1"} 1`,
	)
	for _, bad := range []string{`b{worker="1"}`, "# TYPE c ", `worker="9"`, "Not mine"} {
		if strings.Contains(out, bad) {
			t.Errorf("%q in\n%s", bad, out)
		}
	}
}

// What a sibling sends is checked, though no registry lets such things through: one bad family must not cost the scrape.
func TestMetricsValidated(t *testing.T) {
	c := newCluster(t, 2)
	bad := []string{
		"# TYPE bad-name gauge\nbad-name 1", `bad_label{a-b="x"} 1`, `bad_twice{a="x",a="y"} 1`, `bad_order{b="x",a="y"} 1`, `bad_worker{worker="7"} 1`,
		"bad_no_value", "bad_text x", "bad_time 1 1700000000", `bad_open{a="x`, `bad_open_2{a="x\"} 1`, `bad_brace{a="x" 1`, `bad_colon{a:b="x"} 1`,
		"# TYPE bad_type what\nbad_type 1", `{a="x"} 1`, "# TYPE good gauge\ngood 2",
	}
	good := []string{
		"# TYPE good gauge", `good{a="\"quoted\"\nline\\",zone=""} 1`, "", "# a comment", "# TYPE again gauge", `again{a="1"} 1`, `again{a="1"} 2`, `again{a="2"} +Inf`,
		"# HELP h_seconds With \\\\ and {a=\"b\"}.", "# TYPE h_seconds histogram", `h_seconds_bucket{zone="z",le="0.1"} 1`, `h_seconds_bucket{zone="z",le="+Inf"} 2`,
		`h_seconds_sum{zone="z"} 1e-09`, `h_seconds_count{zone="z"} 2`, `# HELP s A \ that is none.`, "# TYPE s summary", `s{quantile="0.5"} NaN`, "s_sum 0", "s_count 0", "# TYPE no_series gauge",
	}
	c.replace(1, says(t, 200, string(expfmt.FmtText), strings.Join(append(good, bad...), "\n")))
	out, families := c.scrape(t)
	has(
		t, out, `again{a="1",worker="1"} 1`, `again{a="2",worker="1"} +Inf`, `good{a="\"quoted\"\nline\\",worker="1",zone=""} 1`,
		"# HELP h_seconds With \\\\ and {a=\"b\"}.", "# TYPE h_seconds histogram", `h_seconds_bucket{worker="1",zone="z",le="0.1"} 1`, `h_seconds_bucket{worker="1",zone="z",le="+Inf"} 2`,
		`h_seconds_sum{worker="1",zone="z"} 1e-09`, `h_seconds_count{worker="1",zone="z"} 2`,
		fmt.Sprintf(`rtmpedge_scrape_families_dropped{worker="1"} %d`, len(bad)), `s{worker="1",quantile="0.5"} NaN`, `s_sum{worker="1"} 0`,
	)
	if n := len(families["again"].GetMetric()); n != 2 {
		t.Errorf("%d series, one is there twice", n)
	}
	for _, name := range []string{"bad", "no_series", "good 2"} {
		if strings.Contains(out, name) {
			t.Errorf("%q in\n%s", name, out)
		}
	}
}

type failing struct{ prometheus.Gatherer }

func (f failing) Gather() ([]*dto.MetricFamily, error) {
	mfs, _ := f.Gatherer.Gather()
	return mfs, errors.New("one collector is broken")
}

// A worker that could gather only some of its metrics says so.
func TestMetricsGatheredInPart(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.Gatherer = failing{o.Gatherer} })
	out, _ := c.scrape(t)
	has(t, out, "rtmpedge_scrape_workers_answered 0", `rtmpedge_worker_up{worker="0"} 0`)
	register(t, c.regs[0], fixed("a", "A.", 1, nil))
	out, _ = c.scrape(t)
	has(t, out, `a{worker="0"} 1`, `rtmpedge_scrape_families_dropped{worker="0"} 1`, `rtmpedge_worker_up{worker="0"} 1`)
}

func TestMetricsAsProtobuf(t *testing.T) {
	c := newCluster(t, 2)
	register(t, c.regs[1], fixed("m", "Help\n\\.", 1, prometheus.Labels{"a": "\"\n\\"}))
	r := c.call(t, "GET", "/metrics", "Accept", string(expfmt.FmtProtoDelim))
	if f := expfmt.ResponseFormat(r.header); f != expfmt.FmtProtoDelim {
		t.Fatalf("content type %v", r.header)
	}
	var names []string
	for dec := expfmt.NewDecoder(bytes.NewReader(r.body), expfmt.FmtProtoDelim); ; {
		var f dto.MetricFamily
		err := dec.Decode(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.GetName())
		labels := f.GetMetric()[0].GetLabel()
		if f.GetName() == "m" && (f.GetHelp() != "Help\n\\." || len(labels) != 2 || labels[0].GetValue() != "\"\n\\" || labels[1].GetValue() != "1") {
			t.Errorf("%v", &f)
		}
	}
	if len(names) != 6 || names[0] != "m" {
		t.Errorf("families %v", names)
	}
}

// The whole of a worker's real metrics, merged from several, has no family twice and satisfies the linter.
func TestMetricsLint(t *testing.T) {
	c := newCluster(t, 3)
	for _, reg := range c.regs {
		m, err := metrics.New(reg)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.ObserveZone(func() metrics.Zone { return metrics.Zone{Streams: 3, Capacity: 10} }); err != nil {
			t.Fatal(err)
		}
	}
	out, families := c.scrape(t)
	if len(families["rtmpedge_build_info"].GetMetric()) != 3 || len(families["go_goroutines"].GetMetric()) != 3 {
		t.Errorf("not all there:\n%s", out)
	}
	problems, err := promlint.New(strings.NewReader(out)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A worker that hangs does not keep the answer from a scraper that waits for less than we would.
func TestMetricsInTimeForTheScraper(t *testing.T) {
	c := newCluster(t, 2)
	c.replace(1, stopped(t))
	begun := time.Now()
	r := c.call(t, "GET", "/metrics", scrapeTimeout, "0.1")
	if took := time.Since(begun); took > testTimeout*3/4 {
		t.Errorf("it took %v", took)
	}
	has(t, string(r.body), "rtmpedge_scrape_workers_answered 1", "rtmpedge_scrape_workers_expected 2")
	for _, timeout := range []string{"0", "-1", "NaN", "1e300", "x", ""} {
		if r := c.call(t, "GET", "/metrics", scrapeTimeout, timeout); r.status != 200 {
			t.Errorf("%q: %d", timeout, r.status)
		}
	}
}

// docs/metrics.md names every command under which requests are counted.
func TestCommandsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, row, _ := strings.Cut(string(page), "\n| `command` |")
	row, _, _ = strings.Cut(row, "\n")
	var documented []string
	for _, match := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row, -1) {
		documented = append(documented, match[1])
	}
	if d := cmp.Diff(Commands, documented); d != "" {
		t.Error(d)
	}
}

// TestScrapesTakeTurns: however many scrape at once, a few connections to siblings are for others. Who gets no turn is told; whose turn comes is answered.
func TestScrapesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := &countingObserver{}
		a := &API{scrapes: make(chan struct{}, maxScrapes), log: slog.New(slog.DiscardHandler), opts: Options{Observer: counts}}
		var turns []func()
		for range maxScrapes {
			giveBack, came := a.turn(t.Context())
			if !came {
				t.Fatal("no turn, with nobody before")
			}
			turns = append(turns, giveBack)
		}
		begun := time.Now()
		w := httptest.NewRecorder()
		a.metrics(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || time.Since(begun) != scrapeWait {
			t.Errorf("%d after %v: %s", w.Code, time.Since(begun), w.Body)
		}
		if diff := cmp.Diff([]string{"refused 503"}, counts.taken()); diff != "" {
			t.Error(diff)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, came := a.turn(gone); came {
			t.Error("a turn for who has gone")
		}
		time.AfterFunc(scrapeWait/2, turns[0])
		giveBack, came := a.turn(t.Context())
		if !came {
			t.Fatal("no turn, though one was given back")
		}
		giveBack()
		for _, giveBack := range turns[1:] {
			giveBack()
		}
	})
}
