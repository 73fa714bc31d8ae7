package e2e

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/common/model"
)

// envNames is how many stream names row 22 asks for.
const envNames = "RTMP_EDGE_E2E_NAMES"

// manyNames plays as many names as it has connections, a few of them at a time, and leaves as soon as the play is accepted.
func manyNames(a *attacker) error {
	const atOnce = 64
	var next, bytes atomic.Int64
	errs := make([]error, atOnce)
	var playing sync.WaitGroup
	for i := range atOnce {
		playing.Go(func() {
			for n := int(next.Add(1)); n <= a.Count && errs[i] == nil; n = int(next.Add(1)) {
				var received int
				received, errs[i] = a.playOnce(n)
				bytes.Add(int64(received))
			}
		})
	}
	playing.Wait()
	a.report.Received = bytes.Load()
	return errors.Join(errs...)
}

// playOnce writes all that a player says in one go.
func (a *attacker) playOnce(number int) (received int, err error) {
	w, err := a.dial(number, 0)
	if err != nil {
		return 0, err
	}
	defer w.conn.Close()
	if tcp, ok := w.conn.(*net.TCPConn); ok {
		// A reset: as many connections in TIME_WAIT would use up the ports.
		if err := tcp.SetLinger(0); err != nil {
			return 0, err
		}
	}
	play := frame(128, 8, typeCommand, 1, 0, amfCommand("play", 3, amfNull, amfString(w.stream())))
	w.send(c0c1c2(), frame(128, 3, typeCommand, 0, 0, connectCommand(a.App, "", "")), frame(128, 3, typeCommand, 0, 0, amfCommand("createStream", 2, amfNull)), play)
	buffer := make([]byte, 8<<10)
	for w.said([]byte("NetStream.Play.Start")) == 0 {
		n, err := w.conn.Read(buffer)
		if err != nil {
			return 0, err
		}
		w.took(buffer[:n])
	}
	return int(w.received), nil
}

// keptOfNames is less than a few hundred bytes a name, and more than the bystander's stream differs by.
const keptOfNames = 3 << 20

// withoutStreams counts the series that are not of single streams: those of the bystander's come when there is something to tell.
func withoutStreams(samples model.Vector) (n int) {
	for _, s := range samples {
		if s.Metric["stream"] == "" {
			n++
		}
	}
	return n
}

// Row 22: names that nobody publishes cost nothing once they are not asked for any more, and none is in a label of a metric.
func TestAttackManyNames(t *testing.T) {
	t.Parallel()
	names := scaled(20_000, 4_000)
	if text := os.Getenv(envNames); text != "" {
		var err error
		if names, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	sc := newScene(t, options{rtmp: "limits: {accept_rate: 1000000, accept_burst: 1000000}"})
	o := order{Attack: "many names", App: attackApp, Name: "nobody", Targets: []string{sc.s.rtmpAddr(0), sc.s.rtmpAddr(1)}}
	o.Count = 500
	sc.assault(t, o).wait(t) // what a worker takes once and for all
	sc.counted(t, sc.calm, o.Count, playsTotal, "result", "gone")
	before := sc.metrics(t)
	series := withoutStreams(before)
	var observed []observation
	var heaps []int64
	for worker := range attackWorkers {
		observed = append(observed, sc.observe(t, worker))
		heaps = append(heaps, sc.heap(t, worker))
	}

	o.Count, o.Name = names, "unknown"
	r := sc.assault(t, o).wait(t)
	t.Logf("%d names in %v", names, r.took)
	sc.counted(t, before, names, playsTotal, "result", "gone")
	for worker := range observed {
		observed[worker].within(t, bound{cpu: r.cpu*4 + cpuSlack})
		if grown := sc.heap(t, worker) - heaps[worker]; grown > keptOfNames {
			t.Errorf("worker %d keeps %d KiB", worker, grown>>10)
		}
	}
	now := sc.metrics(t)
	if n := withoutStreams(now); n != series {
		t.Errorf("%d series of metrics were %d before", n, series)
	}
	for _, s := range now {
		if name := s.Metric["stream"]; strings.HasPrefix(string(name), o.Name) {
			t.Errorf("a stream that nobody publishes has a series: %s", s.Metric)
		}
		for label, value := range s.Metric {
			if label != model.MetricNameLabel && len(value) > 64 {
				t.Errorf("a label of %d bytes: %s", len(value), s.Metric)
			}
		}
	}
}
