// Package machine tells how many cores and how much memory this process may use: those of the machine, or less where the control groups (cgroups)
// that it is in say so. A container, a service of systemd and a pod of Kubernetes are control groups.
//
// What counts is the smallest limit on the way from the process's own group up to the topmost that it can see; above a container's own there is
// usually none to be seen. The Go runtime's default of GOMAXPROCS looks at the own group alone, and takes a quota below two cores for two.
package machine

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime"
)

// A Machine is what a process may use of the machine that it runs on.
type Machine struct {
	// Cores is the number of CPUs that the process may run on (its affinity, and so its cpuset), or less by a quota, which may be 1.5.
	Cores float64
	// Memory is a number of bytes. It is 0 if nothing tells it.
	Memory int64
}

// Read looks at the machine as it is now; but the CPUs that the process may run on are those of its start. What could not be read
// limits nothing: the rest of the result holds all the same, and the error says what it was.
func Read() (Machine, error) { return read(os.DirFS("/"), runtime.NumCPU()) }

// WholeCores returns the number of cores with a part of one counted as one, and so at least 1.
func (m Machine) WholeCores() int { return max(1, int(math.Ceil(m.Cores))) }

// read looks at the machine whose files are below root.
func read(root fs.FS, cpus int) (Machine, error) {
	m := Machine{Cores: float64(cpus)}
	total, err := totalMemory(root)
	errs := []error{err}
	m.Memory = total
	groups, err := ownGroups(root)
	errs = append(errs, err)
	for _, g := range groups["cpu"] {
		quota, err := g.cores()
		errs = append(errs, err)
		m.Cores = min(m.Cores, quota)
	}
	for _, g := range groups["memory"] {
		limit, err := g.memory()
		errs = append(errs, err)
		if m.Memory == 0 || limit < m.Memory {
			m.Memory = limit
		}
	}
	if m.Memory == noLimit {
		m.Memory = 0
	}
	return m, errors.Join(errs...)
}
