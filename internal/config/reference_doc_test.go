package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A docRow is a row of the table of keys.
type docRow struct{ initial, values, effect, reload string }

var docRowPattern = regexp.MustCompile("(?m)^\\| `([a-z_.\\[\\]]+)` \\| (.+?) \\| (.+?) \\| (.+?) \\| (.+?) \\|$")

func docRows(t *testing.T) map[string]docRow {
	t.Helper()
	rows := make(map[string]docRow)
	for _, m := range docRowPattern.FindAllStringSubmatch(read(t, referenceDoc), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("%s is there twice", m[1])
		}
		rows[m[1]] = docRow{m[2], m[3], m[4], m[5]}
	}
	return rows
}

func TestReferenceHasEveryKey(t *testing.T) {
	t.Parallel()
	rows := docRows(t)
	for key, value := range leaves(reflect.ValueOf(*Default()), "") {
		row, ok := rows[key]
		switch {
		case !ok:
			t.Errorf("%s is missing", key)
		case strings.Contains(key, "[]"), value == "": // "none", or told in words
		case row.initial != "`"+value+"`":
			t.Errorf("%s has default `%s`, but %s in %s", key, value, row.initial, referenceDoc)
		}
		delete(rows, key)
	}
	for key := range rows {
		t.Errorf("%s is no key", key)
	}
}

var variableRow = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| `([a-z_.]+)` \\|$")

// TestReferenceHasEveryVariable: in the order of the keys.
func TestReferenceHasEveryVariable(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, s := range Default().settings() {
		want = append(want, "| `"+variable(s.key)+"` | `"+s.key+"` |")
	}
	for _, m := range variableRow.FindAllStringSubmatch(read(t, referenceDoc), -1) {
		got = append(got, m[0])
	}
	if wanted, gotten := strings.Join(want, "\n"), strings.Join(got, "\n"); wanted != gotten {
		t.Errorf("the table is\n%s\nand should be\n%s", gotten, wanted)
	}
}

var variableExample = regexp.MustCompile("(RTMPEDGE_[A-Z_]+=)('[^']*'|[^\\s`']*)")

// TestReferencesShowVariables that are good.
func TestReferencesShowVariables(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]int{referenceDoc: 7, shippedFile: 3} {
		examples := variableExample.FindAllStringSubmatch(read(t, file), -1)
		if len(examples) != want {
			t.Errorf("%s: %q", file, examples)
		}
		for _, m := range examples {
			if _, err := load("", []string{m[1] + strings.Trim(m[2], "'")}); err != nil {
				t.Errorf("%s: %s: %v", file, m[0], err)
			}
		}
	}
}

// listening are the lists of addresses, of which a reload only takes more.
var listening = regexp.MustCompile(`^((rtmp|rtmp\.tls|http)\.listen|multi_listen(\[\]\..+)?)$`)

// TestReferencesTellWhatNeedsARestart: the document in a column of its own, the file in the comments.
func TestReferencesTellWhatNeedsARestart(t *testing.T) {
	t.Parallel()
	rows, keys := docRows(t), fileKeys(t, read(t, shippedFile))
	for key := range leaves(reflect.ValueOf(*Default()), "") {
		column := "yes"
		var restart, adds bool
		switch {
		case NeedsRestart(key):
			column, restart = "restart", true
		case listening.MatchString(key):
			column, adds = "adds", true
		}
		if rows[key].reload != column {
			t.Errorf("%s: Reload is %q, want %q", key, rows[key].reload, column)
		}
		list, _, inList := strings.Cut(key, "[]")
		comment := oneLine(keys[list].comment)
		if got := strings.Contains(comment, "Only a restart changes this."); got != restart && !inList {
			t.Errorf("%s: needs a restart: %t, but its comment is %q", key, restart, comment)
		}
		if got := strings.Contains(comment, "A reload listens on those that are new; only a restart gives one up."); got != adds {
			t.Errorf("%s: listens: %t, but its comment is %q", key, adds, comment)
		}
	}
}

