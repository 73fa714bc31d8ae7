package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// metric sums up a metric over all workers; labels are pairs of a name and a value.
func (s *server) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	samples, err := s.metrics(shared)
	if err != nil {
		t.Fatal(err)
	}
	if up, _ := sum(samples, "rtmpedge_worker_up", nil); int(up) != s.opt.workers {
		t.Fatalf("%v of %d workers answered the scrape", up, s.opt.workers)
	}
	total, _ := sum(samples, name, labelSet(labels)) // what never happened may have no series
	return total
}

// labelSet makes labels of pairs of a name and a value.
func labelSet(pairs []string) model.LabelSet {
	set := model.LabelSet{}
	for i := 0; i+1 < len(pairs); i += 2 {
		set[model.LabelName(pairs[i])] = model.LabelValue(pairs[i+1])
	}
	return set
}

// awaitMetric waits until a metric, summed up over all workers, has at least a value.
func (s *server) awaitMetric(t testing.TB, least float64, name string, labels ...string) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%s%v of %v", name, labels, least), func() string {
		if got := s.metric(t, name, labels...); got < least {
			return fmt.Sprint(got)
		}
		return ""
	})
}

// endOf waits for the log line of the session of a remote address that has ended, and returns it.
func (s *server) endOf(t testing.TB, remote string) string {
	t.Helper()
	pattern := `msg="session ended" .*remote=` + strings.ReplaceAll(remote, ".", `\.`) + " "
	s.log.wait(t, soon, pattern, 1)
	return s.log.find(pattern)[0]
}

// stays fails the test when a condition does not hold all the time.
func stays(t testing.TB, during time.Duration, what string, condition func() string) {
	t.Helper()
	end := time.After(during)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if missing := condition(); missing != "" {
			t.Fatalf("%s: %s", what, missing)
		}
		select {
		case <-end:
			return
		case <-tick.C:
		}
	}
}

// containsAll tells whether a line holds every one of some words.
func containsAll(line string, words ...string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}
