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

	PlayWaitPublisher prometheus.Histogram // likewise, of those who asked for what nobody published then

	Relays          *prometheus.GaugeVec   // kind, direction
	RelayReconnects *prometheus.CounterVec // reason
	RelayConnect    prometheus.Histogram   // seconds from the dial to the accepted `play`
	RelayLatency    prometheus.Histogram   // seconds: half the round trip of a ping through the relay
	RelayGaps       prometheus.Counter     // times a relay came back and nothing that it had brought before came again

	FramesReceived *prometheus.CounterVec // type
	FramesDropped  *prometheus.CounterVec // reason, type
	FanoutDelay    prometheus.Histogram   // seconds that the oldest message of a write had been there
	GOPDuration    prometheus.Histogram   // seconds between keyframes of publishers, by their timestamps

	Discontinuities *prometheus.CounterVec // kind
	LimitsHit       *prometheus.CounterVec // limit

	ZoneClaims *prometheus.CounterVec // result
	Takeovers  *prometheus.CounterVec // result

	WorkerRestarts    *prometheus.CounterVec // reason: of the ends of this worker's processes
	ReloadSuccessful  prometheus.Gauge       // 1 or 0
	ReloadSuccessTime prometheus.Gauge       // seconds since 1970

	ControlRequests   *prometheus.CounterVec // command, code
	ControlIncomplete *prometheus.CounterVec // command

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

		PlayWaitPublisher: seconds("play_wait_publisher_seconds",
			"Time from the request to play what nobody publishes to the first byte of media.", patient),

		Relays:          gauge("relays", "Relays open now.", "kind", "direction"),
		RelayReconnects: counter("relay_reconnects_total", "Times a relay had to connect again.", "reason"),
		RelayConnect:    seconds("relay_connect_seconds", "Time from the dial of a relay to its accepted request.", fast),
		RelayLatency:    seconds("relay_latency_seconds", "Half the round trip of a ping through a relay to the owner of its stream.", fine),
		RelayGaps:       single("relay_gaps_total", "Times a relay came back and could not go on where it had been."),

		FramesReceived: counter("frames_received_total", "Media messages received from publishers and through relays.", "type"),
		FramesDropped:  counter("frames_dropped_total", "Media messages that a player, or all of them, did not get.", "reason", "type"),
		FanoutDelay: seconds("fanout_delay_seconds",
			"Time that the oldest message of a write to a player had been there, of some of the writes.", fine),
		GOPDuration: seconds("gop_duration_seconds", "Time between two keyframes of a publisher, by their timestamps.", pictures),

		Discontinuities: counter("timestamp_discontinuities_total", "Jumps and steps back in the timestamps of publishers.", "kind"),
		LimitsHit:       counter("limits_hit_total", "Times a limit was reached that costs no connection.", "limit"),

		ZoneClaims: counter("zone_claims_total", "Attempts to claim a stream name.", "result"),
		Takeovers:  counter("takeovers_total", "Attempts to take a stream over from its publisher.", "result"),

		WorkerRestarts:    counter("worker_restarts_total", "Processes of this worker that ended and were replaced.", "reason"),
		ReloadSuccessful:  value("config_last_reload_successful", "Whether the last attempt to load the configuration was successful."),
		ReloadSuccessTime: value("config_last_reload_success_timestamp_seconds", "When the configuration was last loaded successfully."),

		ControlRequests:   counter("control_requests_total", "Requests to the control API that this worker answered.", "command", "code"),
		ControlIncomplete: counter("control_broadcast_incomplete_total", "Of these, answers in which a worker was missing.", "command"),

		AuthRequests:      counter("auth_requests_total", "Requests to publish or play that had to be signed.", "action", "result"),
		CertificateLoads:  counter("tls_certificate_loads_total", "Attempts to load the certificate of RTMPS.", "result"),
		CertificateExpiry: gauge("tls_certificate_expiry_timestamp_seconds", "When the certificate in use expires."),

		reg: reg,
	}
	all := []prometheus.Collector{
		m.Connections, m.ConnectionsAccepted, m.ConnectionsRejected, m.ConnectionsClosed, m.HandshakeDuration, m.ProtocolErrors,
		m.ReceivedBytes, m.SentBytes, m.Streams, m.Publishes, m.Plays, m.PlayJoin, m.Relays, m.RelayReconnects, m.RelayConnect,
		m.FramesReceived, m.FramesDropped, m.Discontinuities, m.LimitsHit, m.ZoneClaims, m.Takeovers, m.AuthRequests,
		m.CertificateLoads, m.CertificateExpiry, m.PlayWaitPublisher, m.RelayLatency, m.RelayGaps, m.FanoutDelay, m.GOPDuration,
		m.WorkerRestarts, m.ReloadSuccessful, m.ReloadSuccessTime, m.ControlRequests, m.ControlIncomplete,
		buildInfo(), processCollector(), goCollector(),
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
