package broadcast

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		workers []string
		want    string
	}{
		{"arrays", []string{`[1, 2]`, `[]`, `[{"a": 1}]`}, `[1,2,{"a":1}]`},
		{"empty arrays", []string{`[]`, `[ ]`}, `[]`},
		{"numbers", []string{`1`, `1`}, `[{"worker":0,"value":1},{"worker":1,"value":1}]`},
		{"strings", []string{`"a"`, `"b"`}, `[{"worker":0,"value":"a"},{"worker":1,"value":"b"}]`},
		{"one alone", []string{`true`}, `[{"worker":0,"value":true}]`},
		{"numbers as they are", []string{`12345678901234567890.10`, `1e400`}, `[{"worker":0,"value":12345678901234567890.10},{"worker":1,"value":1e400}]`},
		{
			"objects",
			[]string{`{"b": 1, "a": [1]}`, `{"a": [2], "c": {"x": null}}`},
			`{"a":[1,2],"b":[{"worker":0,"value":1}],"c":{"x":null}}`,
		},
		{
			"objects in objects",
			[]string{`{"o": {"x": [1], "y": "q"}}`, `{"o": {"x": [2]}}`},
			`{"o":{"x":[1,2],"y":[{"worker":0,"value":"q"}]}}`,
		},
		{"kinds differ", []string{`[1]`, `{"a": 1}`}, `[{"worker":0,"value":[1]},{"worker":1,"value":{"a":1}}]`},
		{"kinds differ below", []string{`{"a": [1]}`, `{"a": 2}`}, `{"a":[{"worker":0,"value":[1]},{"worker":1,"value":2}]}`},
		{"null and array", []string{`null`, `[1]`, `null`}, `[1]`},
		{"null and object", []string{`{"a": [1]}`, `null`}, `{"a":[1]}`},
		{"null and number", []string{`null`, `1`}, `[{"worker":0,"value":null},{"worker":1,"value":1}]`},
		{"null", []string{`null`, ` null `}, `null`},
		{"objects in arrays stay", []string{`[{"b":1,"a":2}]`, `[{"a": 3}]`}, `[{"b":1,"a":2},{"a":3}]`},
		{"keys are the same however written", []string{`{"\u0061": [1]}`, `{"a": [2]}`}, `{"a":[1,2]}`},
		{"keys of any kind", []string{`{"": [1], "<\"\\>": []}`, `{"\u0000": []}`}, `{"":[1],"\u0000":[],"<\"\\>":[]}`},
		{"a key twice", []string{`{"a": [1], "a": [2]}`}, `{"a":[2]}`},
		{"brackets in strings", []string{`["]", "[\""]`, `["{"]`}, `["]","[\"","{"]`},
		{
			"deep",
			[]string{strings.Repeat(`{"a":`, mergeDepth+1) + `[]` + strings.Repeat(`}`, mergeDepth+1)},
			strings.Repeat(`{"a":`, mergeDepth) + `[{"worker":0,"value":{"a":[]}}]` + strings.Repeat(`}`, mergeDepth),
		},
	} {
		out, decoded := renderJSON(t, answersOf(tt.workers...))
		if got := string(decoded.Merged); got != tt.want {
			t.Errorf("%s: merged to\n%s, want\n%s", tt.name, got, tt.want)
		}
		if out.Status != http.StatusOK || decoded.Answered != len(tt.workers) || decoded.Errors != nil {
			t.Errorf("%s: %d %s", tt.name, out.Status, out.Body)
		}
	}
}

