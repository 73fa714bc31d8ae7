package metrics

import "github.com/prometheus/client_golang/prometheus"

// ObserveZone registers zone_streams and zone_capacity, read by state at every scrape. Every worker sees the same zone: the
// value of the server is their maximum, not their sum.
func (m *Metrics) ObserveZone(state func() (streams, capacity int)) error {
	return m.reg.Register(&zoneCollector{
		state:    state,
		streams:  prometheus.NewDesc(namespace+"_zone_streams", "Streams claimed in the zone that all workers share.", nil, nil),
		capacity: prometheus.NewDesc(namespace+"_zone_capacity", "Streams that the zone has room for.", nil, nil),
	})
}

type zoneCollector struct {
	state             func() (streams, capacity int)
	streams, capacity *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (z *zoneCollector) Describe(out chan<- *prometheus.Desc) {
	out <- z.streams
	out <- z.capacity
}

// Collect implements prometheus.Collector.
func (z *zoneCollector) Collect(out chan<- prometheus.Metric) {
	streams, capacity := z.state()
	out <- prometheus.MustNewConstMetric(z.streams, prometheus.GaugeValue, float64(streams))
	out <- prometheus.MustNewConstMetric(z.capacity, prometheus.GaugeValue, float64(capacity))
}
