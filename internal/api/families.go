package api

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/common/expfmt"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// workerLabel is added to every series, in place of what Prometheus does for separate targets.
const workerLabel = "worker"

// A dropped family could not be shown with those of the other workers.
type dropped struct {
	worker         int
	family, reason string
}

// A family is all that is said of one metric: of each worker the lines of its series, in the order of workers.
type family struct {
	name, help, kind string // help as in the text: escaped
	lines            [][]byte
}

// metricsMerge joins the metrics of all workers, as text (Prometheus' text-based format, 0.0.4): what a worker says is cut into families, and every
// series gets the worker's label. Nothing is decoded that need not be: a scrape may have tens of thousands of series.
type metricsMerge struct {
	families map[string]*family
	up       []int       // workers whose metrics are in
	draining int         // how many of these drain
	missing  map[int]int // worker → families of it that are not
	dropped  []dropped
}

func newMetricsMerge() *metricsMerge {
	m := &metricsMerge{families: make(map[string]*family), missing: make(map[int]int)}
	for name, help := range ownHelp {
		m.families[name] = &family{name: name, help: help, kind: "gauge"}
	}
	return m
}

var errMetrics = errors.New("answered with unreadable metrics")

// addWorker takes one worker's answer in; an error means that nothing of it could be read.
func (m *metricsMerge) addWorker(ans broadcast.Answer) error {
	if format := expfmt.ResponseFormat(ans.Header); format != expfmt.FmtText {
		return fmt.Errorf("%w: content type %q", errMetrics, ans.Header.Get("Content-Type"))
	}
	if !utf8.Valid(ans.Body) {
		return fmt.Errorf("%w: they are not UTF-8", errMetrics)
	}
	pieces := cutFamilies(ans.Body, strconv.Itoa(ans.Worker))
	good := 0
	for i := range pieces {
		p := &pieces[i]
		reason := p.bad
		if reason == "" {
			good++
			reason = m.add(p)
		}
		if reason != "" {
			m.missing[ans.Worker]++
			m.dropped = append(m.dropped, dropped{ans.Worker, p.name, reason})
		}
	}
	if good == 0 && len(pieces) > 0 {
		return fmt.Errorf("%w: %s", errMetrics, pieces[0].bad)
	}
	if n, _ := strconv.Atoi(ans.Header.Get(gatherErrors)); n > 0 {
		m.missing[ans.Worker] += n
	}
	m.up = append(m.up, ans.Worker)
	if WorkerState(ans.Header.Get(workerState)) == WorkerDraining {
		m.draining++
	}
	return nil
}

// add takes one family of one worker in, or says why it can't.
func (m *metricsMerge) add(p *piece) (refused string) {
	if _, own := ownHelp[p.name]; own {
		return "the name is reserved"
	}
	have := m.families[p.name]
	switch {
	case have == nil:
		m.families[p.name] = &family{name: p.name, help: p.help, kind: p.kind, lines: [][]byte{p.lines}}
		return ""
	case have.kind != p.kind:
		return fmt.Sprintf("it is a %s here and a %s there", p.kind, have.kind)
	}
	have.lines = append(have.lines, p.lines)
	have.help = cmp.Or(have.help, p.help)
	return ""
}

// sorted returns the families that say something, by name.
func (m *metricsMerge) sorted() []*family {
	out := make([]*family, 0, len(m.families))
	for _, f := range m.families {
		if len(f.lines) > 0 {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *family) int { return strings.Compare(a.name, b.name) })
	return out
}
