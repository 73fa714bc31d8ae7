package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// awaitSums waits until metrics, summed over all workers and the labels that are not given, have these values.
func (s *server) awaitSums(t testing.TB, want map[string]float64) {
	t.Helper()
	waitFor(t, soon, "metrics", func() string {
		samples, err := s.metrics(shared)
		if err != nil {
			return err.Error()
		}
		var wrong []string
		for what, wanted := range want {
			if got := value(samples, what); got != wanted {
				wrong = append(wrong, fmt.Sprintf("%s is %v, not %v", what, got, wanted))
			}
		}
		slices.Sort(wrong)
		return strings.Join(wrong, "; ")
	})
}

// value sums the samples of `name` or `name label=value …`; a metric that is not there is -1.
func value(v model.Vector, what string) float64 {
	fields := strings.Fields(what)
	labels := model.LabelSet{}
	for _, pair := range fields[1:] {
		name, value, _ := strings.Cut(pair, "=")
		labels[model.LabelName(name)] = model.LabelValue(value)
	}
	total, series := sum(v, fields[0], labels)
	if series == 0 {
		return -1
	}
	return total
}

// What one stream's series tell, of all workers together: what its publisher sent counts once, relays are no players, and what they get went to nobody.
func TestStreamMetrics(t *testing.T) {
	t.Parallel()
	const stream, cam = "live/metrics", " app=live stream=metrics"
	s := start(t, options{})
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.headers()
	players := map[int]*player{0: play(t, s.rtmpURL(0, stream)), 1: play(t, s.rtmpURL(1, stream)), 2: playFLV(t, s.flvURL(2, stream))}
	s.awaitPlayers(t, stream, len(players))
	publisher.feed(messagesPerSecond, players)
	publisher.mu.Lock()
	joined := float64(publisher.bytes) // some may have missed a part of that
	publisher.mu.Unlock()
	publisher.feed(4*messagesPerSecond, players)
	publisher.mu.Lock()
	sent := float64(publisher.bytes)
	publisher.mu.Unlock()
	s.awaitSums(t, map[string]float64{
		"rtmpedge_stream_received_bytes_total" + cam:                                sent,
		"rtmpedge_stream_received_bytes_total" + cam + " worker=1":                  -1,
		"rtmpedge_stream_players" + cam + " protocol=rtmp":                          2,
		"rtmpedge_stream_players" + cam + " protocol=http_flv":                      1,
		"rtmpedge_stream_info" + cam + " worker=0 video_codec=h264 audio_codec=aac": 1,
		"rtmpedge_stream_info" + cam + " worker=1":                                  -1,
		"rtmpedge_stream_keyframe_interval_seconds" + cam:                           1,
		"rtmpedge_stream_timestamp_discontinuities_total" + cam:                     0,
		"rtmpedge_streams role=owner":                                               1,
		"rtmpedge_streams role=relay":                                               2,
		"rtmpedge_play_wait_publisher_seconds_count":                                0,
		"rtmpedge_gop_duration_seconds_count worker=1":                              0,
		"rtmpedge_relay_gaps_total":                                                 0,
	})
	samples, err := s.metrics(shared)
	if err != nil {
		t.Fatal(err)
	}
	out := value(samples, "rtmpedge_stream_sent_bytes_total"+cam)
	if got := value(samples, "rtmpedge_sent_bytes_total role=player"); out > got || out < 3*(sent-joined) || out > 3.5*sent {
		t.Errorf("players got %v of the stream, %v in all; the publisher sent %v", out, got, sent)
	}
	now := float64(time.Now().Unix())
	for _, name := range []string{"rtmpedge_stream_start_time_seconds", "rtmpedge_stream_last_frame_timestamp_seconds"} {
		if at := value(samples, name+cam); at < now-60 || at > now+1 {
			t.Errorf("%s is %v, and now %v", name, at, now)
		}
	}
	waitFor(t, soon, "histograms", func() string {
		if samples, err = s.metrics(shared); err != nil {
			return err.Error()
		}
		for what, least := range map[string]float64{
			"rtmpedge_gop_duration_seconds_count": 1, "rtmpedge_gop_cache_bytes": 1000, "rtmpedge_relay_latency_seconds_count": 2, "rtmpedge_play_join_seconds_count": 3,
		} {
			if got := value(samples, what); got < least {
				return fmt.Sprintf("%s is %v", what, got)
			}
		}
		return ""
	})

	received := map[string]float64{"rtmpedge_stream_received_bytes_total" + cam: sent, "rtmpedge_stream_info" + cam: -1}
	publisher.end()
	s.awaitSums(t, received)
	for _, p := range players {
		p.close()
	}
	received["rtmpedge_stream_players"+cam] = 0
	s.awaitSums(t, received)
	again, _ := s.goLiveAgain(t, 0, stream)
	again.awaitReceived(s, stream)
	if samples, err = s.metrics(shared); err != nil || value(samples, "rtmpedge_stream_received_bytes_total"+cam) <= sent {
		t.Errorf("published again: %v of more than %v, %v", value(samples, "rtmpedge_stream_received_bytes_total"+cam), sent, err)
	}
}

