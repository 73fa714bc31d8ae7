package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing wrong with a configuration.
type Error struct {
	File     string // "" when the configuration does not come from a file
	Line     int    // 0 when no line says it
	Variable string // of the environment, if that says it; there is no File and no Line then
	Key      string // path of the key, such as "rtmp.listen[0]"; "" when the problem is with the file, or the variable, as a whole
	Text     string // what is wrong: what to do

	other *Error // the same problem as seen from the other key that takes part in it
}

// Error returns "file:line: key: what is wrong: what to do", or "VARIABLE: key: …".
func (e Error) Error() string {
	var b strings.Builder
	switch {
	case e.Variable != "":
		b.WriteString(e.Variable + ": ")
	case e.File != "":
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	return b.String() + e.Text
}

// Errors are all the things wrong with a configuration, in the order of the file; those of the environment come last.
type Errors []Error

// Error returns one line for each problem.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems one by one.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

func (es *Errors) add(key, format string, args ...any) {
	*es = append(*es, Error{Key: key, Text: fmt.Sprintf(format, args...)})
}

// err returns es as an error, which is nil when there are none.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// A place is where a key is given: at a line of the file, or by a variable of the environment.
type place struct {
	line     int
	variable string
}

// locate says where each problem is: at its key or, where that has its default, at the nearest key around it that is given.
func (es Errors) locate(file string, places map[string]place) {
	for i := range es {
		p := &es[i]
		if p.other != nil {
			p.blame(places)
		}
		for key := p.Key; p.Line == 0 && p.Variable == "" && key != ""; key = parentKey(key) {
			p.Line, p.Variable = places[key].line, places[key].variable
		}
		if p.Variable == "" {
			p.File = file
		} else {
			p.Line = 0
		}
	}
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Line, b.Line))
	})
}

// rank is 0 for problems of the file, 1 for those of the environment.
func (e Error) rank() int {
	if e.Variable != "" {
		return 1
	}
	return 0
}

// blame turns a problem between two keys into one of the key that is given, should the other have its default. A variable
// that gives the other is told: nobody would look for it.
func (e *Error) blame(places map[string]place) {
	first, second := *e, *e.other
	if places[first.Key] == (place{}) {
		first, second = second, first
	}
	switch at := places[second.Key]; {
	case places[first.Key] == place{}:
	case at == place{}:
		first.Text += "; " + second.Key + " has its default here"
	case at.variable != "":
		first.Text += "; " + second.Key + " comes from " + at.variable
	}
	*e = first
}

// parentKey cuts the last part off a key path: "a.b[0]" → "a.b" → "a" → "".
func parentKey(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }
