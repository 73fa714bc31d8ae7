package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
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
	)
	if n := strings.Count(text, "# TYPE m "); n != 1 {
		t.Errorf("%d TYPE lines", n)
	}
}

func TestMetricsOfSilentWorkers(t *testing.T) {
	const text = "text/plain; version=0.0.4"
	c := newCluster(t, 11)
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
	c.forget(3)
	out, families := c.scrape(t)
	has(t, out, `m{worker="0"} 1`)
	if n := len(families["m"].GetMetric()); n != 1 {
		t.Errorf("%d series of m in\n%s", n, out)
	}
	has(t, out, "rtmpedge_scrape_workers_answered 2", "rtmpedge_scrape_workers_expected 11")
	for worker := range 11 {
		up := 0
		if worker == 0 || worker == 10 {
			up = 1
		}
		has(t, out, fmt.Sprintf(`rtmpedge_worker_up{worker="%d"} %d`, worker, up))
	}
	has(t, out, `rtmpedge_scrape_families_dropped{worker="10"} 1`)
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

// What a sibling sends is checked name by name, also where a registry would not have let it through.
func TestMetricsValidated(t *testing.T) {
	gauge := func(name string, series ...*metric) *family {
		return &family{Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: series}
	}
	series := func(value float64, labels ...string) *metric {
		m := &metric{Gauge: &dto.Gauge{Value: &value}}
		for i := 0; i < len(labels); i += 2 {
			m.Label = append(m.Label, &label{Name: &labels[i], Value: &labels[i+1]})
		}
		return m
	}
	var body bytes.Buffer
	enc := expfmt.NewEncoder(&body, expfmt.FmtProtoDelim.WithEscapingScheme(model.NoEscaping)) // as they are
	for _, f := range []*family{
		gauge("bad name", series(1)),
		gauge("bad_label", series(1, "a-b", "x")),
		gauge("twice", series(1, "a", "x", "a", "y")),
		{Name: new("no_value"), Type: dto.MetricType_COUNTER.Enum(), Metric: []*metric{series(1)}},
		gauge("unsorted", series(2, "b", "2", "a", "1"), series(1, "a", "0"), series(3, "a", "1", "b", "2")),
		gauge("good", series(1, "a", "\"quoted\"\nline\\")),
	} {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	c := newCluster(t, 2)
	c.replace(1, says(t, 200, string(expfmt.FmtProtoDelim), body.String()))
	out, families := c.scrape(t)
	has(
		t, out, `good{a="\"quoted\"\nline\\",worker="1"} 1`, `rtmpedge_scrape_families_dropped{worker="1"} 4`,
		`unsorted{a="0",worker="1"} 1`, `unsorted{a="1",b="2",worker="1"} 2`,
	)
	if n := len(families["unsorted"].GetMetric()); n != 2 {
		t.Errorf("%d series, one is there twice", n)
	}
	for _, name := range []string{"bad", "twice", "no_value"} {
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
	r := c.call(t, "GET", "/metrics", "Accept", string(expfmt.FmtProtoDelim))
	if f := expfmt.ResponseFormat(r.header); f != expfmt.FmtProtoDelim {
		t.Fatalf("content type %v", r.header)
	}
	frames, err := splitDelimited(r.body)
	if err != nil || len(frames) != 4 {
		t.Errorf("%d families, %v", len(frames), err)
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
		if err := m.ObserveZone(func() (streams, capacity int) { return 3, 10 }); err != nil {
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

// BenchmarkScrape is a scrape of 16 workers with 500 streams of 6 series each.
func BenchmarkScrape(b *testing.B) {
	reg := prometheus.NewRegistry()
	for n := range 6 {
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: fmt.Sprintf("stream_%d", n), Help: "Help."}, []string{"app", "stream"})
		reg.MustRegister(vec)
		for s := range 500 / 16 {
			vec.WithLabelValues("live", fmt.Sprintf("stream-%d", s)).Set(float64(s))
		}
	}
	families, err := reg.Gather()
	if err != nil {
		b.Fatal(err)
	}
	var body bytes.Buffer
	enc := expfmt.NewEncoder(&body, expfmt.FmtProtoDelim)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			b.Fatal(err)
		}
	}
	header := http.Header{"Content-Type": {string(expfmt.FmtProtoDelim)}}
	for b.Loop() {
		m := newMetricsMerge()
		for w := range 16 {
			if err := m.addWorker(broadcast.Answer{Worker: w, Header: header, Body: body.Bytes()}); err != nil {
				b.Fatal(err)
			}
		}
		out, _ := m.finish(&Coverage{Expected: 16, Answered: 16})
		var text bytes.Buffer
		enc := expfmt.NewEncoder(&text, expfmt.FmtText)
		for _, f := range out {
			if err := enc.Encode(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}
