package statview

import (
	"slices"
	"strings"
)

// A list is the rows of a table that are shown, in their order.
type list[T any] struct {
	name    string
	columns []column[T]
	filter  func(*T, string) bool

	all     []T
	shown   []*T
	sorted  int // the column
	reverse bool
	words   string // of the filter
}

// set takes the rows of a new look.
func (l *list[T]) set(rows []T) {
	l.all = rows
	l.arrange()
}

// arrange filters and sorts. Of two rows that are alike in the column, the first in the last column comes first.
func (l *list[T]) arrange() {
	l.shown = l.shown[:0]
	for i := range l.all {
		if l.words == "" || l.filter(&l.all[i], l.words) {
			l.shown = append(l.shown, &l.all[i])
		}
	}
	first, then := l.columns[l.sorted].compare, l.columns[len(l.columns)-1].compare
	slices.SortStableFunc(l.shown, func(a, b *T) int {
		n := first(a, b)
		if l.reverse {
			n = -n
		}
		if n == 0 {
			n = then(a, b)
		}
		return n
	})
}

// next sorts by the next column.
func (l *list[T]) next() {
	l.sorted, l.reverse = (l.sorted+1)%len(l.columns), false
	l.arrange()
}

func (l *list[T]) turn() {
	l.reverse = !l.reverse
	l.arrange()
}

func (l *list[T]) pick(words string) {
	l.words = strings.ToLower(words)
	l.arrange()
}

func (l *list[T]) heading() string { return l.name }

// count is how many rows are shown, and how many there are.
func (l *list[T]) count() (shown, all int) { return len(l.shown), len(l.all) }

// order names the column that is sorted by.
func (l *list[T]) order() (column int, reverse bool) { return l.sorted, l.reverse }

// describe tells of each column what a table needs to know.
func (l *list[T]) describe() []heading {
	out := make([]heading, len(l.columns))
	for i, c := range l.columns {
		out[i] = heading{c.title, c.left, c.spare}
	}
	return out
}

type heading struct {
	title string
	left  bool
	spare int
}

// row returns the cells of a row that is shown.
func (l *list[T]) row(i int) []string {
	cells := make([]string, len(l.columns))
	for n, c := range l.columns {
		cells[n] = c.text(l.shown[i])
	}
	return cells
}
