package api

import (
	"fmt"
	"slices"
)

// Metrics about the answer itself, which no worker has.
const (
	metricUp       = "rtmpedge_worker_up"
	metricExpected = "rtmpedge_scrape_workers_expected"
	metricAnswered = "rtmpedge_scrape_workers_answered"
	metricDropped  = "rtmpedge_scrape_families_dropped"
	metricWorkers  = "rtmpedge_workers"
)

var ownHelp = map[string]string{
	metricUp:       "Whether the worker answered this scrape with its metrics.",
	metricWorkers:  "Workers by what they do with new connections; those that did not answer this scrape are down.",
	metricExpected: "Workers that should have answered this scrape.",
	metricAnswered: "Workers that answered this scrape.",
	metricDropped:  "Metric families of the worker that are left out of this scrape, because they are invalid or contradict another worker's.",
}

// finish adds the metrics about the answer itself and sorts the families by name.
func (m *metricsMerge) finish(c *Coverage) ([]*family, []dropped) {
	m.gauge(metricExpected, c.Expected, "")
	m.gauge(metricAnswered, c.Answered, "")
	m.gauge(metricWorkers, len(m.up)-m.draining, `{state="ready"}`)
	m.gauge(metricWorkers, m.draining, `{state="draining"}`)
	m.gauge(metricWorkers, c.Expected-len(m.up), `{state="down"}`)
	up := make(map[int]int, c.Expected)
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
		labels := fmt.Sprintf(`{%s="%d"}`, workerLabel, worker)
		m.gauge(metricUp, up[worker], labels)
		if up[worker] == 1 {
			m.gauge(metricDropped, m.missing[worker], labels)
		}
	}
	return m.sorted(), m.dropped
}

// gauge adds a series; the label is "" or as in the text.
func (m *metricsMerge) gauge(name string, value int, labels string) {
	f := m.families[name]
	f.lines = append(f.lines, fmt.Appendf(nil, "%s%s %d\n", name, labels, value))
}
