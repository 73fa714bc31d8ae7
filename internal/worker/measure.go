package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// meters are the worker's metrics, with those of the hot path resolved.
type meters struct {
	*metrics.Metrics
	receivedBy, sentBy map[string]prometheus.Counter // by role
}

// measure makes the metrics.
func (w *Worker) measure() error {
	reg := prometheus.NewRegistry()
	m, err := metrics.New(reg)
	if err != nil {
		return err
	}
	w.metrics, w.gather = &meters{m, map[string]prometheus.Counter{}, map[string]prometheus.Counter{}}, reg
	for _, role := range []string{metrics.RoleNone, metrics.RolePublisher, metrics.RolePlayer, metrics.RoleRelay} {
		w.metrics.receivedBy[role] = m.ReceivedBytes.WithLabelValues(metrics.ProtocolRTMP, role)
		w.metrics.sentBy[role] = m.SentBytes.WithLabelValues(metrics.ProtocolRTMP, role)
	}
	return m.ObserveZone(func() (streams, capacity int) {
		s := w.zone.State()
		return s.Live, s.Capacity
	})
}

func (m *meters) received(role string) prometheus.Counter { return m.receivedBy[role] }
func (m *meters) sent(role string) prometheus.Counter     { return m.sentBy[role] }

// observer counts what the streams tell.
type observer struct {
	m      *meters
	frames map[live.Kind]prometheus.Counter
}

func newObserver(m *meters) *observer {
	o := &observer{m, map[live.Kind]prometheus.Counter{}}
	for k, label := range map[live.Kind]string{live.Audio: metrics.FrameAudio, live.Video: metrics.FrameVideo, live.Data: metrics.FrameData} {
		o.frames[k] = m.FramesReceived.WithLabelValues(label)
	}
	return o
}

// Received implements live.Observer.
func (o *observer) Received(k live.Kind, relayed bool, bytes int) {
	o.frames[k].Inc()
	if relayed { // a publisher's bytes are counted by its session
		o.m.received(metrics.RoleRelay).Add(float64(bytes))
	}
}

// Sent implements live.Observer.
func (o *observer) Sent(relayed bool, bytes int) {
	role := metrics.RolePlayer
	if relayed {
		role = metrics.RoleRelay
	}
	o.m.sent(role).Add(float64(bytes))
}

// Dropped implements live.Observer.
func (o *observer) Dropped(r live.DropReason, packets int) {
	kind := metrics.FrameMixed
	if r == live.DropNoKeyframe {
		kind = metrics.FrameVideo
	}
	o.m.FramesDropped.WithLabelValues(string(r), kind).Add(float64(packets))
}
