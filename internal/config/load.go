package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Load reads the configuration file at path. What is wrong with its content is of type Errors.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a configuration; name is what errors call the file. An empty file is Default.
func Parse(name string, data []byte) (*Config, error) {
	root, err := document(data)
	if err != nil {
		p := syntaxProblem(err, data)
		p.File = name
		return nil, Errors{p}
	}
	c := Default()
	d := decoder{lines: make(map[string]int)}
	d.decode(root, "", c)
	problems := slices.Concat(d.problems, c.validate(d.failed))
	problems.locate(name, d.lines)
	if err := problems.err(); err != nil {
		return nil, err
	}
	return c, nil
}

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

// syntaxProblem makes an Error of one of the YAML parser, whose text is "yaml: line 3: what".
func syntaxProblem(err error, data []byte) Error {
	var e Error
	if errors.As(err, &e) {
		return e
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1 // the parser is silent about the first
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
		if strings.HasPrefix(text, "did not find expected") && !strings.Contains(text, yamlAnchor) { // where it counts from 0
			line++
		}
	} else if strings.Contains(text, "control characters") || strings.Contains(text, "UTF-8") {
		line = bytes.Count(data[:firstUnprintable(data)], []byte("\n")) + 1
	} else if m := yamlUnknown.FindStringSubmatch(text); m != nil { // the one that does not name its line
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		line = bytes.Count(before, []byte("\n")) + 1
	}
	hint := ""
	switch lines := bytes.Split(data, []byte("\n")); {
	case strings.Contains(text, yamlAnchor):
		hint = `; a name that is or begins with * has to be quoted: "*"`
	case line <= len(lines) && bytes.Contains(lines[line-1], []byte("[[")):
		hint = `; an address that begins with [ has to be quoted: "[::1]:1935"`
	case line <= len(lines) && bytes.Contains(lines[line-1], []byte("[:")):
		hint = `; an address that begins with : has to be quoted: "::1"`
	}
	return Error{Line: line, Text: fmt.Sprintf("not YAML: %s: correct the syntax here or just above%s", text, hint)}
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
