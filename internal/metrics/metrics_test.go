package metrics

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newMetrics(t *testing.T) (*Metrics, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := New(reg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.ObserveZone(func() Zone { return Zone{Streams: 3, Capacity: 10} }); err != nil {
		t.Fatal(err)
	}
	if _, err := m.ObserveStreams(10, func() []Stream {
		return []Stream{{App: "live", Name: "cam", Instance: 1, Fed: true, Players: map[string]int{ProtocolRTMP: 1}, Owner: &Owner{
			Video: "h264", Audio: "aac", KeyframeInterval: time.Second, Start: time.Unix(1, 0), LastFrame: time.Unix(2, 0),
		}}}
	}); err != nil {
		t.Fatal(err)
	}
	return m, reg
}

// touch makes every vector have a series.
func touch(m *Metrics) {
	m.ProtocolErrors.WithLabelValues(kindOther)
	m.FramesDropped.WithLabelValues(DropLag, FrameVideo)
	m.CertificateExpiry.WithLabelValues()
	m.Control().Control("workers", 200)
}

func gather(t *testing.T, reg *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]*dto.MetricFamily)
	for _, f := range all {
		out[f.GetName()] = f
	}
	return out
}

// ownLabels maps the name of each metric of ours, without prefix, to the names of its labels: of that with the most.
func ownLabels(t *testing.T, reg *prometheus.Registry) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for name, f := range gather(t, reg) {
		if short, ours := strings.CutPrefix(name, "rtmpedge_"); ours {
			var labels []string
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			out[short] = strings.Join(labels, ",")
		}
	}
	return out
}

// The names and labels that dashboards and alerts are written against.
func TestNamesAndLabels(t *testing.T) {
	m, reg := newMetrics(t)
	touch(m)
	want := map[string]string{
		"build_info":                 "go_version,revision,version",
		"connections":                "protocol,state",
		"connections_accepted_total": "protocol",
		"connections_rejected_total": "protocol,reason",
		"connections_closed_total":   "protocol,reason",
		"handshake_duration_seconds": "",
		"protocol_errors_total":      "kind",
		"received_bytes_total":       "protocol,role",
		"sent_bytes_total":           "protocol,role",
		"streams":                    "role",
		"publishes_total":            "result",
		"plays_total":                "protocol,result",
		"play_join_seconds":          "protocol,source",
		"relays":                     "direction,kind",
		"relay_reconnects_total":     "reason",
		"relay_connect_seconds":      "",
		"frames_received_total":      "type",
		"frames_dropped_total":       "reason,type",
		"zone_streams":               "",
		"zone_capacity":              "",
		"zone_reclaimed_total":       "",
		"zone_claims_total":          "result",

		"play_wait_publisher_seconds":                  "",
		"relay_latency_seconds":                        "",
		"relay_gaps_total":                             "",
		"fanout_delay_seconds":                         "",
		"gop_duration_seconds":                         "",
		"gop_cache_bytes":                              "",
		"send_backlog_bytes":                           "",
		"worker_restarts_total":                        "reason",
		"config_last_reload_successful":                "",
		"config_last_reload_success_timestamp_seconds": "",
		"control_requests_total":                       "code,command",
		"control_broadcast_incomplete_total":           "command",

		"stream_info":                            "app,audio_codec,stream,video_codec",
		"stream_received_bytes_total":            "app,stream",
		"stream_sent_bytes_total":                "app,stream",
		"stream_players":                         "app,protocol,stream",
		"stream_keyframe_interval_seconds":       "app,stream",
		"stream_start_time_seconds":              "app,stream",
		"stream_last_frame_timestamp_seconds":    "app,stream",
		"stream_timestamp_discontinuities_total": "app,stream",

		"timestamp_discontinuities_total":          "kind",
		"limits_hit_total":                         "limit",
		"takeovers_total":                          "result",
		"auth_requests_total":                      "action,result",
		"tls_certificate_loads_total":              "result",
		"tls_certificate_expiry_timestamp_seconds": "",
	}
	if diff := cmp.Diff(want, ownLabels(t, reg)); diff != "" {
		t.Error(diff)
	}
}

func TestLint(t *testing.T) {
	m, reg := newMetrics(t)
	touch(m)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestProcessAndRuntime(t *testing.T) {
	_, reg := newMetrics(t)
	all := gather(t, reg)
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"} {
		if all[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "process_network") {
			t.Errorf("%s is there", name)
		}
	}
}

