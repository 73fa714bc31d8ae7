package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing wrong with a configuration.
type Error struct {
	File string // "" when the configuration does not come from a file
	Line int    // 0 when no line says it
	Key  string // path of the key, such as "rtmp.listen[0]"; "" when the problem is with the file as a whole
	Text string // what is wrong: what to do

	other *Error // the same problem as seen from the other key that takes part in it
}

// Error returns "file:line: key: what is wrong: what to do".
func (e Error) Error() string {
	var b strings.Builder
	if e.File != "" {
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

// Errors are all the things wrong with a configuration, in the order of the file.
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

// locate says where in the file each problem is: at its key or, where that has its default, at the nearest key
// around it that the file has.
func (es Errors) locate(file string, lines map[string]int) {
	for i := range es {
		p := &es[i]
		if p.other != nil {
			p.blame(lines)
		}
		p.File = file
		for key := p.Key; p.Line == 0 && key != ""; key = parentKey(key) {
			p.Line = lines[key]
		}
	}
	slices.SortStableFunc(es, func(a, b Error) int { return cmp.Compare(a.Line, b.Line) })
}

// blame turns a problem between two keys into one of the key that the file has, should the other have its default.
func (e *Error) blame(lines map[string]int) {
	first, second := *e, *e.other
	if lines[first.Key] == 0 {
		first, second = second, first
	}
	if lines[second.Key] == 0 && lines[first.Key] != 0 {
		first.Text += "; " + second.Key + " has its default here"
	}
	*e = first
}

// parentKey cuts the last part off a key path: "a.b[0]" → "a.b" → "a" → "".
func parentKey(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }
