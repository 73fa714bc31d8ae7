// Package metrics is the set of metrics of one worker. Other packages increment the vectors with the label values that
// are constants here: the sets are closed, and no name, address or text from outside gets into a label.
// docs/metrics.md describes the metrics to users.
package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace = "rtmpedge"

// Metrics of one worker. All fields are set after New; labels are in the order that the comments give.
type Metrics struct {
	Connections         *prometheus.GaugeVec   // protocol, state
	ConnectionsAccepted *prometheus.CounterVec // protocol
	ConnectionsRejected *prometheus.CounterVec // protocol, reason
	ConnectionsClosed   *prometheus.CounterVec // protocol, reason
	HandshakeDuration   prometheus.Histogram   // seconds from the accept to the end of the handshake
	ProtocolErrors      *prometheus.CounterVec // kind: ErrorKind

	ReceivedBytes *prometheus.CounterVec // protocol, role
	SentBytes     *prometheus.CounterVec // protocol, role

	Streams   *prometheus.GaugeVec     // role
	Publishes *prometheus.CounterVec   // result
	Plays     *prometheus.CounterVec   // protocol, result
	PlayJoin  *prometheus.HistogramVec // protocol, source; seconds from `play` to the first media byte

	Relays          *prometheus.GaugeVec   // kind, direction
	RelayReconnects *prometheus.CounterVec // reason
	RelayConnect    prometheus.Histogram   // seconds from the dial to the accepted `play`

	FramesReceived *prometheus.CounterVec // type
	FramesDropped  *prometheus.CounterVec // reason, type

	ZoneClaims *prometheus.CounterVec // result

	reg prometheus.Registerer
}

// New registers the metrics of a worker, and those of its process and of the Go runtime, with reg.
func New(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		Connections:         gauge("connections", "Connections open now.", "protocol", "state"),
		ConnectionsAccepted: counter("connections_accepted_total", "Connections accepted.", "protocol"),
		ConnectionsRejected: counter("connections_rejected_total", "Connections refused before anything was read.", "protocol", "reason"),
		ConnectionsClosed:   counter("connections_closed_total", "Connections ended.", "protocol", "reason"),
		HandshakeDuration:   seconds("handshake_duration_seconds", "Time from the accept to the end of the RTMP handshake.", slow),
		ProtocolErrors:      counter("protocol_errors_total", "Ways in which peers broke the protocol or a limit.", "kind"),

		ReceivedBytes: counter("received_bytes_total", "Bytes received from connections.", "protocol", "role"),
		SentBytes:     counter("sent_bytes_total", "Bytes sent to connections.", "protocol", "role"),

		Streams:   gauge("streams", "Streams this worker has now.", "role"),
		Publishes: counter("publishes_total", "Requests to publish.", "result"),
		Plays:     counter("plays_total", "Requests to play.", "protocol", "result"),
		PlayJoin:  secondsVec("play_join_seconds", "Time from the request to play to the first byte of media.", slow, "protocol", "source"),

		Relays:          gauge("relays", "Relays open now.", "kind", "direction"),
		RelayReconnects: counter("relay_reconnects_total", "Times a relay had to connect again.", "reason"),
		RelayConnect:    seconds("relay_connect_seconds", "Time from the dial of a relay to its accepted request.", fast),

		FramesReceived: counter("frames_received_total", "Media messages received from publishers and through relays.", "type"),
		FramesDropped:  counter("frames_dropped_total", "Media messages that a player, or all of them, did not get.", "reason", "type"),

		ZoneClaims: counter("zone_claims_total", "Attempts to claim a stream name.", "result"),

		reg: reg,
	}
	all := []prometheus.Collector{
		m.Connections, m.ConnectionsAccepted, m.ConnectionsRejected, m.ConnectionsClosed, m.HandshakeDuration, m.ProtocolErrors,
		m.ReceivedBytes, m.SentBytes, m.Streams, m.Publishes, m.Plays, m.PlayJoin, m.Relays, m.RelayReconnects, m.RelayConnect,
		m.FramesReceived, m.FramesDropped, m.ZoneClaims, buildInfo(), processCollector(), goCollector(),
	}
	var errs []error
	for _, c := range all {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.start()
	return m, nil
}

// start makes the series of small closed sets appear with 0, so that the first event of a kind is an increase. What comes
// with a session's protocol appears with the first session.
func (m *Metrics) start() {
	for _, s := range []string{StateHandshake, StateConnected, StatePublishing, StatePlaying, StateWaiting} {
		m.Connections.WithLabelValues(ProtocolRTMP, s)
	}
	m.ConnectionsAccepted.WithLabelValues(ProtocolRTMP)
	for _, role := range []string{RoleNone, RolePublisher, RolePlayer, RoleRelay} {
		m.ReceivedBytes.WithLabelValues(ProtocolRTMP, role)
		m.SentBytes.WithLabelValues(ProtocolRTMP, role)
	}
	for _, result := range []string{PlayOK, PlayNotFound, PlayBadName, PlayDenied, PlayGone, PlayError} {
		m.Plays.WithLabelValues(ProtocolRTMP, result)
	}
	for _, source := range []string{SourceLocal, SourceWorker} {
		m.PlayJoin.WithLabelValues(ProtocolRTMP, source)
	}
	for _, reason := range []string{
		CloseGone, CloseHandshake, CloseTimeout, CloseProtocol, CloseRefused, CloseNotFound, CloseUnpublished, CloseStalled, CloseKicked,
		CloseShutdown, ClosePanic, CloseInternal,
	} {
		m.ConnectionsClosed.WithLabelValues(ProtocolRTMP, reason)
	}
	m.Relays.WithLabelValues(RelayWorker, RelayPull)
	m.Streams.WithLabelValues(StreamOwner)
	m.Streams.WithLabelValues(StreamRelay)
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.Publishes: {PublishOK, PublishTaken, PublishBadName, PublishDenied, PublishZoneFull, PublishError},
		m.RelayReconnects: {
			ReconnectDial, ReconnectTimeout, ReconnectRefused, ReconnectGone, ReconnectEnded, ReconnectStale, ReconnectProtocol,
		},
		m.FramesReceived: {FrameAudio, FrameVideo, FrameData},
		m.ZoneClaims:     {ClaimOK, ClaimTaken, ClaimFull, ClaimBucketFull, ClaimBadName, ClaimClosed, ClaimError},
	} {
		for _, v := range values {
			vec.WithLabelValues(v)
		}
	}
}

// Buckets for what waits for people and networks, and for what happens within one machine.
var (
	slow = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	fast = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
)

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func seconds(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func secondsVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}
