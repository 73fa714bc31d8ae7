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

	Discontinuities *prometheus.CounterVec // kind
	LimitsHit       *prometheus.CounterVec // limit

	ZoneClaims *prometheus.CounterVec // result
	Takeovers  *prometheus.CounterVec // result

	AuthRequests      *prometheus.CounterVec // action, result
	CertificateLoads  *prometheus.CounterVec // result
	CertificateExpiry *prometheus.GaugeVec   // no labels: absent until WithLabelValues(). Seconds since 1970

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

		Discontinuities: counter("timestamp_discontinuities_total", "Jumps and steps back in the timestamps of publishers.", "kind"),
		LimitsHit:       counter("limits_hit_total", "Times a limit was reached that costs no connection.", "limit"),

		ZoneClaims: counter("zone_claims_total", "Attempts to claim a stream name.", "result"),
		Takeovers:  counter("takeovers_total", "Attempts to take a stream over from its publisher.", "result"),

		AuthRequests:      counter("auth_requests_total", "Requests to publish or play that had to be signed.", "action", "result"),
		CertificateLoads:  counter("tls_certificate_loads_total", "Attempts to load the certificate of RTMPS.", "result"),
		CertificateExpiry: gauge("tls_certificate_expiry_timestamp_seconds", "When the certificate in use expires."),

		reg: reg,
	}
	all := []prometheus.Collector{
		m.Connections, m.ConnectionsAccepted, m.ConnectionsRejected, m.ConnectionsClosed, m.HandshakeDuration, m.ProtocolErrors,
		m.ReceivedBytes, m.SentBytes, m.Streams, m.Publishes, m.Plays, m.PlayJoin, m.Relays, m.RelayReconnects, m.RelayConnect,
		m.FramesReceived, m.FramesDropped, m.Discontinuities, m.LimitsHit, m.ZoneClaims, m.Takeovers, m.AuthRequests,
		m.CertificateLoads, m.CertificateExpiry, buildInfo(), processCollector(), goCollector(),
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

// start makes the series of small closed sets appear with 0, so that the first event of a kind is an increase.
func (m *Metrics) start() {
	m.StartProtocol(ProtocolRTMP)
	m.Relays.WithLabelValues(RelayWorker, RelayPull)
	m.Streams.WithLabelValues(StreamOwner)
	m.Streams.WithLabelValues(StreamRelay)
	for _, action := range []string{AuthPublish, AuthPlay} {
		for _, result := range []string{AuthOK, AuthMissing, AuthExpired, AuthInvalid} {
			m.AuthRequests.WithLabelValues(action, result)
		}
	}
	m.FramesDropped.WithLabelValues(DropLag, FrameMixed)
	m.FramesDropped.WithLabelValues(DropNoKeyframe, FrameVideo)
	m.FramesDropped.WithLabelValues(DropNotActive, FrameMixed)
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.Publishes: {PublishOK, PublishTaken, PublishBadName, PublishDenied, PublishBackoff, PublishZoneFull, PublishError},
		m.RelayReconnects: {
			ReconnectDial, ReconnectTimeout, ReconnectRefused, ReconnectGone, ReconnectEnded, ReconnectStale, ReconnectProtocol,
		},
		m.FramesReceived:   {FrameAudio, FrameVideo, FrameData},
		m.Discontinuities:  {DiscontinuityForward, DiscontinuityBackward, DiscontinuitySmall},
		m.LimitsHit:        {LimitGOP, LimitHeaderSize, LimitTracks, LimitControl, LimitAcceptRate, LimitClamped, LimitStreams},
		m.ZoneClaims:       {ClaimOK, ClaimTaken, ClaimFull, ClaimBucketFull, ClaimBadName, ClaimClosed, ClaimError},
		m.Takeovers:        {TakeoverOK, TakeoverTimeout, TakeoverFailed},
		m.CertificateLoads: {LoadOK, LoadError},
	} {
		for _, v := range values {
			vec.WithLabelValues(v)
		}
	}
}

// StartProtocol makes the series of a protocol of publishers and players appear with 0. New has done it for RTMP; the
// others are not served everywhere.
func (m *Metrics) StartProtocol(protocol string) {
	for _, s := range []string{StateHandshake, StateConnected, StatePublishing, StatePlaying, StateWaiting} {
		m.Connections.WithLabelValues(protocol, s)
	}
	m.ConnectionsAccepted.WithLabelValues(protocol)
	for _, role := range []string{RoleNone, RolePublisher, RolePlayer, RoleRelay} {
		m.ReceivedBytes.WithLabelValues(protocol, role)
		m.SentBytes.WithLabelValues(protocol, role)
	}
	for _, result := range []string{PlayOK, PlayNotFound, PlayBadName, PlayDenied, PlayGone, PlayError} {
		m.Plays.WithLabelValues(protocol, result)
	}
	for _, source := range []string{SourceLocal, SourceWorker} {
		m.PlayJoin.WithLabelValues(protocol, source)
	}
	for _, reason := range []string{
		RejectAddressLimit, RejectGlobalLimit, RejectDescriptors, RejectShutdown,
	} {
		m.ConnectionsRejected.WithLabelValues(protocol, reason)
	}
	for _, reason := range []string{
		CloseGone, CloseLost, CloseHandshake, CloseTimeout, CloseProtocol, CloseRefused, CloseNotFound, CloseUnpublished, CloseStalled, CloseIdle,
		CloseTakenOver, CloseKicked, CloseShutdown, ClosePanic, CloseInternal,
	} {
		m.ConnectionsClosed.WithLabelValues(protocol, reason)
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
