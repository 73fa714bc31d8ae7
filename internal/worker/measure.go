package worker

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// meters are the worker's metrics, with those of the hot path resolved.
type meters struct {
	*metrics.Metrics
	receivedBy, sentBy map[[2]string]prometheus.Counter // by protocol and role
}

// measure makes the metrics.
func (w *Worker) measure() error {
	reg := prometheus.NewRegistry()
	m, err := metrics.New(reg)
	if err != nil {
		return err
	}
	w.metrics, w.gather = &meters{m, map[[2]string]prometheus.Counter{}, map[[2]string]prometheus.Counter{}}, reg
	w.metrics.startProtocol(metrics.ProtocolRTMP)
	w.noteRestarts()
	err = m.ObserveZone(func() metrics.Zone {
		s := w.zone.State()
		z := metrics.Zone{Streams: s.Live, Capacity: s.Capacity}
		for _, slot := range s.Slots {
			if slot.Slot == w.start.Slot {
				z.Reclaimed = slot.Reclaimed
			}
		}
		return z
	})
	return errors.Join(err, w.measureStreams())
}

// startProtocol makes the metrics of a protocol that is served. Before sessions begin.
func (m *meters) startProtocol(protocol string) {
	m.StartProtocol(protocol)
	for _, role := range []string{metrics.RoleNone, metrics.RolePublisher, metrics.RolePlayer, metrics.RoleRelay} {
		by := [2]string{protocol, role}
		m.receivedBy[by] = m.ReceivedBytes.WithLabelValues(protocol, role)
		m.sentBy[by] = m.SentBytes.WithLabelValues(protocol, role)
	}
}

func (m *meters) received(protocol, role string) prometheus.Counter {
	return m.receivedBy[[2]string{protocol, role}]
}

func (m *meters) sent(protocol, role string) prometheus.Counter {
	return m.sentBy[[2]string{protocol, role}]
}

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
		o.m.received(metrics.ProtocolRTMP, metrics.RoleRelay).Add(float64(bytes))
	}
}

// Dropped implements live.Observer.
func (o *observer) Dropped(r live.DropReason, packets int) {
	kind := metrics.FrameMixed
	if r == live.DropNoKeyframe {
		kind = metrics.FrameVideo
	}
	o.m.FramesDropped.WithLabelValues(string(r), kind).Add(float64(packets))
}

// Discontinuity implements live.Observer.
func (o *observer) Discontinuity(d live.Discontinuity) {
	o.m.Discontinuities.WithLabelValues(string(d)).Inc()
}

// Limit implements live.Observer.
func (o *observer) Limit(l live.Limit) { o.m.LimitsHit.WithLabelValues(string(l)).Inc() }

// GOP implements live.Observer.
func (o *observer) GOP(relayed bool, interval time.Duration) {
	if !relayed && interval > 0 { // else its timestamps began anew
		o.m.GOPDuration.Observe(interval.Seconds())
	}
}

// Delay implements live.Observer.
func (o *observer) Delay(d time.Duration) { o.m.FanoutDelay.Observe(d.Seconds()) }