func oneLine(comment string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(comment, "#", "")), " ")
}

var (
	bothBounds = regexp.MustCompile(`([0-9]+[A-Za-z]*) to ([0-9]+[A-Za-z]*)`)
	lowerBound = regexp.MustCompile(`at least ([0-9]+[A-Z]i?B)()`)
)

// TestReferencesTellRanges: both the document and the file give the bounds that the code has.
func TestReferencesTellRanges(t *testing.T) {
	t.Parallel()
	rows, keys := docRows(t), fileKeys(t, read(t, shippedFile))
	for _, s := range Default().settings() {
		values, comment := rows[s.key].values, oneLine(keys[s.key].comment)
		pattern := bothBounds
		if !bothBounds.MatchString(values) {
			pattern = lowerBound
		}
		bounds, inFile := pattern.FindString(values), pattern.FindString(comment)
		if bounds != inFile {
			t.Errorf("%s: %q in the document, %q in the file", s.key, bounds, inFile)
		}
		if _, isText := s.value.Interface().(string); bounds != "" && !isText {
			m := pattern.FindStringSubmatch(bounds)
			checkBounds(t, s, m[1], m[2])
			continue
		}
		switch s.value.Interface().(type) {
		case int, Workers, Size:
			t.Errorf("%s has no bounds: %s", s.key, values)
		case time.Duration:
			checkZero(t, s, values, comment)
		case bool:
			if values != "`true`, `false`" {
				t.Errorf("%s: %s", s.key, values)
			}
		}
	}
}

// checkZero tells whether a duration may be zero where both say so, and nowhere else.
func checkZero(t *testing.T, s setting, values, comment string) {
	t.Helper()
	above := strings.Contains(values, "above 0")
	if !strings.HasPrefix(values, "duration") || above != strings.Contains(comment, "Above 0") {
		t.Errorf("%s: is 0s allowed? %q in the document, %q in the file", s.key, values, comment)
	}
	if problem := tried(s, "0s"); (problem != "") != above {
		t.Errorf("%s: %s, but what is wrong with 0s is %q", s.key, values, problem)
	}
	if tried(s, "-1ms") == "" {
		t.Errorf("%s can be negative", s.key)
	}
}

// checkBounds tries the values at the bounds, and beyond them.
func checkBounds(t *testing.T, s setting, low, high string) {
	t.Helper()
	for _, good := range []string{low, high} {
		if problem := tried(s, good); strings.Contains(problem, "out of range") || strings.Contains(problem, " is less than "+low) {
			t.Errorf("%s can't be %s: %s", s.key, good, problem)
		}
	}
	for _, bad := range []string{beyond(t, s, low, -1), beyond(t, s, high, 1)} {
		if problem := tried(s, bad); bad != "" && problem == "" {
			t.Errorf("%s can be %s", s.key, bad)
		}
	}
}

// beyond returns the value a step from text; "" if that is "".
func beyond(t *testing.T, s setting, text string, step int64) string {
	t.Helper()
	if text == "" {
		return ""
	}
	v := reflect.New(s.value.Type())
	d := decoder{places: make(map[string]place)}
	n, problem := envNode(text, s.value.Type())
	if d.decode(n, s.key, v.Interface()); problem != "" || len(d.problems) > 0 {
		t.Fatalf("%s: %s %v", text, problem, d.problems)
	}
	if v.Elem().Type() == reflect.TypeFor[time.Duration]() {
		step *= int64(time.Millisecond)
	}
	v.Elem().SetInt(v.Elem().Int() + step)
	if v.Elem().Type() == reflect.TypeFor[Workers]() && v.Elem().Int() == 0 {
		return "0" // not auto
	}
	return written(v.Elem())
}

// tried returns what is wrong with a value of a key by itself.
func tried(s setting, text string) string {
	_, err := load("", []string{variable(s.key) + "=" + text})
	if err == nil {
		return ""
	}
	return err.Error()
}
