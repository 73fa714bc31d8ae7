package metrics

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// A stage is a worker whose streams are what a test says.
type stage struct {
	t       *testing.T
	reg     *prometheus.Registry
	streams *Streams
	live    map[string]*Stream // by app/name
	made    uint64
	during  func() // run when the streams have been listed, once
}

func newStage(t *testing.T, limit int) *stage {
	t.Helper()
	s := &stage{t: t, reg: prometheus.NewPedanticRegistry(), live: map[string]*Stream{}}
	var err error
	s.streams, err = (&Metrics{reg: s.reg}).ObserveStreams(limit, func() []Stream {
		var all []Stream
		for _, v := range s.live {
			all = append(all, *v)
		}
		if f := s.during; f != nil {
			s.during = nil
			f()
		}
		return all
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// publish makes a stream, or has one that is waited for published.
func (s *stage) publish(name string) *Stream {
	v := s.wait(name)
	v.Fed, v.WasFed, v.Owner = true, true, &Owner{Video: "h264", Start: time.Unix(100, 0)}
	return v
}

// wait makes a stream that is waited for.
func (s *stage) wait(name string) *Stream {
	if s.live[name] == nil {
		s.made++
		s.live[name] = &Stream{App: "live", Name: name, Instance: s.made}
	}
	return s.live[name]
}

// end has the worker forget a stream.
func (s *stage) end(name string) {
	last := *s.live[name]
	delete(s.live, name)
	last.Fed, last.Owner, last.Players = false, nil, nil
	s.streams.Gone(last)
}

// values returns the series of a metric: name (and protocol) of the stream, and value.
func (s *stage) values(metric string) map[string]float64 {
	s.t.Helper()
	out := map[string]float64{}
	for _, m := range gather(s.t, s.reg)["rtmpedge_"+metric].GetMetric() {
		var key []string
		for _, l := range m.GetLabel() {
			if l.GetName() != "app" {
				key = append(key, l.GetValue())
			}
		}
		out[strings.Join(key, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return out
}

func (s *stage) want(metric string, want map[string]float64) {
	s.t.Helper()
	if d := cmp.Diff(want, s.values(metric)); d != "" {
		s.t.Errorf("%s (-want +got)\n%s", metric, d)
	}
}

const (
	sentTotal     = "stream_sent_bytes_total"
	receivedTotal = "stream_received_bytes_total"
)

// Who waits for what nobody publishes is told something, too, but gets no series, and takes nobody's place.
func TestStreamsThatAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		for i := range 5 {
			v := s.wait(fmt.Sprint("nobody", i))
			v.Sent, v.Players = 3000, map[string]int{"rtmp": 1}
		}
		s.want(sentTotal, map[string]float64{"_other": 0})
		for i := range 4 {
			s.end(fmt.Sprint("nobody", i))
		}
		s.publish("nobody4")
		s.want(sentTotal, map[string]float64{"_other": 0, "nobody4": 3000})
	})
}

// Everything that is told of a stream, and when it ends.
func TestSeriesOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 10)
		v := s.publish("cam")
		*v.Owner = Owner{Video: "hevc", Audio: "x\xff", KeyframeInterval: 2 * time.Second, Start: time.Unix(100, 5e8), LastFrame: time.Unix(200, 0)}
		v.Received, v.Sent, v.Jumps, v.Players, v.Backlog, v.GOP = 1000, 3000, 2, map[string]int{"rtmp": 2, "http_flv": 1}, 70, 50
		s.publish("quiet").Backlog = 7
		relayed := s.publish("relayed")
		relayed.Owner, relayed.Sent = nil, 1
		counters := map[string]map[string]float64{
			receivedTotal: {"cam": 1000, "quiet": 0, "_other": 0}, sentTotal: {"cam": 3000, "quiet": 0, "relayed": 1, "_other": 0},
			"stream_timestamp_discontinuities_total": {"cam": 2, "quiet": 0, "_other": 0},
		}
		for metric, want := range counters {
			s.want(metric, want)
		}
		s.want("stream_info", map[string]float64{"other cam hevc": 1, " quiet h264": 1})
		s.want("stream_players", map[string]float64{"rtmp cam": 2, "http_flv cam": 1})
		s.want("stream_keyframe_interval_seconds", map[string]float64{"cam": 2})
		s.want("stream_start_time_seconds", map[string]float64{"cam": 100.5, "quiet": 100})
		s.want("stream_last_frame_timestamp_seconds", map[string]float64{"cam": 200})
		s.want("send_backlog_bytes", map[string]float64{"": 77})
		s.want("gop_cache_bytes", map[string]float64{"": 50})
		s.end("cam")
		for range 2 {
			for metric, want := range counters {
				s.want(metric, want)
			}
			s.want("stream_players", map[string]float64{"rtmp cam": 0, "http_flv cam": 0})
			s.want("stream_info", map[string]float64{" quiet h264": 1})
			s.want("stream_start_time_seconds", map[string]float64{"quiet": 100})
			time.Sleep(keepFor - time.Nanosecond)
		}
		s.want(receivedTotal, map[string]float64{"quiet": 0, "_other": 0})
		s.want("stream_players", map[string]float64{})
	})
}

