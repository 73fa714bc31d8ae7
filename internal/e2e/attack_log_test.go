package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A peer is one connection in the log.
type peer struct{ worker, remote string }

// quiet waits until the log tells the end of every attacking connection that got an answer, and checks that it made one line at most, above debug.
// Those that publish have another for each publication.
func (sc *scene) quiet(t testing.TB, r *report) {
	t.Helper()
	var lines map[peer][]string
	waitFor(t, soon, "the end of each session in the log", func() string {
		var ended map[string]bool
		lines, ended = sc.s.log.byPeer(r.logged)
		for i := range r.Fates {
			if f := &r.Fates[i]; f.Received > 0 && !ended[f.Local] {
				return f.Local + " has not ended"
			}
		}
		return ""
	})
	var loud []string
	for i := range r.Fates {
		for worker := range sc.s.opt.workers { // the same port may be a connection to each
			if own := lines[peer{strconv.Itoa(worker), r.Fates[i].Local}]; len(own) > 1 {
				loud = append(loud, strings.Join(own, "\n"))
			}
		}
	}
	if len(loud) > 0 {
		t.Errorf("%d connections of %d have more than one line in the log, such as\n%s", len(loud), len(r.Fates), loud[0])
	}
}

// length is how many lines there are so far.
func (b *logBuffer) length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// byPeer groups the lines from a given one on by the connections that they are about: before, a port may have been another connection's. What a
// publisher may make as many of as it has publications is left out, and so is what is logged for debugging. ended are the peers whose sessions have.
func (b *logBuffer) byPeer(from int) (lines map[peer][]string, ended map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, ended = map[peer][]string{}, map[string]bool{}
	for _, line := range b.lines[from:] {
		remote := attribute(line, "remote")
		if strings.Contains(line, `msg="session ended"`) {
			ended[remote] = true
		}
		if remote == "" || strings.Contains(line, "level=DEBUG") || strings.Contains(line, "msg=publishing ") {
			continue
		}
		p := peer{attribute(line, "worker"), remote}
		lines[p] = append(lines[p], line)
	}
	return lines, ended
}

// attribute is the value of the first attribute of that name, if it has no spaces.
func attribute(line, name string) string {
	_, rest, _ := strings.Cut(line, " "+name+"=")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// remove takes the lines that match out of the log: those that a test wanted, of a kind that no other test may see.
func (b *logBuffer) remove(pattern string) (removed []string) {
	re := regexp.MustCompile(pattern)
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []string
	for _, line := range b.lines {
		if re.MatchString(line) {
			removed = append(removed, line)
		} else {
			left = append(left, line)
		}
	}
	b.lines = left
	return removed
}
