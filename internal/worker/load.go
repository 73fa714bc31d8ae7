package worker

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
)

// loadSpan is over what time the use of the processor is taken, at least.
const loadSpan = 3 * time.Second

// A loadMeter measures what this process takes of the machine, when it is asked.
type loadMeter struct {
	mu         sync.Mutex
	older, old usage
}

// usage is the time on processors until some time.
type usage struct {
	at  time.Time
	cpu time.Duration
}

func usageNow() usage {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // its arguments are right, so it can't fail
	return usage{time.Now(), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

// cores returns how many processors were in use, on average: of the last loadSpan, or of what is longer ago than that, where nobody asked since.
func (m *loadMeter) cores() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := usageNow()
	if now.at.Sub(m.old.at) >= loadSpan {
		m.older, m.old = m.old, now
	}
	since := m.older
	if since.at.IsZero() { // nobody has asked before: since the process began
		since.at = processStart
	}
	elapsed := now.at.Sub(since.at)
	if elapsed <= 0 {
		return 0
	}
	return math.Round(1000*float64(now.cpu-since.cpu)/float64(elapsed)) / 1000
}

var processStart = time.Now()

// load describes what this worker takes, but for the network.
func (w *Worker) load() api.Load {
	return api.Load{CPU: w.loads.cores(), RSS: residentMemory(), Goroutines: runtime.NumGoroutine()}
}

// residentMemory is the process' resident set size in bytes (proc_pid_statm(5)); 0 where that can't be read.
func residentMemory() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
