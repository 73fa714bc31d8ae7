package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A vt is what a terminal shows that got some output: as much of a VT100 as our program speaks to. What it does not know it skips, as terminals do.
type vt struct {
	rows      [][]rune
	x, y      int
	alternate bool // the other screen, which programs like ours use
}

// sequence is what is no text: control sequences, strings that end with ST, and other escapes (ECMA-48).
var sequence = regexp.MustCompile(`^\x1b(?:\[([?>=]?[0-9;:]*)[\x20-\x2f]*([\x40-\x7e])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x20-\x2f]*[\x30-\x7e])`)

// show returns what the terminal shows behind that output.
func show(output string, width, height int) *vt {
	t := &vt{rows: make([][]rune, height)}
	for y := range t.rows {
		t.rows[y] = []rune(strings.Repeat(" ", width))
	}
	for output != "" {
		if m := sequence.FindStringSubmatch(output); m != nil {
			output = output[len(m[0]):]
			t.obey(m[1], m[2])
			continue
		}
		r, n := utf8.DecodeRuneInString(output)
		output = output[n:]
		switch {
		case r == '\r':
			t.x = 0
		case r == '\n':
			t.y = min(t.y+1, height-1)
		case r >= ' ' && t.x < width && t.y < height:
			t.rows[t.y][t.x] = r
			t.x++
		}
	}
	return t
}

func (t *vt) obey(params, final string) {
	switch final + params {
	case "h?1049", "l?1049":
		t.alternate = final == "h"
		t.clear()
	case "J2", "J":
		t.clear()
	}
	if final == "H" {
		y, x, _ := strings.Cut(params, ";")
		t.y, t.x = place(y), place(x)
	}
}

func place(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n - 1
}

func (t *vt) clear() {
	for _, row := range t.rows {
		for x := range row {
			row[x] = ' '
		}
	}
}

func (t *vt) String() string {
	var b strings.Builder
	for _, row := range t.rows {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}
