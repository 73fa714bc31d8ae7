package statview

import (
	"fmt"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/rtmp-edge/rtmp-edge/internal/api"
	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

// A model is what is shown of a server.
type model struct {
	status  *ctl.Status // nil before the first look
	streams list[api.Stream]
	workers list[workerRow]
}

func newModel() *model {
	m := &model{
		streams: list[api.Stream]{
			name: "Streams", columns: streamColumns, sorted: len(streamColumns) - 1,
			filter: func(s *api.Stream, words string) bool { return strings.Contains(strings.ToLower(key(s)), words) },
		},
		workers: list[workerRow]{name: "Workers", columns: workerColumns},
	}
	m.workers.filter = func(w *workerRow, words string) bool {
		return strings.Contains(strings.ToLower(strings.Join(cellsOf(w), " ")), words)
	}
	return m
}

func cellsOf(w *workerRow) []string {
	return (&list[workerRow]{columns: workerColumns, shown: []*workerRow{w}}).row(0)
}

func (m *model) set(s *ctl.Status) {
	m.status = s
	m.streams.set(s.Streams.Streams)
	m.workers.set(workerRows(s))
}

// summary is the server in one line of that width: where there is no room for all, what comes first is left out, as the numbers of now are more than
// the version.
func (m *model) summary(width int) string {
	s := m.status
	var in, out float64
	var publishers, players int
	for i := range s.Workers.Workers {
		w := &s.Workers.Workers[i]
		in, out = in+w.Load.BitrateIn, out+w.Load.BitrateOut
		publishers, players = publishers+w.Publishers, players+w.Players
	}
	version := s.Version
	if version == "" {
		version = "of unknown version"
	}
	up := none
	if t := s.Started(); !t.IsZero() {
		up = Age(s.Time.Sub(t))
	}
	parts := []string{
		"rtmp-edge " + version, "up " + up, fmt.Sprintf("workers %d of %d", s.Workers.Answered, s.Workers.Expected),
		"in " + rate(in) + "b/s", "out " + rate(out) + "b/s", fmt.Sprintf("publishers %d", publishers), fmt.Sprintf("players %d", players),
	}
	for {
		line := strings.Join(parts, "  ")
		if len(parts) == 1 || uniseg.StringWidth(line) <= width {
			return line
		}
		parts = parts[1:]
	}
}

// gaps tells what the tables do not.
func (m *model) gaps() string {
	var gaps []string
	if n := m.status.Workers.Expected - m.status.Workers.Answered; n > 0 {
		gaps = append(gaps, fmt.Sprintf("%d of %d workers did not answer: what they have is missing", n, m.status.Workers.Expected))
	}
	if m.status.Streams.Next != "" {
		gaps = append(gaps, fmt.Sprintf("only the first %d streams by name were asked for (--streams)", len(m.status.Streams.Streams)))
	}
	return strings.Join(gaps, "; ")
}