// Streams beyond the limit count together.
func TestStreamMetricsAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 1s}\nmetrics: {streams: 2"})
	var sent float64
	for i := range 4 {
		p := publish(t, s.rtmpURL(0, fmt.Sprintf("live/s%d", i)))
		p.headers()
		p.send(10)
		p.awaitReceived(s, fmt.Sprintf("live/s%d", i))
		sent += float64(p.bytes)
	}
	s.awaitSums(t, map[string]float64{
		"rtmpedge_stream_received_bytes_total": sent, "rtmpedge_stream_info": 2, "rtmpedge_streams role=owner": 4,
	})
	samples, err := s.metrics(shared)
	if err != nil {
		t.Fatal(err)
	}
	if other := value(samples, "rtmpedge_stream_received_bytes_total app=_other stream=_other worker=0"); other < sent/3 || other > 2*sent/3 {
		t.Errorf("%v of %v bytes are others'", other, sent)
	}
}

// How reloads went is known to all workers, also to one that is started later; and how workers ended to those that follow.
func TestReloadAndRestartMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	const ok, at = "rtmpedge_config_last_reload_successful", "rtmpedge_config_last_reload_success_timestamp_seconds"
	s.awaitSums(t, map[string]float64{ok: workers, "rtmpedge_worker_restarts_total": 0})
	samples, err := s.metrics(shared)
	if err != nil {
		t.Fatal(err)
	}
	begun := value(samples, at)
	if now := float64(workers * time.Now().Unix()); begun < now-workers*120 || begun > now+workers {
		t.Errorf("started at %v, now %v", begun/workers, now/workers)
	}
	s.configure(t, "no_such_key: 1")
	s.reload(t, "reload refused")
	s.awaitSums(t, map[string]float64{ok: 0, at: begun})
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		pid := s.pids(t)[1]
		if err := syscall.Kill(pid, signal); err != nil {
			t.Fatal(err)
		}
		waitFor(t, soon, "a successor", func() string {
			if now := s.pids(t)[1]; now != pid {
				return ""
			}
			return "none"
		})
	}
	s.awaitSums(t, map[string]float64{
		ok: 0, at: begun, "rtmpedge_worker_restarts_total worker=1 reason=killed": 2, "rtmpedge_worker_restarts_total worker=1 reason=exit": 1,
		"rtmpedge_worker_restarts_total": 3, "rtmpedge_workers state=ready": workers,
	})
	s.configure(t)
	s.reload(t, "reload: nothing changed")
	s.awaitSums(t, map[string]float64{ok: workers})
	if samples, err = s.metrics(shared); err != nil || value(samples, at) < begun {
		t.Errorf("loaded at %v, then at %v: %v", begun, value(samples, at), err)
	}
}

// Requests to the control API are counted by who answers, and what the zone takes back of a dead worker.
func TestControlMetrics(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.goLive(t, 2, "live/cam")
	for range 3 {
		if status, _, err := s.call(1, http.MethodGet, "/api/v1/zone"); status != http.StatusOK || err != nil {
			t.Fatal(status, err)
		}
	}
	if status, _, err := s.call(1, http.MethodGet, "/api/v1/streams/live/nobody"); status != http.StatusNotFound || err != nil {
		t.Fatal(status, err)
	}
	s.awaitSums(t, map[string]float64{
		"rtmpedge_control_requests_total command=zone code=200 worker=1": 3,
		"rtmpedge_control_requests_total command=stream code=404":        1,
		"rtmpedge_control_broadcast_incomplete_total command=zone":       0,
		"rtmpedge_zone_reclaimed_total":                                  0,
		"rtmpedge_zone_streams worker=3":                                 1,
	})
	pid := s.pids(t)[3]
	stopWorker(t, pid)
	if status, _, err := s.call(1, http.MethodGet, "/api/v1/zone"); status != http.StatusOK || err != nil {
		t.Fatal(status, err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	killWorker(t, s.pids(t)[2])
	s.awaitSums(t, map[string]float64{
		"rtmpedge_control_broadcast_incomplete_total command=zone": 1, "rtmpedge_zone_reclaimed_total worker=2": 1, "rtmpedge_zone_reclaimed_total": 1,
	})
}
