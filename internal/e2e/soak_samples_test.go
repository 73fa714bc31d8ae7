//go:build soak

package e2e

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// levels are what must be the same whenever no attacker is there.
type levels struct{ connections, streams, relays, zone float64 }

// A sample is what a worker takes between two rounds.
type sample struct{ heap, goroutines, descriptors, series, kinds, resident float64 }

// comeLate are metrics whose series appear when what they count first happens: of a closed set, too.
var comeLate = []string{errorsTotal, droppedTotal}

// ofWorker reads a worker's series.
func ofWorker(samples model.Vector, worker int, name string, labels ...string) float64 {
	set := model.LabelSet{"worker": model.LabelValue(strconv.Itoa(worker))}
	for i := 0; i < len(labels); i += 2 {
		set[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	value, _ := sum(samples, name, set)
	return value
}

func (sk *soak) levels() []levels {
	samples := sk.metrics(sk.t)
	all := make([]levels, workers)
	for worker := range all {
		all[worker] = levels{
			connections: ofWorker(samples, worker, "rtmpedge_connections", "protocol", "rtmp"),
			streams:     ofWorker(samples, worker, "rtmpedge_streams"),
			relays:      ofWorker(samples, worker, "rtmpedge_relays"),
			zone:        ofWorker(samples, worker, "rtmpedge_zone_streams"),
		}
	}
	return all
}

// unsettled says what is left of a round.
func (sk *soak) unsettled() string {
	for worker, now := range sk.levels() {
		if want := sk.baseline[worker]; now != want {
			return fmt.Sprintf("worker %d has %+v, not %+v", worker, now, want)
		}
	}
	return ""
}

// takeSample waits until nothing is left of a round, collects garbage, and samples all workers; it returns what was left.
func (sk *soak) takeSample() string {
	if left := waitUntil(2*soon, sk.unsettled); left != "" {
		return "left behind: " + left
	}
	for worker := range workers {
		if _, err := sk.s.heapProfile(worker); err != nil {
			return err.Error()
		}
	}
	samples := sk.metrics(sk.t)
	var now []sample
	for worker := range workers {
		s := sample{
			heap:        ofWorker(samples, worker, "go_memstats_heap_inuse_bytes"),
			goroutines:  ofWorker(samples, worker, "go_goroutines"),
			descriptors: ofWorker(samples, worker, "process_open_fds"),
			resident:    ofWorker(samples, worker, "process_resident_memory_bytes"),
		}
		for _, one := range samples {
			switch {
			case string(one.Metric["worker"]) != strconv.Itoa(worker):
			case slices.Contains(comeLate, string(one.Metric[model.MetricNameLabel])):
				s.kinds++
			default:
				s.series++
			}
		}
		if s.heap == 0 || s.goroutines == 0 || s.descriptors == 0 {
			return fmt.Sprintf("no metrics of worker %d: %+v", worker, s)
		}
		now = append(now, s)
	}
	master := sk.s.cmd.Process.Pid
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", master))
	if err != nil {
		return err.Error()
	}
	now = append(now, sample{descriptors: float64(len(open)), resident: float64(usageOf(sk.t, master).rss)})
	sk.samples = append(sk.samples, now)
	return ""
}

// The rows of the table: what is sampled, and how much more of it there may be in the end than in the beginning.
var soakRows = []struct {
	name, format  string
	of            func(s *sample) float64
	factor, slack float64 // neither: not judged
}{
	{"heap in use after a collection, MiB", "%.1f", func(s *sample) float64 { return s.heap / (1 << 20) }, 1.5, 8},
	{"goroutines", "%.0f", func(s *sample) float64 { return s.goroutines }, 1, 20},
	{"descriptors", "%.0f", func(s *sample) float64 { return s.descriptors }, 1, 16},
	{"series of metrics", "%.0f", func(s *sample) float64 { return s.series }, 1, 0},
	{"kinds of errors and of dropped frames", "%.0f", func(s *sample) float64 { return s.kinds }, 1, 40},
	{"resident memory, MiB", "%.1f", func(s *sample) float64 { return s.resident / (1 << 20) }, 0, 0},
}

// fewestSamples are those that a trend can be seen in.
const fewestSamples = 8

// ends are the medians of the first and the last quarter, after a warm-up. The process is a worker, or the last is the master.
func (sk *soak) ends(process int, of func(s *sample) float64) (first, last float64) {
	warm := sk.samples[len(sk.samples)/10:]
	quarter := max(1, len(warm)/4)
	median := func(samples [][]sample) float64 {
		values := make([]float64, len(samples))
		for i := range samples {
			values[i] = of(&samples[i][process])
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return median(warm[:quarter]), median(warm[len(warm)-quarter:])
}

// judge looks for a trend.
func (sk *soak) judge() {
	sk.t.Helper()
	if len(sk.samples) < fewestSamples {
		sk.t.Logf("only %d rounds: too few to see a trend in", len(sk.samples))
		return
	}
	for _, row := range soakRows {
		for process := range workers + 1 {
			first, last := sk.ends(process, row.of)
			if row.factor > 0 && last > first*row.factor+row.slack {
				sk.t.Errorf("%s of process %d: %.1f in the first quarter, %.1f in the last; %s=%d", row.name, process, first, last, envSoakSeed, sk.seed)
			}
		}
	}
}

// messages counts what the bystanders' players and those of rounds have verified.
func (sk *soak) messages() int64 {
	n := sk.verified.Load()
	for _, viewer := range sk.viewers {
		got, _ := viewer.seen()
		n += int64(got.messages)
	}
	return n
}

// progress is a line a minute.
func (sk *soak) progress() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "soak: %v: %d rounds, %d attacks, %d publications, %d takeovers, %d kills, %d messages verified",
		time.Since(sk.began).Round(time.Second), sk.round, sk.attacks.Load(), sk.publications.Load(), sk.takeovers.Load(), sk.kills.Load(), sk.messages())
	now := sk.samples[len(sk.samples)-1]
	for _, row := range soakRows[:3] {
		name, _, _ := strings.Cut(row.name, " ")
		fmt.Fprintf(b, "; %s", name)
		for worker := range workers {
			fmt.Fprintf(b, " "+row.format, row.of(&now[worker]))
		}
	}
	return b.String()
}

// summary is for docs/limits.md.
func (sk *soak) summary(kinds int, length time.Duration) string {
	if len(sk.samples) == 0 {
		return ""
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, "\nA soak of %v on %d cores: %d rounds, %d attacks of %d kinds, %d publications, %d takeovers, %d kills of a worker;\n",
		length, runtime.NumCPU(), len(sk.samples), sk.attacks.Load(), kinds, sk.publications.Load(), sk.takeovers.Load(), sk.kills.Load())
	fmt.Fprintf(b, "%d messages verified; a bystander's player waited for one %v at most.\n\n", sk.verified.Load(), sk.pause.Round(time.Millisecond))
	b.WriteString("| Median of the first and the last quarter |")
	for worker := range workers {
		fmt.Fprintf(b, " worker %d |", worker)
	}
	fmt.Fprintf(b, " master |\n|---|%s\n", strings.Repeat("---|", workers+1))
	for _, row := range soakRows {
		fmt.Fprintf(b, "| %s |", row.name)
		for process := range workers + 1 {
			first, last := sk.ends(process, row.of)
			if first == 0 {
				b.WriteString(" |") // the master has no metrics
				continue
			}
			fmt.Fprintf(b, " "+row.format+" → "+row.format+" |", first, last)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.String()
}
