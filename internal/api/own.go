package api

import (
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Metrics about the answer itself, which no worker has.
const (
	metricUp       = "rtmpedge_worker_up"
	metricExpected = "rtmpedge_scrape_workers_expected"
	metricAnswered = "rtmpedge_scrape_workers_answered"
	metricDropped  = "rtmpedge_scrape_families_dropped"
)

var ownHelp = map[string]string{
	metricUp:       "Whether the worker answered this scrape with its metrics.",
	metricExpected: "Workers that should have answered this scrape.",
	metricAnswered: "Workers that answered this scrape.",
	metricDropped:  "Metric families of the worker that are left out of this scrape, because they are invalid or contradict another worker's.",
}

// finish adds the metrics about the answer itself and sorts the families by name.
func (m *metricsMerge) finish(c *Coverage) ([]*family, []dropped) {
	m.gauge(metricExpected, float64(c.Expected))
	m.gauge(metricAnswered, float64(c.Answered))
	up := make(map[int]float64, c.Expected)
	for _, e := range c.Errors {
		up[e.Worker] = 0
	}
	for _, worker := range m.up {
		up[worker] = 1
	}
	workers := make([]int, 0, len(up))
	for worker := range up {
		workers = append(workers, worker)
	}
	slices.Sort(workers)
	for _, worker := range workers {
		value := strconv.Itoa(worker)
		m.gauge(metricUp, up[worker], &label{Name: new(workerLabel), Value: &value})
		if up[worker] == 1 {
			m.gauge(metricDropped, float64(m.missing[worker]), &label{Name: new(workerLabel), Value: &value})
		}
	}
	out := make([]*family, 0, len(m.families))
	for _, f := range m.families {
		if len(f.GetMetric()) > 0 {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *family) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out, m.dropped
}

func (m *metricsMerge) gauge(name string, value float64, labels ...*label) {
	f := m.families[name]
	f.Metric = append(f.Metric, &metric{Label: labels, Gauge: &dto.Gauge{Value: &value}})
}
