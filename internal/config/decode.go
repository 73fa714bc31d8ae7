package config

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A decoder fills a Config from YAML nodes, as strict as yaml.Decoder with KnownFields. It is not that one because
// every problem shall name its line and key path, in words of the file and not of Go, and none shall hide another.
type decoder struct {
	problems Errors
	lines    map[string]int // key path → line, of all keys in the file
}

// failed tells whether the value of key could not be read, so that there is no sense in judging it.
func (d *decoder) failed(key string) bool {
	for ; key != ""; key = parentKey(key) {
		if slices.ContainsFunc(d.problems, func(p Error) bool { return p.Key == key }) {
			return true
		}
	}
	return false
}

func (d *decoder) fail(n *yaml.Node, key, text string) {
	d.problems = append(d.problems, Error{Line: n.Line, Key: key, Text: text})
}

// decode reads n into the value that ptr points to. A node without a value leaves it as it is.
func (d *decoder) decode(n *yaml.Node, key string, ptr any) {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	v := reflect.ValueOf(ptr).Elem()
	_, isText := ptr.(encoding.TextUnmarshaler)
	switch {
	case isText || v.Kind() != reflect.Struct && v.Kind() != reflect.Slice:
		d.scalar(n, key, ptr)
	case v.Kind() == reflect.Struct:
		d.mapping(n, key, v)
	default:
		d.sequence(n, key, v)
	}
}

func (d *decoder) mapping(n *yaml.Node, key string, v reflect.Value) {
	fields := make(map[string]reflect.Value)
	var known []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		fields[name] = v.Field(i)
		known = append(known, name)
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "is not a mapping: write keys with values below it, of "+strings.Join(known, ", "))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		path := strings.TrimPrefix(key+"."+name.Value, ".")
		field, ok := fields[name.Value]
		switch first := d.lines[path]; {
		case !ok:
			d.fail(name, path, "unknown key: "+suggest(name.Value, known))
		case first != 0:
			d.fail(name, path, "duplicate key: it is at line "+strconv.Itoa(first)+" already; keep one of the two")
		default:
			d.lines[path] = name.Line
			d.decode(value, path, field.Addr().Interface())
		}
	}
}

// sequence reads a list, which replaces that of the default.
func (d *decoder) sequence(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		text := "is not a list: write - and a value on each line below it, or [value, value]"
		if n.Kind == yaml.ScalarNode {
			text = "is not a list: write [" + quoted(n) + "]"
		}
		d.fail(n, key, text)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		path := key + "[" + strconv.Itoa(i) + "]"
		d.lines[path] = item.Line
		d.decode(item, path, list.Index(i).Addr().Interface())
	}
	v.Set(list)
}

func quoted(n *yaml.Node) string {
	if n.Tag == "!!str" {
		return strconv.Quote(n.Value)
	}
	return n.Value
}

// scalar reads a single value.
func (d *decoder) scalar(n *yaml.Node, key string, ptr any) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, key, "is a list or a mapping: write a single value")
		return
	}
	var problem string
	switch ptr := ptr.(type) {
	case encoding.TextUnmarshaler:
		if err := ptr.UnmarshalText([]byte(n.Value)); err != nil {
			problem = err.Error()
		}
	case *time.Duration:
		problem = readDuration(n.Value, ptr)
	case *bool:
		if n.Tag != "!!bool" || n.Decode(ptr) != nil {
			problem = strconv.Quote(n.Value) + " is not true or false: write true or false"
		}
	case *int:
		if n.Tag != "!!int" || n.Decode(ptr) != nil {
			problem = strconv.Quote(n.Value) + " is not a whole number, or far too large: write digits only"
		}
	case *string:
		*ptr = n.Value
	default: // a named string
		reflect.ValueOf(ptr).Elem().SetString(n.Value)
	}
	if problem != "" {
		d.fail(n, key, problem)
	}
}

func readDuration(s string, d *time.Duration) (problem string) {
	v, err := time.ParseDuration(s)
	if err == nil {
		*d = v
		return ""
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return strconv.Quote(s) + " has no unit: write " + s + "s for seconds, or one of ms, s, m, h"
	}
	return strconv.Quote(s) + " is not a duration: write a number and a unit, such as 500ms, 10s or 2m"
}
