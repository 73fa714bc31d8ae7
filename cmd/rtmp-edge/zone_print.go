package main

import (
	"bytes"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/statview"
)

// json is the report for programs.
func (r *zoneReport) json() ([]byte, error) { return asciiJSON(r) }

// text is the report for a human.
func (r *zoneReport) text() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "server   run_dir %s, master %d %s\n", statview.Name(r.RunDir), r.Master.PID, r.Master.Process)
	if z := r.Zone; z != nil {
		fmt.Fprintf(&out, "zone     %d buckets, capacity %d streams, names to %d bytes, %.1f MiB of memory\n",
			z.Buckets, z.Capacity, z.NameMax, float64(z.Bytes)/(1<<20))
		fmt.Fprintf(&out, "streams  %d live, %d dead, %d busy, %d free\n", z.Live, z.Dead, z.Busy, z.Free)
		if z.Frozen {
			out.WriteString("frozen   claims wait: the zone is getting other sizes\n")
		}
	}
	now := time.Now()
	r.slotTable(&out, now)
	r.streamTable(&out, now)
	out.WriteByte('\n')
	r.Check.text(&out, "check", "DAMAGED")
	r.IdleCheck.text(&out, "idle check", "this lasts")
	return out.Bytes()
}

func (r *zoneReport) slotTable(out *bytes.Buffer, now time.Time) {
	if len(r.Slots) == 0 {
		return
	}
	table := []byte("\nSLOT\tEPOCH\tSTATE\tPID\tPROCESS\tSINCE\tSTREAMS\tCLAIMS\tTAKEN\tREFUSED\tRELEASES\tRECLAIMED\n")
	for _, s := range r.Slots {
		state, pid, process, since := "closed", "-", "-", "-"
		if s.Open {
			state = "open"
		}
		if s.PID != 0 {
			pid, process = strconv.Itoa(s.PID), s.Process
		}
		if s.Since != nil {
			since = fmt.Sprintf("%s (%s)", s.Since.Local().Format(time.DateTime), statview.Age(now.Sub(*s.Since)))
		}
		table = fmt.Appendf(table, "%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n",
			s.Slot, s.Epoch, state, pid, process, since, s.Streams, s.Claims, s.Taken, s.Refused, s.Releases, s.Reclaimed)
	}
	align(out, table)
}

func (r *zoneReport) streamTable(out *bytes.Buffer, now time.Time) {
	if len(r.Streams) > 0 {
		table := []byte("\nSLOT\tID\tAGE\tSTREAM\n") // the name comes last: it may be long
		for _, s := range r.Streams {
			table = fmt.Appendf(table, "%d\t%s\t%s\t%s\n", s.Slot, s.ID, statview.Age(now.Sub(s.Born)), statview.Name(s.Name))
		}
		align(out, table)
	}
	if r.StreamsMore > 0 {
		fmt.Fprintf(out, "\n%d streams not listed: --streams=-1 lists all\n", r.StreamsMore)
	}
	if r.StreamsError != "" {
		fmt.Fprintf(out, "\nthe list is not whole: %s\n", r.StreamsError)
	}
}

// align puts cells that are separated by tabs below each other. Cells have no tabs and line ends of their own.
func align(out *bytes.Buffer, table []byte) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = w.Write(table) // a buffer takes all
	_ = w.Flush()
}

func (c *zoneCheck) text(out *bytes.Buffer, what, bad string) {
	switch {
	case c == nil: // not done
	case c.Good:
		fmt.Fprintf(out, "%s: good\n", what)
	default:
		fmt.Fprintf(out, "%s: %s\n", what, bad)
		for _, f := range c.Findings {
			fmt.Fprintf(out, "  %s\n", f)
		}
	}
}
