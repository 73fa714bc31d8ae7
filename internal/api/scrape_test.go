package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
	"github.com/rtmp-edge/rtmp-edge/internal/metrics"
)

// The load of the goal: 16 workers, and 500 streams with series of their own, each published to one worker and played on every one.
const (
	scrapeWorkers = 16
	scrapeStreams = 500
)

// acceptOfPrometheus is what Prometheus 2.42 asks for, without native histograms.
const acceptOfPrometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

// busyWorker has the metrics of a worker of the load.
func busyWorker(t testing.TB, reg *prometheus.Registry, worker int, everywhere bool) {
	t.Helper()
	m, err := metrics.New(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{metrics.ProtocolRTMPS, metrics.ProtocolHTTPFLV, metrics.ProtocolWSFLV} {
		m.StartProtocol(p)
		for _, source := range []string{metrics.SourceLocal, metrics.SourceWorker} {
			m.PlayJoin.WithLabelValues(p, source).Observe(.1)
		}
	}
	if err := m.ObserveZone(func() metrics.Zone { return metrics.Zone{Streams: scrapeStreams, Capacity: 65536} }); err != nil {
		t.Fatal(err)
	}
	var all []metrics.Stream
	for i := range scrapeStreams {
		s := metrics.Stream{
			App: "live", Name: fmt.Sprintf("event-%d/camera-%d", i/10, i%10), Instance: uint64(i + 1), Fed: true,
			Sent: 1e9 + uint64(i), Players: map[string]int{metrics.ProtocolRTMP: 20, metrics.ProtocolHTTPFLV: 3},
		}
		if i%scrapeWorkers == worker {
			s.Received = 1e8
			s.Owner = &metrics.Owner{Video: "h264", Audio: "aac", KeyframeInterval: 2 * time.Second, Start: epoch, LastFrame: epoch.Add(time.Hour)}
		} else if !everywhere {
			continue
		}
		all = append(all, s)
	}
	if _, err := m.ObserveStreams(scrapeStreams, func() []metrics.Stream { return slices.Clone(all) }); err != nil {
		t.Fatal(err)
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScrape is a scrape of all workers over their sockets, with everything that it takes of all of them and of who asks.
func BenchmarkScrape(b *testing.B) {
	for name, everywhere := range map[string]bool{"owners": false, "relayed to all": true} {
		b.Run(name, func(b *testing.B) {
			c := newCluster(b, scrapeWorkers)
			for i, reg := range c.regs {
				busyWorker(b, reg, i, everywhere)
			}
			group := broadcast.New(c.list, broadcast.Options{Timeout: time.Minute}) // however busy the machine is
			b.Cleanup(group.Close)
			c.apis[0].opts.Group = group
			var size int
			scrape := func() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+c.public+"/metrics", http.NoBody)
				if err != nil {
					b.Fatal(err)
				}
				req.Header.Set("Accept", acceptOfPrometheus)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				text, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(resp.Status, err)
				}
				_ = resp.Body.Close()
				if size = len(text); !bytes.Contains(text, []byte("\nrtmpedge_scrape_workers_answered 16\n")) {
					b.Fatal("not all answered")
				}
			}
			scrape()
			runtime.GC()
			begun := processorTime()
			b.ResetTimer()
			n := 0
			for b.Loop() {
				scrape()
				n++
			}
			b.ReportMetric(float64(processorTime()-begun)/float64(n)/1e6, "cpu-ms/op")
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
