package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// workers returns the pids of the workers, as this test sees them.
func (p *pod) workers() (pids []int) {
	p.t.Helper()
	out, err := p.exec(p.t.Context(), "/usr/bin/rtmp-edge", "zone", "--json").Output()
	p.must(err)
	var zone struct {
		Slots []struct{ PID int }
	}
	p.must(json.Unmarshal(out, &zone))
	inside := map[string]bool{}
	for _, s := range zone.Slots {
		inside[strconv.Itoa(s.PID)] = true
	}
	all, err := filepath.Glob("/proc/[0-9]*/status")
	p.must(err)
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // NSpid: OUTSIDE INSIDE
			if len(f) < 3 || f[0] != "NSpid:" || !inside[f[len(f)-1]] || !p.has(f[1]) {
				continue
			}
			pid, err := strconv.Atoi(f[1])
			p.must(err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// has tells whether a process is in the pod.
func (p *pod) has(pid string) bool {
	of := func(pid string) string {
		link, _ := os.Readlink("/proc/" + pid + "/ns/pid")
		return link
	}
	return of(pid) == of(strconv.Itoa(p.cmd.Process.Pid))
}

func (p *pod) signal(pid int, s syscall.Signal) {
	p.t.Helper()
	p.must(syscall.Kill(pid, s))
}
