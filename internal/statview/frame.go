package statview

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// A frame is what the screen is to show. Only what differs from what it shows is given to it, so that little is sent to a terminal far away.
type frame struct {
	width, height int
	cells         []cell // row by row
}

type cell struct {
	text  string // a grapheme cluster; a space where the one left of it is wide
	style tcell.Style
}

func newFrame(width, height int) *frame {
	f := &frame{width: width, height: height, cells: make([]cell, width*height)}
	for i := range f.cells {
		f.cells[i] = cell{text: " ", style: plain}
	}
	return f
}

// put writes in one line as far as there is room, and returns where the text ends.
func (f *frame) put(x, y int, text string, style tcell.Style) int {
	if y < 0 || y >= f.height {
		return x
	}
	for state := -1; text != ""; {
		var cluster string
		var width int
		cluster, text, width, state = uniseg.FirstGraphemeClusterInString(text, state)
		if width == 0 { // nothing carries it
			continue
		}
		if x+width > f.width {
			break
		}
		f.cells[y*f.width+x] = cell{text: cluster, style: style}
		for n := 1; n < width; n++ {
			f.cells[y*f.width+x+n] = cell{text: " ", style: style}
		}
		x += width
	}
	return x
}

// show has the screen show it.
func (f *frame) show(screen tcell.Screen) {
	for i, c := range f.cells {
		x, y := i%f.width, i/f.width
		if text, style, _ := screen.Get(x, y); text != c.text || style != c.style {
			screen.Put(x, y, c.text, c.style)
		}
	}
	screen.Show()
}