// A stream that comes back goes on counting; one that comes back late begins anew. Nobody has to look in between.
func TestStreamComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 10)
		for range 3 {
			s.publish("cam").Sent = 100
			s.end("cam")
		}
		s.want(sentTotal, map[string]float64{"cam": 300, "_other": 0})
		time.Sleep(keepFor / 2)
		s.publish("cam").Sent = 10
		s.want(sentTotal, map[string]float64{"cam": 310, "_other": 0})
		time.Sleep(2 * keepFor)
		s.want(sentTotal, map[string]float64{"cam": 310, "_other": 0})
		s.live["cam"].Sent = 11
		s.end("cam")
		time.Sleep(2 * keepFor)
		s.want(sentTotal, map[string]float64{"cam": 311, "_other": 0}) // at least once
		s.want(sentTotal, map[string]float64{"_other": 0})
		s.publish("cam").Sent = 1
		s.want(sentTotal, map[string]float64{"cam": 1, "_other": 0})
	})
}

// Series are for those that were first; a place that gets free goes to the oldest of the others, whose counter begins with what it counts from then on.
func TestOtherStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		for i, name := range []string{"a", "b", "c", "d"} {
			v := s.publish(name)
			v.Sent, v.Players = 1+uint64(i), map[string]int{"rtmp": 1}
		}
		s.want(sentTotal, map[string]float64{"a": 1, "b": 2, "_other": 7})
		s.want("stream_players", map[string]float64{"rtmp a": 1, "rtmp b": 1, "rtmp _other": 2})
		s.want("stream_info", map[string]float64{" a h264": 1, " b h264": 1})
		s.live["c"].Sent = 50
		s.end("a")
		time.Sleep(keepFor - time.Nanosecond)
		s.want(sentTotal, map[string]float64{"a": 1, "b": 2, "_other": 54})
		time.Sleep(time.Nanosecond)
		s.want(sentTotal, map[string]float64{"b": 2, "c": 0, "_other": 54})
		s.live["c"].Sent = 51
		s.end("d")
		s.end("c")
		s.want(sentTotal, map[string]float64{"b": 2, "c": 1, "_other": 54})
		s.publish("short").Sent = 1000
		s.end("short")
		s.want(sentTotal, map[string]float64{"b": 2, "c": 1, "_other": 1054})
	})
}

// Who waits for what nobody publishes can't take the places, nor make series.
func TestWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 2)
		s.wait("ghost").Players = map[string]int{"rtmp": 5}
		for i := range 1000 {
			s.wait(fmt.Sprint("ghost", i))
			s.end(fmt.Sprint("ghost", i))
		}
		s.want(sentTotal, map[string]float64{"_other": 0})
		s.want("stream_players", map[string]float64{})
		v := s.publish("cam")
		v.Sent = 10
		s.want(sentTotal, map[string]float64{"cam": 10, "_other": 0})
		v.Fed, v.Owner = false, nil // its publisher goes, a player stays
		for range 2 {
			s.want(sentTotal, map[string]float64{"cam": 10, "_other": 0})
			time.Sleep(keepFor - time.Nanosecond)
		}
		s.want(sentTotal, map[string]float64{"_other": 0})
		v.Sent = 12
		s.want(sentTotal, map[string]float64{"_other": 2})
		s.publish("cam").Sent = 15
		s.want(sentTotal, map[string]float64{"cam": 0, "_other": 5})
		s.end("cam")
		s.want(sentTotal, map[string]float64{"cam": 0, "_other": 5})
	})
}

