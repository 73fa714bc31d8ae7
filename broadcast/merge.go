package broadcast

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// mergeDepth is how deep objects are merged. Those below it are kept whole, by worker.
const mergeDepth = 16

// maxNesting is how deep JSON may be nested that stands in a rendering. encoding/json takes 10,000, the rendering's own levels among them.
const maxNesting = 1000

// A part is what one worker says at one place of its JSON.
type part struct {
	worker int
	raw    json.RawMessage // valid, and without space between tokens
}

// parse returns the JSON of a body, without space between tokens.
func parse(body []byte) (json.RawMessage, error) {
	if !utf8.Valid(body) { // RFC 8259 §8.1
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrBadBody)
	}
	if nesting(body) > maxNesting {
		return nil, fmt.Errorf("%w: it is nested deeper than %d levels", ErrBadBody, maxNesting)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, body); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON: %w", ErrBadBody, err)
	}
	return out.Bytes(), nil
}

// nesting is the depth of arrays and objects, if body is JSON.
func nesting(body []byte) int {
	depth, most, inString := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}

// merge writes one value for what the workers say at one place; the rules are RenderJSON's.
func merge(out *bytes.Buffer, parts []part, depth int) {
	told := slices.Clone(parts)
	told = slices.DeleteFunc(told, func(p part) bool { return p.raw[0] == 'n' })
	switch {
	case len(told) == 0:
		out.WriteString("null")
	case all(told, '['):
		mergeArrays(out, told)
	case all(told, '{') && depth < mergeDepth:
		mergeObjects(out, told, depth)
	default:
		keepApart(out, parts)
	}
}

// all reports whether the value of every part begins so.
func all(parts []part, begin byte) bool {
	return !slices.ContainsFunc(parts, func(p part) bool { return p.raw[0] != begin })
}

func mergeArrays(out *bytes.Buffer, parts []part) {
	out.WriteByte('[')
	first := true
	for _, p := range parts {
		inner := p.raw[1 : len(p.raw)-1]
		if len(inner) == 0 {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		out.Write(inner)
	}
	out.WriteByte(']')
}

func mergeObjects(out *bytes.Buffer, parts []part, depth int) {
	members := map[string][]part{}
	for _, p := range parts {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(p.raw, &object); err != nil {
			continue // parse has seen that it is JSON
		}
		for key, raw := range object {
			members[key] = append(members[key], part{p.worker, raw})
		}
	}
	out.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(bytes.TrimSuffix(encode(key), []byte{'\n'}))
		out.WriteByte(':')
		merge(out, members[key], depth+1)
	}
	out.WriteByte('}')
}

// keepApart writes what can't be merged: a list of who says what.
func keepApart(out *bytes.Buffer, parts []part) {
	out.WriteByte('[')
	for i, p := range parts {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, `{"worker":%d,"value":%s}`, p.worker, p.raw)
	}
	out.WriteByte(']')
}
