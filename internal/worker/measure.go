package worker

import (
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/internal/live"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// meters are the worker's metrics, with those of the hot path resolved.
type meters struct {
	*metrics.Metrics
	receivedBy, sentBy counters
}

// counters are counters by protocol and role.
type counters struct {
	by atomic.Pointer[map[[2]string]prometheus.Counter] // is replaced, not changed
}

func (c *counters) all() map[[2]string]prometheus.Counter {
	if m := c.by.Load(); m != nil {
		return *m
	}
	return nil
}

// add has one goroutine at a time.
func (c *counters) add(more map[[2]string]prometheus.Counter) {
	all := maps.Clone(more)
	maps.Copy(all, c.all())
	c.by.Store(&all)
}

// measure makes the metrics.
func (w *Worker) measure() error {
	reg := prometheus.NewRegistry()
	m, err := metrics.New(reg)
	if err != nil {
		return err
	}
	w.metrics, w.gather = &meters{Metrics: m}, reg
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

// startProtocol makes the metrics of a protocol that is served, before its sessions begin.
func (m *meters) startProtocol(protocol string) {
	m.StartProtocol(protocol)
	received, sent := map[[2]string]prometheus.Counter{}, map[[2]string]prometheus.Counter{}
	for _, role := range []string{metrics.RoleNone, metrics.RolePublisher, metrics.RolePlayer, metrics.RoleRelay} {
		by := [2]string{protocol, role}
		received[by] = m.ReceivedBytes.WithLabelValues(protocol, role)
		sent[by] = m.SentBytes.WithLabelValues(protocol, role)
	}
	m.receivedBy.add(received)
	m.sentBy.add(sent)
}

func (m *meters) received(protocol, role string) prometheus.Counter {
	return m.receivedBy.all()[[2]string{protocol, role}]
}

func (m *meters) sent(protocol, role string) prometheus.Counter {
	return m.sentBy.all()[[2]string{protocol, role}]
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
