package bench

import (
	"bytes"
	"fmt"
	"text/tabwriter"
)

// A table is lines of a name and what is to be said about it.
type table struct{ out bytes.Buffer }

func (t *table) row(name, format string, args ...any) {
	fmt.Fprintf(&t.out, "%s\t%s\n", name, fmt.Sprintf(format, args...))
}

func (t *table) percentiles(name string, p *Percentiles) {
	if p != nil {
		t.row(name, "p50 %.1f  p90 %.1f  p99 %.1f  max %.1f ms", p.P50, p.P90, p.P99, p.Max)
	}
}

func (t *table) errors(first []string) {
	for _, e := range first {
		t.row("", "%s", e)
	}
}

func (t *table) server(r *ServerResult) {
	if r == nil {
		return
	}
	t.row("server CPU", "%.2f s: %.1f %% of a core, %.3f s/GB, %.1f µs per player and second, %d processes",
		r.CPUSeconds, r.CPUPercent, r.CPUSecondsPerGB, r.USPerPlayerSecond, r.Processes)
	t.row("server memory", "%.1f MB (PSS), %.1f kB more per player", float64(r.PSSBytes)/1e6, r.PSSBytesPerPlayer/1e3)
	t.row("server writes", "%.1f per MB (write, writev and sendfile alone: not send and sendmsg)", r.WritesPerMB)
}

func (t *table) text() string {
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = w.Write(t.out.Bytes()) // a buffer takes all
	_ = w.Flush()
	return out.String()
}

// Table is the result for people.
func (r *PublishResult) Table() string {
	var t table
	t.row("streams", "%d of %d", r.Published, r.Streams)
	t.row("published", "%.1f MB in %.1f s: %.2f Mbit/s, %d messages", float64(r.Bytes)/1e6, r.Seconds, r.MbitPerSecond, r.Messages)
	t.percentiles("late", r.LateMS)
	t.row("held up", "%d messages, by the server's window", r.Held)
	t.row("errors", "%d", r.Errors)
	t.errors(r.FirstErrors)
	t.server(r.Server)
	return t.text()
}

// Table is the result for people.
func (r *PlayResult) Table() string {
	var t table
	t.row("players", "%d of %d connected, %d playing, %d failed, %d dropped", r.Connected, r.Players, r.Playing, r.Failed, r.Dropped)
	if r.Stalled != nil {
		t.row("stalled", "%d, of which %d were dropped by the server", r.Stalled.Players, r.Stalled.Dropped)
	}
	t.row("delivered", "%.1f MB in %.1f s: %.2f Mbit/s", float64(r.Bytes)/1e6, r.Seconds, r.MbitPerSecond)
	t.row("verified", "%d messages, by %d players: %d gaps (%d messages), %d errors", r.Messages, r.Verifying, r.Gaps, r.Missing, r.Errors)
	t.errors(r.FirstErrors)
	t.percentiles("latency", r.LatencyMS)
	t.percentiles("join", r.JoinMS)
	if r.Joins > 0 {
		t.row("joined later", "%d", r.Joins)
	}
	t.server(r.Server)
	return t.text()
}

// Table is the result for people.
func (r *LimitResult) Table() string {
	var t table
	t.row("sent", "%.1f MB in %.1f s: %.2f Mbit/s, to %d sockets", float64(r.Bytes)/1e6, r.Seconds, r.MbitPerSecond, r.Players)
	t.row("calls", "%d by %s, one for each socket every %.0f ms; %d were short", r.Calls, r.Mode, r.FlushMS, r.Short)
	t.percentiles("late", r.LateMS)
	t.row("CPU", "%.2f s: %.1f %% of a core, %.2f µs a call", r.CPUSeconds, r.CPUPercent, r.USPerCall)
	t.row("limit", "%.3f s/GB", r.CPUSecondsPerGB)
	return t.text()
}
