package metrics

import (
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/rtmp-edge/rtmp-edge/internal/version"
)

func goCollector() prometheus.Collector { return collectors.NewGoCollector() }

// processCollector leaves out process_network_…: the workers share one network namespace, so that each would report the
// same bytes.
func processCollector() prometheus.Collector {
	return without{collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), `"process_network_`}
}

// without hides the metrics of a collector whose quoted name begins with a prefix.
type without struct {
	prometheus.Collector
	prefix string
}

// hides looks into the text of the Desc, which is the only place that tells its name.
func (w without) hides(d *prometheus.Desc) bool {
	return strings.Contains(d.String(), "fqName: "+w.prefix)
}

// Describe implements prometheus.Collector.
func (w without) Describe(out chan<- *prometheus.Desc) {
	in := make(chan *prometheus.Desc)
	go func() { defer close(in); w.Collector.Describe(in) }()
	for d := range in {
		if !w.hides(d) {
			out <- d
		}
	}
}

// Collect implements prometheus.Collector.
func (w without) Collect(out chan<- prometheus.Metric) {
	in := make(chan prometheus.Metric)
	go func() { defer close(in); w.Collector.Collect(in) }()
	for m := range in {
		if !w.hides(m.Desc()) {
			out <- m
		}
	}
}

// buildInfo is 1, with what the binary knows of itself as labels.
func buildInfo() prometheus.Collector {
	release, revision := version.Build()
	if revision == "" {
		revision = "unknown"
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help:        "1, with the version of the running binary as labels.",
		ConstLabels: prometheus.Labels{"version": release, "revision": revision, "go_version": runtime.Version()},
	}, func() float64 { return 1 })
}