func TestZoneIsReadAtTheScrape(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, err := New(reg)
	if err != nil {
		t.Fatal(err)
	}
	live := 1
	if err := m.ObserveZone(func() Zone { return Zone{live, 10, uint64(live)} }); err != nil {
		t.Fatal(err)
	}
	for live = range 3 {
		f := gather(t, reg)
		if got := f["rtmpedge_zone_streams"].GetMetric()[0].GetGauge().GetValue(); got != float64(live) {
			t.Errorf("zone_streams %v, want %d", got, live)
		}
		if got := f["rtmpedge_zone_reclaimed_total"].GetMetric()[0].GetCounter().GetValue(); got != float64(live) {
			t.Errorf("zone_reclaimed_total %v, want %d", got, live)
		}
		if got := f["rtmpedge_zone_capacity"].GetMetric()[0].GetGauge().GetValue(); got != 10 {
			t.Errorf("zone_capacity %v", got)
		}
	}
}

// The first event of a kind must be an increase, so that rate() sees it.
func TestCountersStartAtZero(t *testing.T) {
	_, reg := newMetrics(t)
	all := gather(t, reg)
	for name, series := range map[string]int{
		"connections_accepted_total": 1, "connections_rejected_total": 4, "connections_closed_total": 15, "publishes_total": 7, "plays_total": 6,
		"frames_received_total": 3, "timestamp_discontinuities_total": 3, "limits_hit_total": 7, "zone_claims_total": 7, "takeovers_total": 3,
		"auth_requests_total": 8, "tls_certificate_loads_total": 2, "relay_reconnects_total": 7, "relay_gaps_total": 1, "worker_restarts_total": 6, "received_bytes_total": 4, "sent_bytes_total": 4,
	} {
		f := all["rtmpedge_"+name]
		if n := len(f.GetMetric()); n != series {
			t.Errorf("%s starts with %d series, want %d", name, n, series)
		}
		for _, s := range f.GetMetric() {
			if s.GetCounter().GetValue() != 0 {
				t.Errorf("%s starts at %v", name, s)
			}
		}
	}
}

// An alert on what expires soon must not fire where there is no certificate.
func TestNoCertificateNoExpiry(t *testing.T) {
	m, reg := newMetrics(t)
	const name = "rtmpedge_tls_certificate_expiry_timestamp_seconds"
	if f := gather(t, reg)[name]; f != nil {
		t.Errorf("without a certificate: %v", f)
	}
	m.CertificateExpiry.WithLabelValues().Set(1.9e9)
	if got := gather(t, reg)[name].GetMetric()[0].GetGauge().GetValue(); got != 1.9e9 {
		t.Errorf("the expiry is %v", got)
	}
}

func TestStartProtocol(t *testing.T) {
	m, reg := newMetrics(t)
	before := gather(t, reg)
	m.StartProtocol(ProtocolRTMPS)
	m.StartProtocol(ProtocolRTMPS)
	after := gather(t, reg)
	for name, f := range before {
		want := len(f.GetMetric())
		if strings.Contains(ownLabels(t, reg)[strings.TrimPrefix(name, "rtmpedge_")], "protocol") && name != "rtmpedge_stream_players" {
			want *= 2
		}
		if got := len(after[name].GetMetric()); got != want {
			t.Errorf("%s has %d series with a second protocol, want %d", name, got, want)
		}
	}
}

func TestNewTwice(t *testing.T) {
	_, reg := newMetrics(t)
	if _, err := New(reg); err == nil {
		t.Error("one registry took the metrics twice")
	}
}

type kinded string

func (k kinded) Error() string { return "x" }
func (k kinded) Kind() string  { return string(k) }

func TestErrorKind(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{kinded("chunk_size"), "chunk_size"},
		{fmt.Errorf("reading: %w", kinded("amf0_depth")), "amf0_depth"},
		{errors.New("plain"), "other"},
		{nil, "other"},
		{kinded(""), "other"},
		{kinded("from the peer\n"), "other"},
		{kinded(strings.Repeat("a", 41)), "other"},
	} {
		if got := ErrorKind(tt.err); got != tt.want {
			t.Errorf("ErrorKind(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

// docs/metrics.md names every metric, with its labels, and no other.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `rtmpedge_([a-z_]+)(?:\\{([a-z_, ]*)\\})?` \\|").FindAllSubmatch(page, -1) {
		labels := strings.FieldsFunc(string(row[2]), func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(labels)
		documented[string(row[1])] = strings.Join(labels, ",")
	}
	// Those about the scrape are added by whoever answers it.
	maps.DeleteFunc(documented, func(name, _ string) bool {
		return name == "worker_up" || name == "workers" || strings.HasPrefix(name, "scrape_")
	})
	m, reg := newMetrics(t)
	touch(m)
	if diff := cmp.Diff(ownLabels(t, reg), documented); diff != "" {
		t.Error(diff)
	}
}
