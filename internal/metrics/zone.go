package metrics

import "github.com/prometheus/client_golang/prometheus"

// A Zone is what the metrics tell of the zone that all workers share.
type Zone struct {
	Streams, Capacity int
	Reclaimed         uint64 // streams that the master took back when processes of this worker had died
}

// ObserveZone registers the metrics of the zone, read by state at every scrape. Every worker sees the same zone: the number of streams in the server,
// and the capacity, are the maximum of the workers' values, not their sum.
func (m *Metrics) ObserveZone(state func() Zone) error {
	return m.reg.Register(&zoneCollector{
		state:     state,
		streams:   desc("zone_streams", "Streams claimed in the zone that all workers share."),
		capacity:  desc("zone_capacity", "Streams that the zone has room for."),
		reclaimed: desc("zone_reclaimed_total", "Streams taken back when processes of this worker had died."),
	})
}

type zoneCollector struct {
	state                        func() Zone
	streams, capacity, reclaimed *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (z *zoneCollector) Describe(out chan<- *prometheus.Desc) {
	out <- z.streams
	out <- z.capacity
	out <- z.reclaimed
}

// Collect implements prometheus.Collector.
func (z *zoneCollector) Collect(out chan<- prometheus.Metric) {
	s := z.state()
	out <- prometheus.MustNewConstMetric(z.streams, prometheus.GaugeValue, float64(s.Streams))
	out <- prometheus.MustNewConstMetric(z.capacity, prometheus.GaugeValue, float64(s.Capacity))
	out <- prometheus.MustNewConstMetric(z.reclaimed, prometheus.CounterValue, float64(s.Reclaimed))
}
