package metrics

import "strconv"

// A Control counts what is asked of the control API: api.Options.Observer.
type Control struct{ m *Metrics }

// Control returns what counts requests to the control API.
func (m *Metrics) Control() Control { return Control{m} }

// Control counts an answer. The command is a name that the API gave its route, not what somebody asked for.
func (c Control) Control(command string, code int) {
	_, _ = c.m.ControlIncomplete.GetMetricWithLabelValues(word(command)) // so that it is there with 0 before the first
	if code < 100 || code > 599 {
		code = 500
	}
	if series, err := c.m.ControlRequests.GetMetricWithLabelValues(word(command), strconv.Itoa(code)); err == nil {
		series.Inc()
	}
}

// Incomplete counts an answer in which a worker was missing.
func (c Control) Incomplete(command string) {
	if series, err := c.m.ControlIncomplete.GetMetricWithLabelValues(word(command)); err == nil {
		series.Inc()
	}
}
