package statview

import (
	"github.com/gdamore/tcell/v2"
)

// helpLines tell what the keys do.
var helpLines = []string{
	"q, Ctrl-C      quit",
	"Tab            streams, workers",
	"up, down       a row up or down; also PgUp, PgDn, Home, End",
	"s              sort by the next column",
	"r              the other way round",
	"/              filter: those whose name has these letters; Enter keeps it, Esc ends it",
	"?              this help; any key ends it",
	"",
	"IN and OUT are bits a second; those of a worker have what goes to and comes from the others in them.",
	"HEALTH: jumps are those of the publisher's timestamps; silent is how long there was no frame.",
}

// handle does what a key says, and reports whether that is to quit.
func (v *View) handle(e tcell.Event, screen tcell.Screen) (quit bool) {
	switch e := e.(type) {
	case *tcell.EventResize:
		screen.Sync()
	case *tcell.EventKey:
		if e.Key() == tcell.KeyCtrlC {
			return true
		}
		switch {
		case v.help:
			v.help = false
		case v.typed != nil:
			v.typing(e)
		default:
			return v.key(e)
		}
	}
	return false
}

func (v *View) key(e *tcell.EventKey) (quit bool) {
	t := &v.tabs[v.tab]
	switch e.Key() {
	case tcell.KeyTab, tcell.KeyBacktab:
		v.tab = 1 - v.tab
	case tcell.KeyUp:
		t.top--
	case tcell.KeyDown:
		t.top++
	case tcell.KeyPgUp:
		t.top -= max(1, t.height-1)
	case tcell.KeyPgDn:
		t.top += max(1, t.height-1)
	case tcell.KeyHome:
		t.top = 0
	case tcell.KeyEnd:
		t.top, _ = t.rows.count()
	case tcell.KeyEscape:
		t.rows.pick("")
	case tcell.KeyRune:
		return v.letter(e.Rune(), t)
	}
	return false
}

func (v *View) letter(r rune, t *tab) (quit bool) {
	switch r {
	case 'q':
		return true
	case 's':
		t.rows.next()
		t.top = 0
	case 'r':
		t.rows.turn()
		t.top = 0
	case 'k':
		t.top--
	case 'j':
		t.top++
	case '/':
		v.typed = new("")
		t.rows.pick("")
	case '?', 'h':
		v.help = true
	}
	return false
}

// typing changes the filter, which holds at once.
func (v *View) typing(e *tcell.EventKey) {
	t := &v.tabs[v.tab]
	switch e.Key() {
	case tcell.KeyEnter:
		v.typed = nil
		return
	case tcell.KeyEscape:
		v.typed = nil
		t.rows.pick("")
		return
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		if r := []rune(*v.typed); len(r) > 0 {
			*v.typed = string(r[:len(r)-1])
		}
	case tcell.KeyCtrlU:
		*v.typed = ""
	case tcell.KeyRune:
		*v.typed += string(e.Rune())
	default:
		return
	}
	t.top = 0
	t.rows.pick(*v.typed)
}