// What can't be merged is named, and the status says that it is missing.
func TestMergeNames(t *testing.T) {
	good := answersOf(`[1]`)[0]
	for name, bad := range map[string]Answer{
		"empty":        {Worker: 1, Status: 200},
		"text":         {Worker: 1, Status: 200, Body: []byte("ok\n")},
		"two":          {Worker: 1, Status: 200, Body: []byte("[1][2]")},
		"broken off":   {Worker: 1, Status: 200, Body: []byte(`{"a":`)},
		"not UTF-8":    {Worker: 1, Status: 200, Body: []byte("[\"\xff\"]")},
		"too deep":     {Worker: 1, Status: 200, Body: []byte(strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1))},
		"much too far": {Worker: 1, Status: 200, Body: []byte(strings.Repeat("[", 1<<20))},
		"compressed":   {Worker: 1, Status: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: []byte("[2]")},
	} {
		out, decoded := renderJSON(t, []Answer{good, bad})
		if string(decoded.Merged) != "[1]" || decoded.Expected != 2 || decoded.Answered != 1 || out.Status != http.StatusMultiStatus {
			t.Errorf("%s: %d %s", name, out.Status, out.Body)
		}
		if len(decoded.Errors) != 1 || decoded.Errors[0].Worker != 1 || decoded.Errors[0].Reason != "bad_answer" {
			t.Errorf("%s: errors %+v", name, decoded.Errors)
		}
		if got := out.Header.Get(HeaderErrors); got != "1=bad_answer" {
			t.Errorf("%s: %s: %s", name, HeaderErrors, got)
		}
	}
	deep := strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting)
	if out, _ := renderJSON(t, answersOf(deep, deep)); out.Status != http.StatusOK {
		t.Errorf("nested as deep as may be: %d", out.Status)
	}
	if out, decoded := renderJSON(t, []Answer{{Status: http.StatusNoContent}, good}); out.Status != http.StatusOK || string(decoded.Merged) != "[1]" {
		t.Errorf("204: %d %s", out.Status, out.Body)
	}
	if out, decoded := renderJSON(t, []Answer{{Status: http.StatusNoContent}}); out.Status != http.StatusOK || string(decoded.Merged) != "null" {
		t.Errorf("204 alone: %d %s", out.Status, out.Body)
	}
}

// answersOf are successes with these bodies.
func answersOf(bodies ...string) []Answer {
	out := make([]Answer, len(bodies))
	for i, body := range bodies {
		out[i] = Answer{Worker: i, Status: http.StatusOK, Body: []byte(body)}
	}
	return out
}

// renderJSON decodes the rendering, which tells the same in its header.
func renderJSON(t testing.TB, answers []Answer) (out Rendered, decoded merged) {
	t.Helper()
	before := len(answers)
	out = RenderJSON(answers)
	if err := json.Unmarshal(out.Body, &decoded); err != nil {
		t.Fatalf("%v in %s", err, out.Body)
	}
	if decoded.Expected != before || decoded.Answered+len(decoded.Errors) != before {
		t.Errorf("%d answers, but %s", before, out.Body)
	}
	checkCounts(t, out, decoded.Expected, decoded.Answered)
	return out, decoded
}

// Whatever workers answer, the merge is JSON, names whoever is not in it, loses no element of an array, and is the same each time.
func FuzzMerge(f *testing.F) {
	for _, seed := range [][2]string{
		{`[1, 2]`, `[]`},
		{`{"a": [1], "b": {"c": null}}`, `{"a": [2], "b": {"c": "x"}}`},
		{`{"a": 1}`, `[{"a": 1}]`},
		{`null`, `{"\u0000<": "\ud800"}`},
		{`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}`, `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":[]}}}}}}}}`},
		{`"\"[{"`, "[\"\xff\"]"},
		{`12345678901234567890.10`, `1e400`},
		{`{"a": [1], "a": {}}`, ``},
		{`[[[[`, "ok\n"},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		answers := []Answer{{Worker: 3, Status: 200, Body: one}, {Worker: 7, Status: 200, Body: two}}
		out, decoded := renderJSON(t, answers)
		if again := RenderJSON(answers); !bytes.Equal(out.Body, again.Body) {
			t.Errorf("once\n%s, once\n%s", out.Body, again.Body)
		}
		var x, y, both []json.RawMessage
		if json.Unmarshal(one, &x) != nil || json.Unmarshal(two, &y) != nil || x == nil || y == nil || decoded.Answered != 2 {
			return
		}
		if err := json.Unmarshal(decoded.Merged, &both); err != nil || len(both) != len(x)+len(y) {
			t.Errorf("%d and %d elements became %d: %v", len(x), len(y), len(both), err)
		}
	})
}
