package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document returns the content of the one YAML document in data; nil when there is none.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	err := dec.Decode(&second)
	switch {
	case err == nil:
		return nil, Error{Line: second.Line, Text: "a second YAML document begins here: write everything in one, without ---"}
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return doc.Content[0], nil
}

var (
	yamlLine    = regexp.MustCompile(`^line (\d+): `)
	yamlUnknown = regexp.MustCompile(`^unknown anchor '(.+)' referenced$`)
)

// yamlAnchor is what the parser says of a * or & without a name.
const yamlAnchor = "did not find expected alphabetic or numeric character"

// syntaxProblem makes an Error of one of the YAML parser.
func syntaxProblem(err error, data []byte) Error {
	var e Error
	if errors.As(err, &e) {
		return e
	}
	line, what, hint := explain(err, data)
	return Error{Line: line, Text: "not YAML: " + what + ": correct the syntax here or just above" + hint}
}

// explain takes an error of the YAML parser apart, whose text is "yaml: line 3: what".
func explain(err error, data []byte) (line int, what, hint string) {
	what = strings.TrimPrefix(err.Error(), "yaml: ")
	line = 1 // the parser is silent about the first
	if m := yamlLine.FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1])
		what = what[len(m[0]):]
		if strings.HasPrefix(what, "did not find expected") && !strings.Contains(what, yamlAnchor) { // where it counts from 0
			line++
		}
	} else if strings.Contains(what, "control characters") || strings.Contains(what, "UTF-8") {
		line = bytes.Count(data[:firstUnprintable(data)], []byte("\n")) + 1
	} else if m := yamlUnknown.FindStringSubmatch(what); m != nil { // the one that does not name its line
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		line = bytes.Count(before, []byte("\n")) + 1
		what = "unknown anchor" // its name may be a secret
	}
	switch lines := bytes.Split(data, []byte("\n")); {
	case strings.Contains(what, yamlAnchor), what == "unknown anchor":
		hint = `; a value that is or begins with * has to be quoted: "*"`
	case line <= len(lines) && bytes.Contains(lines[line-1], []byte("[[")):
		hint = `; an address that begins with [ has to be quoted: "[::1]:1935"`
	case line <= len(lines) && bytes.Contains(lines[line-1], []byte("[:")):
		hint = `; an address that begins with : has to be quoted: "::1"`
	}
	return line, what, hint
}

// firstUnprintable returns where the first byte is that YAML does not allow: of invalid UTF-8, or a control character (YAML 1.2.2 §5.1).
func firstUnprintable(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' && r != 0x85 {
			return i
		}
		i += n
	}
	return len(data)
}
