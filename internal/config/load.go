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

// syntaxProblem makes an Error of one of the YAML parser, whose text is "yaml: line 3: what".
func syntaxProblem(err error, data []byte) Error {
	var e Error
	if errors.As(err, &e) {
		return e
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	} else if m := yamlUnknown.FindStringSubmatch(text); m != nil { // the one that does not name its line
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		line = bytes.Count(before, []byte("\n")) + 1
	}
	return Error{Line: line, Text: fmt.Sprintf("not YAML: %s: correct the syntax here or just above", text)}
}
