package worker

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/rtmp-edge/rtmp-edge/internal/logging"
	"github.com/rtmp-edge/rtmp-edge/internal/machine"
)

// gcPercent is GOGC. What is alive of the heap is, but for some kilobytes for each player, the streams' logs, which hold no pointers: a collection costs
// little. And it comes seldom: sending allocates nothing in the steady state, and a log only what comes in. So the garbage that
// may pile up beside the heap is nearly all that GOGC decides, and it is counted by memory per stream and player.
const gcPercent = 50

// A tenth of the machine's memory is for the system and other programs. Of the worker's part of the rest a quarter is for what the runtime doesn't
// count, though a cgroup does: what the kernel has buffered in sockets. The other three are the runtime's limit: near it garbage is collected more often.
const (
	usableTenths  = 9
	goQuarters    = 3
	leastGoMemory = 32 << 20 // bytes; with less the collector would run all the time, and save nothing
)

// A share is the part of the machine that one worker's Go runtime may use.
type share struct {
	procs  int   // GOMAXPROCS
	memory int64 // bytes, of the memory limit; 0: none
	scarce bool  // there is less memory than a worker needs
}

// shareOf divides a machine, on which all workers together share so many bytes besides.
func shareOf(m machine.Machine, workers int, shared int64) share {
	perWorker := machine.Machine{Cores: m.Cores / float64(workers)}
	s := share{procs: perWorker.WholeCores()}
	if m.Memory == 0 {
		return s
	}
	s.memory = (m.Memory/10*usableTenths - shared) / int64(workers) / 4 * goQuarters
	if s.memory < leastGoMemory {
		s.memory, s.scarce = leastGoMemory, true
	}
	return s
}

// tune has the Go runtime use this worker's share of the machine, and logs what it then uses. What the environment sets for the runtime stays as
// it is. Of the files that were handed over only the zone's memory has a size.
func tune(log *slog.Logger, workers int, files []*os.File) {
	m, err := machine.Read()
	if err != nil {
		log.Warn("can't read all limits of this machine", logging.Error, err)
	}
	var shared int64
	for _, f := range files {
		if info, err := f.Stat(); err == nil {
			shared += info.Size()
		}
	}
	s := shareOf(m, workers, shared)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(s.procs)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && s.memory > 0 {
		debug.SetMemoryLimit(s.memory)
		if s.scarce {
			log.Warn("little memory: use fewer workers, or a smaller stream zone", "memory", m.Memory, "workers", workers, "stream_zone", shared)
		}
	}
	procs, percent, limit := runtimeSettings()
	log.Info("runtime", "cores", m.Cores, "memory", m.Memory, "gomaxprocs", procs, "gogc", percent, "gomemlimit", limit)
}

// runtimeSettings returns what the Go runtime uses: GOMAXPROCS, GOGC, and its memory limit in bytes.
func runtimeSettings() (procs, gcPercent, memory uint64) {
	s := []metrics.Sample{{Name: "/sched/gomaxprocs:threads"}, {Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()
}
