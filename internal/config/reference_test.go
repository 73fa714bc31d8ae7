package config

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

// The files that tell users of the configuration.
const (
	shippedFile  = "../../deploy/rtmp-edge.yml"
	referenceDoc = "../../docs/configuration.md"
)

// leaves returns the key path of every value in v, with the value as it is written in the file. Keys in a list of
// mappings have the path list[].key, and no value.
func leaves(v reflect.Value, key string) map[string]string {
	all := make(map[string]string)
	if _, isText := v.Interface().(encoding.TextMarshaler); v.Kind() != reflect.Struct || isText {
		all[key] = written(v)
		return all
	}
	for i := range v.NumField() {
		path := strings.TrimPrefix(key+"."+v.Type().Field(i).Tag.Get("yaml"), ".")
		field := v.Field(i)
		if isMappings(field.Type()) {
			for item := range leaves(reflect.Zero(field.Type().Elem()), path+"[]") {
				all[item] = fmt.Sprint(field.Len())
			}
			continue
		}
		for leaf, value := range leaves(field, path) {
			all[leaf] = value
		}
	}
	return all
}

// isMappings tells whether t is a list of mappings.
func isMappings(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && !t.Elem().Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func written(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case string:
		if x == "" {
			return `""`
		}
		return x
	case time.Duration:
		return x.String()
	case fmt.Stringer:
		return x.String()
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	var items []string
	for i := range v.Len() {
		item := fmt.Sprint(v.Index(i).Interface())
		if strings.ContainsAny(item, ":*") { // YAML would take it for something else
			item = `"` + item + `"`
		}
		items = append(items, item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestShippedFileIsTheDefault(t *testing.T) {
	c, err := load(shippedFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	// What is none by default is "[]" there, to show where the example goes.
	if diff := cmp.Diff(want, c, comparePrefixes, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-default +%s\n%s", shippedFile, diff)
	}
}

// TestShippedFileHasEveryKey: each with its default, and a comment.
func TestShippedFileHasEveryKey(t *testing.T) {
	text := read(t, shippedFile)
	keys, examples := fileKeys(t, text), fileKeys(t, withExamples(text))
	for key, value := range leaves(reflect.ValueOf(*Default()), "") {
		in := keys
		if strings.Contains(key, "[]") {
			in = examples
		}
		node, ok := in[key]
		switch {
		case !ok:
			t.Errorf("%s is missing", key)
		case node.comment == "":
			t.Errorf("%s has no comment", key)
		case value != node.value && !strings.Contains(key, "[]"):
			t.Errorf("%s is %s, but %s in the file", key, value, node.value)
		}
	}
}

// TestShippedExamplesAreValid loads the file with its examples in place of the defaults.
func TestShippedExamplesAreValid(t *testing.T) {
	c, err := Parse("examples", []byte(withExamples(read(t, shippedFile))))
	if err != nil {
		t.Fatal(err)
	}
	if c.RunDir == "" || c.Relay.Via.IsZero() || len(c.MultiListen) < 2 || len(c.Apps) < 2 || !c.RTMP.TLS.Enabled() || len(c.RTMP.ProxyProtocol) == 0 ||
		c.HTTP.TokenFile == "" {
		t.Errorf("examples are missing: %+v", c)
	}
}

// withExamples takes the # off the examples, and the defaults that they replace out.
func withExamples(text string) string {
	var lines []string
	inExample := false
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " ")
		example, ok := strings.CutPrefix(body, "#")
		starts := ok && exampleStart.MatchString(example)
		inExample = starts || inExample && ok && strings.HasPrefix(example, "  ")
		if !inExample {
			lines = append(lines, line)
			continue
		}
		indent := line[:len(line)-len(body)]
		if starts {
			key, _, _ := strings.Cut(example, ":")
			lines = without(lines, indent+key+":")
		}
		lines = append(lines, indent+example)
	}
	return strings.Join(lines, "")
}

var exampleStart = regexp.MustCompile(`^\w+:`)

// without drops the line that begins with prefix.
func without(lines []string, prefix string) []string {
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(line, prefix) {
			kept = append(kept, line)
		}
	}
	return kept
}

type fileKey struct{ value, comment string }

// fileKeys returns the keys of a YAML text as leaves does.
func fileKeys(t *testing.T, text string) map[string]fileKey {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	all := make(map[string]fileKey)
	var walk func(n *yaml.Node, key, comment string)
	walk = func(n *yaml.Node, key, comment string) {
		switch {
		case n.Kind == yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				name := n.Content[i]
				if i > 0 || name.HeadComment != "" { // else that of the list's first item
					comment = name.HeadComment
				}
				walk(n.Content[i+1], strings.TrimPrefix(key+"."+name.Value, "."), comment)
			}
		case n.Kind == yaml.SequenceNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
			for _, item := range n.Content {
				walk(item, key+"[]", item.HeadComment)
			}
		case all[key].comment == "": // in a list, what is told once counts for all items
			all[key] = fileKey{value: source(n), comment: comment}
		}
	}
	walk(doc.Content[0], "", "")
	return all
}

// source is the value as it is written.
func source(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Style == yaml.DoubleQuotedStyle {
		return `"` + n.Value + `"`
	}
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	var items []string
	for _, item := range n.Content {
		items = append(items, source(item))
	}
	return "[" + strings.Join(items, ", ") + "]"
}
