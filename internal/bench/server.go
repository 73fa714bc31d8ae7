package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A ServerResult is what the given processes and their children cost while the load was on. A GB is 10⁹ bytes, an MB 10⁶.
type ServerResult struct {
	CPUSeconds        float64 `json:"cpu_seconds"` // user and system, of children that ended too
	CPUSecondsPerGB   float64 `json:"cpu_seconds_per_gb"`
	CPUPercent        float64 `json:"cpu_percent"` // of one core
	USPerPlayerSecond float64 `json:"us_per_player_second"`
	PSSBytes          int64   `json:"pss_bytes"`            // at the end; memory of the kernel for sockets is not in it
	PSSBytesPerPlayer float64 `json:"pss_bytes_per_player"` // by how much it grew since before the first
	WritesPerMB       float64 `json:"writes_per_mb"`        // system calls of write(2), writev(2) and sendfile(2): not of send(2) and sendmsg(2)
	Processes         int     `json:"processes"`
}

// A serverWatch measures processes. With no processes it does nothing.
type serverWatch struct {
	pids   []int
	before int64 // PSS before the load
	start  usage
}

// usage is what processes have used so far.
type usage struct {
	cpu       time.Duration
	writes    int64
	processes int
}

// watchServer notes the memory that the processes have before the load.
func watchServer(pids []int) (*serverWatch, error) {
	w := &serverWatch{pids: pids}
	var err error
	w.before, err = w.pss()
	return w, err
}

// begin starts the measurement.
func (w *serverWatch) begin() (err error) {
	w.start, err = w.usage()
	return err
}

// end tells what was used since begin, for so many bytes and players. It is nil without processes.
func (w *serverWatch) end(bytes int64, players int, passed time.Duration) (*ServerResult, error) {
	if len(w.pids) == 0 {
		return nil, nil
	}
	now, err := w.usage()
	if err != nil {
		return nil, err
	}
	pss, err := w.pss()
	if err != nil {
		return nil, err
	}
	cpu := (now.cpu - w.start.cpu).Seconds()
	r := &ServerResult{CPUSeconds: cpu, CPUPercent: 100 * cpu / passed.Seconds(), PSSBytes: pss, Processes: now.processes}
	if bytes > 0 {
		r.CPUSecondsPerGB = cpu / (float64(bytes) / 1e9)
		r.WritesPerMB = float64(now.writes-w.start.writes) / (float64(bytes) / 1e6)
	}
	if players > 0 {
		r.USPerPlayerSecond = cpu * 1e6 / float64(players) / passed.Seconds()
		r.PSSBytesPerPlayer = float64(pss-w.before) / float64(players)
	}
	return r, nil
}

// ticksPerSecond is USER_HZ, the unit of times in /proc; it is 100 on every architecture that Go runs on.
const ticksPerSecond = 100

func (w *serverWatch) usage() (u usage, err error) {
	for _, pid := range w.processes() {
		fields, err := procStat(pid)
		if err != nil {
			return u, err
		}
		for _, i := range []int{statUserTime, statUserTime + 1, statUserTime + 2, statUserTime + 3} { // of ended children too
			ticks, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return u, fmt.Errorf("process %d: %w", pid, err)
			}
			u.cpu += time.Duration(ticks) * time.Second / ticksPerSecond
		}
		writes, err := procNumber(pid, "io", "syscw:")
		if err != nil {
			return u, err
		}
		u.writes += writes
		u.processes++
	}
	return u, nil
}

// pss is the proportional set size of all processes: memory that they share counts once.
func (w *serverWatch) pss() (bytes int64, err error) {
	for _, pid := range w.processes() {
		kib, err := procNumber(pid, "smaps_rollup", "Pss:")
		if err != nil {
			return 0, err
		}
		bytes += kib << 10
	}
	return bytes, nil
}

// processes are the given ones and all below them.
func (w *serverWatch) processes() []int {
	if len(w.pids) == 0 {
		return nil
	}
	children := make(map[int][]int)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return w.pids
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fields, err := procStat(pid); err == nil { // else it has ended
			if parent, err := strconv.Atoi(fields[statParent]); err == nil {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	var all []int
	seen := make(map[int]bool)
	for next := w.pids; len(next) > 0; {
		pid := next[0]
		next = append(next[1:len(next):len(next)], children[pid]...)
		if !seen[pid] {
			seen[pid] = true
			all = append(all, pid)
		}
	}
	return all
}

// Fields of /proc/PID/stat, counted from the one behind the name (proc_pid_stat(5)).
const (
	statParent   = 1
	statUserTime = 11 // utime, stime, cutime, cstime
	statFields   = 15
)

func procStat(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	rest := string(b)
	fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:]) // a name may have spaces
	if len(fields) < statFields {
		return nil, fmt.Errorf("process %d: /proc has an unknown form", pid)
	}
	return fields, nil
}

// procNumber reads a number behind its name.
func procNumber(pid int, file, name string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, fmt.Errorf("process %d: %w (only its user and root may ask)", pid, err)
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			return strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("process %d: no %s in /proc/%[1]d/%[3]s", pid, name, file)
}
