package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// strict refuses requests with parameters that next does not know, without a value, or twice: a filter with a slip of the pen must not
// look as if it found everything.
func strict(known []string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if why := checkQuery(known, r.URL.RawQuery); why != "" {
			badRequest(w, why)
			return
		}
		next(w, r)
	}
}

func checkQuery(known []string, raw string) (why string) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return "the query cannot be read: " + err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		switch values := q[name]; {
		case !slices.Contains(known, name) && len(known) == 0:
			return fmt.Sprintf("there is no parameter %.100q: this takes none", name)
		case !slices.Contains(known, name):
			return fmt.Sprintf("there is no parameter %.100q, only %s", name, strings.Join(known, ", "))
		case len(values) > 1:
			return fmt.Sprintf("the parameter %s is given twice", name)
		case values[0] == "":
			return fmt.Sprintf("the parameter %s is empty", name)
		}
	}
	return ""
}

func badRequest(w http.ResponseWriter, why string) {
	problem(w, problemDetails{Status: http.StatusBadRequest, Detail: why})
}

// A reader takes parameters out of a query that strict let through.
type reader struct {
	url.Values
	bad string // what is wrong with the first bad one
}

// number returns a parameter that is a number, or usual where it isn't there.
func (q *reader) number(name string, usual, least, most int) int {
	if !q.Has(name) {
		return usual
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < least || n > most {
		q.fail("%s must be a number from %d to %d", name, least, most)
	}
	return n
}

// oneOf returns a parameter that is one of some words, or "" where it isn't there.
func (q *reader) oneOf(name string, words ...string) string {
	v := q.Get(name)
	if q.Has(name) && !slices.Contains(words, v) {
		q.fail("%s must be one of %s", name, strings.Join(words, ", "))
	}
	return v
}

func (q *reader) fail(format string, args ...any) {
	if q.bad == "" {
		q.bad = fmt.Sprintf(format, args...)
	}
}

// refused answers a query that is wrong, and reports whether it is.
func (q *reader) refused(w http.ResponseWriter) bool {
	if q.bad != "" {
		badRequest(w, q.bad)
	}
	return q.bad != ""
}
