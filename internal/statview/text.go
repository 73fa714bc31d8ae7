package statview

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/rtmp-edge/rtmp-edge/internal/ctl"
)

// Text is a status as plain text.
func Text(s *ctl.Status) []byte {
	m := newModel()
	m.set(s)
	var out bytes.Buffer
	fmt.Fprintln(&out, m.summary(math.MaxInt))
	if gaps := m.gaps(); gaps != "" {
		fmt.Fprintln(&out, gaps)
	}
	textTable(&out, &m.workers)
	textTable(&out, &m.streams)
	return out.Bytes()
}

// textTable puts the cells below each other. Cells have no tabs and line ends of their own.
func textTable[T any](out *bytes.Buffer, l *list[T]) {
	if len(l.shown) == 0 {
		return
	}
	out.WriteByte('\n')
	titles := make([]string, 0, len(l.columns))
	for _, h := range l.describe() {
		titles = append(titles, h.title)
	}
	lines := make([]string, 0, len(l.shown)+1)
	lines = append(lines, strings.Join(titles, "\t"))
	for i := range l.shown {
		lines = append(lines, strings.Join(l.row(i), "\t"))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = w.Write([]byte(strings.Join(lines, "\n") + "\n")) // a buffer takes all
	_ = w.Flush()
}