// A stream that ends, or ends and comes again, while the streams are listed counts once.
func TestEndsWhileLookedAt(t *testing.T) {
	for _, limit := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, limit)
			s.publish("first").Sent = 1
			s.publish("cam").Sent = 10
			s.values(sentTotal)
			s.during = func() {
				s.live["cam"].Sent = 20
				s.end("cam")
				s.publish("cam").Sent = 5
			}
			want := func(cam float64) map[string]float64 {
				if limit == 1 {
					return map[string]float64{"first": 1, "_other": cam}
				}
				return map[string]float64{"first": 1, "cam": cam, "_other": 0}
			}
			s.want(sentTotal, want(20))
			s.want(sentTotal, want(25))
		})
	}
}

// A stream may have the name of all others.
func TestStreamNamedOther(t *testing.T) {
	s := newStage(t, 5)
	v := s.publish("cam")
	v.App, v.Name, v.Sent = otherStreams, otherStreams, 5
	s.want(sentTotal, map[string]float64{"_other": 5})
}

// A name that is no UTF-8, which can't be, counts among the others.
func TestStreamNameNoText(t *testing.T) {
	s := newStage(t, 5)
	s.publish("\xff").Received = 5
	s.publish("cam")
	s.want(receivedTotal, map[string]float64{"cam": 0, "_other": 5})
}

func TestNoStreams(t *testing.T) {
	s := newStage(t, 0)
	v := s.publish("cam")
	v.Backlog, v.GOP = 7, 8
	s.end("cam")
	s.publish("cam").Backlog = 7
	for name := range gather(t, s.reg) {
		if strings.HasPrefix(name, "rtmpedge_stream_") {
			t.Errorf("%s is there", name)
		}
	}
	if got := gather(t, s.reg)["rtmpedge_send_backlog_bytes"].GetMetric()[0].GetGauge().GetValue(); got != 7 {
		t.Errorf("the backlog is %v", got)
	}
}

// Names by the hundred thousand take no memory, and get lost from no sum.
func TestManyNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 5)
		const names = 100_000
		for i := range names {
			name := fmt.Sprint(i)
			s.publish(name).Sent = 1
			if i%1000 == 0 {
				s.values(sentTotal)
			}
			s.end(name)
		}
		var total float64
		for _, v := range s.values(sentTotal) {
			total += v
		}
		if b := s.streams.book; total != names || len(b.own) != 5 || len(b.others) != 0 {
			t.Errorf("%v of %d bytes; %d streams and %d others remembered", total, names, len(b.own), len(b.others))
		}
	})
}

// Whatever happens, no counter falls but for one whose series had ended, and all together tell what there was.
func TestStreamCountersNeverFall(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			s := newStage(t, 3)
			names := []string{"a", "b", "c", "d", "e", "f"}
			seen, ended := map[string]float64{}, 0.
			var sent float64
			for range 600 {
				name := names[rng.IntN(len(names))]
				switch v := s.live[name]; {
				case v == nil && rng.IntN(3) == 0:
					s.wait(name)
				case v == nil:
					s.publish(name)
				case rng.IntN(6) == 0:
					s.end(name)
				case rng.IntN(4) == 0:
					v.Fed, v.WasFed = !v.Fed, true
				case v.Fed:
					n := rng.Uint64N(100)
					v.Sent += n
					sent += float64(n)
				}
				if rng.IntN(4) == 0 {
					time.Sleep(time.Duration(rng.Int64N(int64(keepFor))))
				}
				if rng.IntN(2) == 0 {
					continue
				}
				now := s.values(sentTotal)
				total := 0.
				for name, v := range now {
					if v < seen[name] {
						t.Fatalf("seed %d: %s fell from %v to %v", seed, name, seen[name], v)
					}
					total += v
				}
				for name, v := range seen {
					if _, there := now[name]; !there {
						ended += v
					}
				}
				if total+ended != sent {
					t.Fatalf("seed %d: %v sent, %v told and %v told by series that have ended: %v", seed, sent, total, ended, slices.Sorted(maps.Keys(now)))
				}
				seen = now
			}
		})
	}
}
