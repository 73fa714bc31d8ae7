package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// noLimit is a number of bytes that is more than there can be.
const noLimit = math.MaxInt64

// A group is one control group as one controller has it.
type group struct {
	root   fs.FS
	folder string
	v1     bool
}

// cores returns the time on CPUs that the group has, in seconds per second; infinity if it has no quota.
//
// Version 2: cpu.max is "QUOTA PERIOD" or "max PERIOD". Version 1: cpu.cfs_quota_us, -1 for none, and cpu.cfs_period_us.
func (g group) cores() (float64, error) {
	if !g.v1 {
		text, err := g.read("cpu.max")
		if quota, period, found := strings.Cut(text, " "); found && quota != "max" {
			return ratio(path.Join(g.folder, "cpu.max"), quota, period)
		}
		return math.Inf(1), err
	}
	quota, err := g.read("cpu.cfs_quota_us")
	period, err2 := g.read("cpu.cfs_period_us")
	if quota == "" || period == "" || strings.HasPrefix(quota, "-") {
		return math.Inf(1), errors.Join(err, err2)
	}
	return ratio(path.Join(g.folder, "cpu.cfs_quota_us"), quota, period)
}

func ratio(file, quota, period string) (float64, error) {
	q, err := strconv.ParseUint(quota, 10, 64)
	p, err2 := strconv.ParseUint(period, 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return math.Inf(1), fmt.Errorf("machine: /%s: %w", file, err)
	}
	if q == 0 || p == 0 {
		return math.Inf(1), fmt.Errorf("machine: /%s: a quota of %d µs in %d µs", file, q, p)
	}
	return float64(q) / float64(p), nil
}

// memory returns the bytes that the group may use; noLimit if it may use all.
//
// Version 2: from memory.high on the kernel slows the group down, from memory.max on it kills. Version 1: memory.limit_in_bytes is a huge number
// if there is none, and hierarchical_memory_limit in memory.stat tells of the groups above, of those too that a container can't see.
func (g group) memory() (int64, error) {
	var errs []error
	limit := int64(noLimit)
	files := []string{"memory.max", "memory.high"}
	if g.v1 {
		files = []string{"memory.limit_in_bytes"}
	}
	for _, name := range files {
		text, err := g.read(name)
		errs = append(errs, err)
		if text == "" || text == "max" {
			continue
		}
		n, err := parseBytes(path.Join(g.folder, name), text)
		errs = append(errs, err)
		limit = min(limit, n)
	}
	if !g.v1 {
		return limit, errors.Join(errs...)
	}
	text, err := g.read("memory.stat")
	errs = append(errs, err)
	for line := range strings.Lines(text) {
		if n, found := strings.CutPrefix(line, "hierarchical_memory_limit "); found {
			n, err := parseBytes(path.Join(g.folder, "memory.stat"), strings.TrimSpace(n))
			errs = append(errs, err)
			limit = min(limit, n)
		}
	}
	return limit, errors.Join(errs...)
}

// read returns what is in one of the group's files, without the space around it: nothing if there is no such file, as in the topmost group.
func (g group) read(name string) (string, error) { return readText(g.root, path.Join(g.folder, name)) }

func readText(root fs.FS, file string) (string, error) {
	b, err := fs.ReadFile(root, file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("machine: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// parseBytes reads a number of bytes. One that is 0 or larger than noLimit limits nothing.
func parseBytes(file, text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return noLimit, fmt.Errorf("machine: /%s: %w", file, err)
	}
	if n == 0 || n > noLimit {
		return noLimit, nil
	}
	return int64(n), nil
}

// totalMemory returns the machine's memory in bytes; 0 if nothing tells it.
func totalMemory(root fs.FS) (int64, error) {
	const file = "proc/meminfo"
	text, err := readText(root, file)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "MemTotal:" {
			continue
		}
		kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil || kilobytes > noLimit/1024 {
			return 0, fmt.Errorf("machine: /%s: MemTotal of %q kB", file, fields[1])
		}
		return kilobytes * 1024, nil
	}
	return 0, err
}
