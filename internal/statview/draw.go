package statview

import (
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

var (
	plain  = tcell.StyleDefault
	strong = plain.Bold(true)
	header = plain.Reverse(true)
	faint  = plain.Dim(true)
	alarm  = plain.Foreground(tcell.ColorRed).Bold(true)
)

// Lines above the rows of a table, and below.
const (
	above = 4 // the server, what is wrong, the tabs, the columns
	below = 1 // the keys
)

// draw puts all on the screen. One that is too small shows what there is room for.
func (v *View) draw(screen tcell.Screen, now time.Time) {
	f := newFrame(screen.Size())
	defer f.show(screen)
	if v.help {
		for y, line := range helpLines {
			f.put(0, y, line, plain)
		}
		return
	}
	v.drawHead(f, now)
	t := &v.tabs[v.tab]
	t.height = max(0, f.height-above-below)
	if v.model.status != nil && t.height > 0 {
		t.draw(f)
	}
	f.put(0, f.height-1, "q quit  Tab streams, workers  s sort  r reverse  / filter  ? help", faint)
}

// drawHead tells of the server, and below what is wrong.
func (v *View) drawHead(f *frame, now time.Time) {
	title, wrong, style := "rtmp-edge", "", strong
	if v.model.status != nil {
		title, wrong = v.model.summary(f.width), v.model.gaps()
	}
	if v.err != nil {
		wrong, style = v.silence(now), faint
	}
	f.put(0, 0, title, style)
	f.put(0, 1, wrong, alarm)
	if v.model.status == nil && v.err == nil {
		f.put(0, 1, "looking …", faint)
	}
	v.drawTabs(f)
}

// silence tells since when the server does not answer, and why.
func (v *View) silence(now time.Time) string {
	text := "no answer"
	if s := v.model.status; s != nil {
		text = fmt.Sprintf("no answer for %s: this is of %s", Age(now.Sub(v.lost)), s.Time.Format(time.TimeOnly))
	}
	return text + "; trying again: " + names.Printable(strings.ReplaceAll(v.err.Error(), "\n", "; "), maxWhy)
}

// maxWhy bounds what is told of an error.
const maxWhy = 400

func (v *View) drawTabs(f *frame) {
	x := 0
	for i := range v.tabs {
		style := faint
		if i == v.tab {
			style = strong
		}
		shown, all := v.tabs[i].rows.count()
		count := fmt.Sprint(all)
		if shown != all {
			count = fmt.Sprintf("%d of %d", shown, all)
		}
		x = f.put(x, 2, fmt.Sprintf("%s (%s)", v.tabs[i].rows.heading(), count), style)
		x = f.put(x, 2, "   ", plain)
	}
	if v.typed != nil {
		f.put(x, 2, "filter: "+names.Printable(*v.typed, maxWhy)+"_", strong)
	}
}

// draw puts the columns' titles and the rows that fit on the screen.
func (t *tab) draw(f *frame) {
	shown, _ := t.rows.count()
	t.top = max(0, min(t.top, shown-t.height))
	last := min(shown, t.top+t.height)
	cells := make([][]string, 0, t.height)
	for i := t.top; i < last; i++ {
		cells = append(cells, t.rows.row(i))
	}
	columns := t.rows.describe()
	t.measure(columns, cells)
	kept := fit(columns, t.widths, f.width)
	sorted, reverse := t.rows.order()
	f.put(0, above-1, strings.Repeat(" ", f.width), header)
	x := 0
	for _, n := range kept {
		title, style := columns[n].title, header
		if n == sorted {
			style = header.Bold(true).Underline(true)
			if reverse {
				title = strings.ToLower(title)
			}
		}
		f.put(x+t.indent(columns, n, title), above-1, title, style)
		for y := range cells {
			text := cells[y][n]
			f.put(x+t.indent(columns, n, text), above+y, text, plain)
		}
		x += t.widths[n] + 1
	}
}

// indent is how far from its column's left a text begins.
func (t *tab) indent(columns []heading, n int, text string) int {
	if columns[n].left {
		return 0
	}
	return max(0, t.widths[n]-uniseg.StringWidth(text))
}

// measure has the columns be wide enough. The last takes what is left.
func (t *tab) measure(columns []heading, cells [][]string) {
	if t.widths == nil {
		t.widths = make([]int, len(columns))
		for n, c := range columns {
			t.widths[n] = len(c.title)
		}
	}
	for _, row := range cells {
		for n := range len(columns) - 1 {
			t.widths[n] = max(t.widths[n], uniseg.StringWidth(row[n]))
		}
	}
}

// roomForLast is what the last column gets before others are left out for it.
const roomForLast = 20

// fit returns the columns for which there is room: on a narrow screen, those that can be spared best are left out.
func fit(columns []heading, widths []int, width int) (kept []int) {
	need := roomForLast
	most := 0
	for n, c := range columns[:len(columns)-1] {
		need += widths[n] + 1
		most = max(most, c.spare)
	}
	gone := map[int]bool{}
	for spare := most; spare > 0 && need > width; spare-- {
		for n, c := range columns {
			if c.spare == spare {
				gone[n] = true
				need -= widths[n] + 1
			}
		}
	}
	for n := range columns {
		if !gone[n] {
			kept = append(kept, n)
		}
	}
	return kept
}
