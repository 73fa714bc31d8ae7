package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A usage is what a worker has taken of the machine.
type usage struct {
	rss, peak int64 // bytes
	cpu       time.Duration
}

// usageOf reads /proc (proc_pid_status(5), proc_pid_stat(5)).
func usageOf(t testing.TB, pid int) usage {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var u usage
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			u.rss = kilobytes << 10
		case "VmHWM":
			u.peak = kilobytes << 10
		}
	}
	// The process's name, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	const utime, stime = 14 - 3, 15 - 3
	for _, i := range []int{utime, stime} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		u.cpu += time.Duration(ticks) * (time.Second / clockTicks)
	}
	return u
}

const clockTicks = 100 // sysconf(_SC_CLK_TCK) on every Linux architecture that Go runs on

// forgetPeak makes the peak start anew (proc_pid_clear_refs(5)). Where the kernel cannot, the peak is that of the process's whole life.
func forgetPeak(t testing.TB, pid int) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		t.Logf("the peak of memory stays: %v", err)
	}
}

// What a worker may take besides what an attack's bytes pay for: the race detector multiplies memory and time.
var (
	memorySlack = int64(scaled(24, 160)) << 20
	cpuSlack    = time.Duration(scaled(1500, 10000)) * time.Millisecond
)

// bystanderShare is the part of a CPU, as 1/n, that the bystander's stream and the test's looks at the metrics may take.
const bystanderShare = 5

// memoryPerByte is what a worker may take, at its peak, for each byte that arrived: buffers grow by doubling, and what was left behind waits for the
// garbage collector.
const memoryPerByte = 6

// A bound is what a worker may take during an attack, beyond the slack.
type bound struct {
	memory int64
	cpu    time.Duration
}

// An observation is a worker at the beginning of an attack.
type observation struct {
	pid    int
	began  time.Time
	before usage
}

func (sc *scene) observe(t testing.TB, worker int) observation {
	t.Helper()
	sc.mu.Lock()
	sc.observed = true
	sc.mu.Unlock()
	pid := sc.pids[worker]
	forgetPeak(t, pid)
	return observation{pid, time.Now(), usageOf(t, pid)}
}

// within checks what the worker has taken since.
func (o *observation) within(t testing.TB, b bound) {
	t.Helper()
	now := usageOf(t, o.pid)
	grown, cpu := now.peak-o.before.rss, now.cpu-o.before.cpu
	t.Logf("the worker took %d KiB of memory and %v of CPU", grown>>10, cpu)
	if most := memorySlack + b.memory; grown > most {
		t.Errorf("the worker took %d KiB of memory, more than %d KiB", grown>>10, most>>10)
	}
	bystander := time.Since(o.began) / bystanderShare
	if most := cpuSlack + b.cpu + bystander; cpu > most {
		t.Errorf("the worker took %v of CPU, more than %v", cpu, most)
	}
}
