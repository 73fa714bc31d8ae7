package api

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Short names for what the exposition is made of.
type (
	family = dto.MetricFamily
	metric = dto.Metric
	label  = dto.LabelPair
)

// workerLabel is added to every series, in place of what Prometheus does for separate targets.
const workerLabel = "worker"

// A dropped family could not be shown with those of the other workers.
type dropped struct {
	worker         int
	family, reason string
}

// metricsMerge joins the metrics of all workers: one family per name, series in the order of workers.
type metricsMerge struct {
	families map[string]*family
	up       []int       // workers whose metrics are in
	missing  map[int]int // worker → families of it that are not
	dropped  []dropped
}

func newMetricsMerge() *metricsMerge {
	m := &metricsMerge{families: make(map[string]*family), missing: make(map[int]int)}
	for _, name := range []string{metricUp, metricExpected, metricAnswered, metricDropped} {
		m.families[name] = &family{Name: new(name), Type: dto.MetricType_GAUGE.Enum(), Help: new(ownHelp[name])}
	}
	return m
}

// addWorker takes one worker's answer in; an error means that nothing of it could be read.
func (m *metricsMerge) addWorker(ans broadcast.Answer) error {
	worker := strconv.Itoa(ans.Worker)
	drop := func(name, reason string) {
		m.missing[ans.Worker]++
		m.dropped = append(m.dropped, dropped{ans.Worker, name, reason})
	}
	families, bad, err := decodeFamilies(ans)
	if err != nil {
		return err
	}
	for _, reason := range bad {
		drop("", reason)
	}
	for _, f := range families {
		if reason := m.add(f, worker); reason != "" {
			drop(f.GetName(), reason)
		}
	}
	if n, _ := strconv.Atoi(ans.Header.Get(gatherErrors)); n > 0 {
		m.missing[ans.Worker] += n
	}
	m.up = append(m.up, ans.Worker)
	return nil
}

// add takes one family of one worker in, or says why it can't.
func (m *metricsMerge) add(f *family, worker string) (refused string) {
	if _, own := ownHelp[f.GetName()]; own {
		return "the name is reserved"
	}
	if len(f.GetMetric()) == 0 {
		return ""
	}
	pair := &label{Name: new(workerLabel), Value: &worker}
	for _, s := range f.GetMetric() {
		if !hasType(s, f.GetType()) {
			return "a series is not of the family's type"
		}
		labels := append(s.GetLabel(), pair)
		slices.SortFunc(labels, func(a, b *label) int { return strings.Compare(a.GetName(), b.GetName()) })
		for i := 1; i < len(labels); i++ {
			if labels[i].GetName() == labels[i-1].GetName() {
				return "a series has the label " + labels[i].GetName() + " twice"
			}
		}
		s.Label = labels
	}
	f.Metric = sortSeries(f.GetMetric())
	have := m.families[f.GetName()]
	switch {
	case have == nil:
		m.families[f.GetName()] = f
	case have.GetType() != f.GetType():
		return fmt.Sprintf("it is a %s here and a %s there", f.GetType(), have.GetType())
	default:
		have.Metric = append(have.Metric, f.GetMetric()...)
		if have.GetHelp() == "" {
			have.Help = f.Help
		}
	}
	return ""
}

// hasType reports whether a series carries the kind of value its family says.
func hasType(s *metric, t dto.MetricType) bool {
	switch t {
	case dto.MetricType_COUNTER:
		return s.Counter != nil
	case dto.MetricType_GAUGE:
		return s.Gauge != nil
	case dto.MetricType_SUMMARY:
		return s.Summary != nil
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return s.Histogram != nil
	case dto.MetricType_UNTYPED:
		return s.Untyped != nil
	default:
		return false
	}
}

// sortSeries orders the series of one worker by their labels and keeps the first of equal ones. A registry has done both
// already; what else answers may not have.
func sortSeries(series []*metric) []*metric {
	ascending := true
	for i := 1; i < len(series) && ascending; i++ {
		ascending = compareLabels(series[i-1], series[i]) < 0
	}
	if ascending {
		return series
	}
	slices.SortStableFunc(series, compareLabels)
	return slices.CompactFunc(series, func(a, b *metric) bool { return compareLabels(a, b) == 0 })
}

func compareLabels(a, b *metric) int {
	return slices.CompareFunc(a.GetLabel(), b.GetLabel(), func(x, y *label) int {
		return cmp.Or(strings.Compare(x.GetName(), y.GetName()), strings.Compare(x.GetValue(), y.GetValue()))
	})
}

var errMetrics = errors.New("answered with unreadable metrics")

// decodeFamilies reads what a worker answered. bad says of each family that can't be used why; the names of metrics and
// labels and the values of labels have been checked in those that can.
func decodeFamilies(ans broadcast.Answer) (families []*family, bad []string, err error) {
	format := expfmt.ResponseFormat(ans.Header)
	switch format {
	case expfmt.FmtProtoDelim:
		frames, err := splitDelimited(ans.Body)
		if err != nil {
			return nil, nil, err
		}
		for _, frame := range frames {
			f := &family{}
			if err := expfmt.NewDecoder(bytes.NewReader(frame), format).Decode(f); err != nil {
				bad = append(bad, err.Error())
				continue
			}
			families = append(families, f)
		}
		if len(families) == 0 && len(bad) > 0 {
			return nil, nil, fmt.Errorf("%w: %s", errMetrics, bad[0])
		}
		return families, bad, nil
	case expfmt.FmtText:
		dec := expfmt.NewDecoder(bytes.NewReader(ans.Body), format)
		for {
			f := &family{}
			if err := dec.Decode(f); errors.Is(err, io.EOF) {
				return families, nil, nil
			} else if err != nil {
				return nil, nil, fmt.Errorf("%w: %w", errMetrics, err)
			}
			families = append(families, f)
		}
	default:
		return nil, nil, fmt.Errorf("%w: content type %q", errMetrics, ans.Header.Get("Content-Type"))
	}
}

// splitDelimited cuts a body into its families, each behind its length as a varint. The decoder of expfmt would take
// memory for any length that is claimed.
func splitDelimited(body []byte) ([][]byte, error) {
	var frames [][]byte
	for len(body) > 0 {
		size, n := binary.Uvarint(body)
		if n <= 0 || size > uint64(len(body)-n) {
			return nil, fmt.Errorf("%w: broken off", errMetrics)
		}
		end := n + int(size)
		frames = append(frames, body[:end])
		body = body[end:]
	}
	return frames, nil
}
