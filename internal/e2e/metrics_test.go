package e2e

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metrics scrapes a worker and returns every sample: by name and labels, as in the text.
func (s *server) metrics(worker int) (model.Vector, error) {
	status, body, err := s.call(worker, http.MethodGet, "/metrics")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("GET /metrics: status %d: %s", status, body)
	}
	return parseMetrics(body)
}

func parseMetrics(text []byte) (model.Vector, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("/metrics: %w", err)
	}
	var samples model.Vector
	for _, family := range families {
		found, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, family)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %w", err)
		}
		samples = append(samples, found...)
	}
	return samples, nil
}

// sum adds the samples of a metric whose labels match.
func sum(samples model.Vector, name string, labels model.LabelSet) (total float64, series int) {
	for _, s := range samples {
		if string(s.Metric[model.MetricNameLabel]) != name {
			continue
		}
		matches := true
		for label, value := range labels {
			matches = matches && s.Metric[label] == value
		}
		if matches {
			total += float64(s.Value)
			series++
		}
	}
	return total, series
}
