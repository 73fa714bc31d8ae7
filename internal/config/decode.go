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
	places   map[string]place // of all keys that are given, by path
	variable string           // that is read; "": the file is
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
	d.problems = append(d.problems, Error{Line: n.Line, Variable: d.variable, Key: key, Text: text})
}

func (d *decoder) given(key string, n *yaml.Node) {
	d.places[key] = place{line: n.Line, variable: d.variable}
}

// decode reads n into the value that ptr points to. A node without a value leaves it as it is.
func (d *decoder) decode(n *yaml.Node, key string, ptr any) {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if isNull(n) {
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

// isNull tells whether n is no value.
func isNull(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

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
		switch first, given := d.places[path]; {
		case !ok:
			d.unknown(n, name, key, known)
		case given && d.variable != "":
			d.fail(name, path, "duplicate key: keep one of the two")
		case given:
			d.fail(name, path, "duplicate key: it is at line "+strconv.Itoa(first.line)+" already; keep one of the two")
		default:
			d.given(path, name)
			d.decode(value, path, field.Addr().Interface())
		}
	}
}

// unknown reports a key of the mapping n that there is not. Between braces it may be the rest of a secret that has a comma
// and no quotes: there it is only told if it resembles a key.
func (d *decoder) unknown(n, name *yaml.Node, key string, known []string) {
	hasSecret := slices.ContainsFunc(known, func(k string) bool { return strings.HasSuffix(k, "_file") })
	if hasSecret && n.Style&yaml.FlowStyle != 0 && nearest(name.Value, known) == "" {
		d.fail(name, key, "has an unknown key: write none but "+strings.Join(known, ", ")+"; a value with a comma has to be quoted")
		return
	}
	d.fail(name, strings.TrimPrefix(key+"."+name.Value, "."), "unknown key: "+suggest(name.Value, known))
}

// sequence reads a list, which replaces that of the default.
func (d *decoder) sequence(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		text := "is not a list: write - and a value on each line below it, or [value, value]"
		if n.Kind == yaml.ScalarNode && !isMapping(v.Type().Elem()) {
			text = "is not a list: write [" + quoted(n) + "]"
		}
		d.fail(n, key, text)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		path := key + "[" + strconv.Itoa(i) + "]"
		d.given(path, item)
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
