package api

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A piece is one family of one worker.
type piece struct {
	name, help, kind string
	lines            []byte // series, with the worker's label
	bad              string // why it can't be shown
}

const untyped = "untyped"

var (
	kinds   = []string{"counter", "gauge", "histogram", "summary", untyped}
	escaped = regexp.MustCompile(`^([^\\]|\\\\|\\n)*$`) // what a text can be
)

// cutFamilies cuts what a worker said into its families. Their names are all different.
func cutFamilies(text []byte, worker string) (pieces []piece) {
	out := make([]byte, 0, len(text)+len(text)/4)
	label := workerLabel + `="` + worker + `"`
	seen := map[string]bool{}
	var now piece
	begun := 0 // of its lines, in out
	var before []byte
	done := func() {
		now.lines = out[begun:len(out):len(out)]
		if len(now.lines) > 0 || now.bad != "" {
			if seen[now.name] {
				now.bad = "it comes twice"
			}
			seen[now.name] = true
			pieces = append(pieces, now)
		}
		begun, before = len(out), nil
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		if line[0] == '#' {
			what, name, rest := comment(line)
			if what == "" {
				continue
			}
			if name != now.name {
				done()
				now = piece{name: name, kind: untyped}
			}
			switch {
			case what == "TYPE":
				now.kind = rest
			case escaped.MatchString(rest):
				now.help = rest
			}
			if !slices.Contains(kinds, now.kind) {
				now.bad = "its type is not one"
			}
			continue
		}
		name := sampleName(line)
		if !now.has(name) {
			done()
			now = piece{name: string(name), kind: untyped}
		}
		if now.bad == "" && !validName(name) {
			now.bad = "its name is not one"
		}
		if now.bad != "" {
			continue
		}
		from := len(out)
		out, now.bad = appendSample(out, line, len(name), label)
		series := out[from : from+max(0, bytes.LastIndexByte(out[from:], ' '))]
		if now.bad == "" && bytes.Equal(series, before) {
			out = out[:from] // the first of equal ones stays
			continue
		}
		before = series
	}
	done()
	return pieces
}

// comment takes apart "# HELP name text" and "# TYPE name type"; what is "" for others.
func comment(line []byte) (what, name, rest string) {
	parts := strings.SplitN(string(line), " ", 4)
	if len(parts) < 3 || parts[0] != "#" || parts[1] != "HELP" && parts[1] != "TYPE" {
		return "", "", ""
	}
	if len(parts) == 4 {
		rest = parts[3]
	}
	return parts[1], parts[2], rest
}

// sampleName is what stands before the labels, or before the value.
func sampleName(line []byte) []byte {
	if i := bytes.IndexAny(line, "{ "); i >= 0 {
		return line[:i]
	}
	return line
}

// has tells whether a sample of that name belongs to the family.
func (p *piece) has(name []byte) bool {
	rest, ok := bytes.CutPrefix(name, []byte(p.name))
	if !ok || p.name == "" {
		return false
	}
	switch string(rest) {
	case "":
		return p.kind != "histogram"
	case "_sum", "_count":
		return p.kind == "histogram" || p.kind == "summary"
	case "_bucket":
		return p.kind == "histogram"
	}
	return false
}

// appendSample appends a line with one more label, in its place in the alphabet, but before those that only buckets and quantiles have.
func appendSample(out, line []byte, name int, label string) (longer []byte, bad string) {
	out = append(append(out, line[:name]...), '{')
	rest := line[name:]
	placed := false
	if len(rest) > 0 && rest[0] == '{' {
		var last []byte
		for rest = rest[1:]; len(rest) > 0 && rest[0] != '}'; {
			key, size := labelPair(rest)
			if size == 0 {
				return out, "a label is not one"
			}
			bucket := string(key) == "le" || string(key) == "quantile"
			if !bucket {
				if bytes.Compare(last, key) >= 0 || string(key) == workerLabel {
					return out, fmt.Sprintf("the label %s is there twice, or not in order", key)
				}
				last = key
			}
			if !placed && (bucket || string(key) > workerLabel) {
				out, placed = append(append(out, label...), ','), true
			}
			out = append(append(out, rest[:size]...), ',')
			if rest = rest[size:]; len(rest) > 0 && rest[0] == ',' {
				rest = rest[1:]
			}
		}
		rest = bytes.TrimPrefix(rest, []byte("}"))
	}
	if !placed {
		out = append(append(out, label...), ',')
	}
	out[len(out)-1] = '}'
	if !isValue(rest) {
		return out, "a value is not one"
	}
	return append(append(out, rest...), '\n'), ""
}

// labelPair returns the name of the label that the text begins with, and the length of it all; 0 if it is none.
func labelPair(text []byte) (name []byte, size int) {
	i := bytes.IndexByte(text, '=')
	if i < 1 || !validName(text[:i]) || bytes.IndexByte(text[:i], ':') >= 0 || len(text) < i+2 || text[i+1] != '"' {
		return nil, 0
	}
	for at := i + 2; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return text[:i], at + 1
		}
	}
	return nil, 0
}

// isValue tells whether there is a number behind a space, and nothing else: no worker says when.
func isValue(text []byte) bool {
	if len(text) < 2 || text[0] != ' ' {
		return false
	}
	for _, c := range text[1:] {
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eEInfNa", rune(c)) {
			return false
		}
	}
	return true
}

func validName(name []byte) bool {
	for i, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != ':' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}
