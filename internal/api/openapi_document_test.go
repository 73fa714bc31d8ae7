package api

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A described is the OpenAPI document, as the tests use it.
type described struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Parameters map[string]parameter
		Responses  map[string]response
		Schemas    map[string]any
	}

	compiler *jsonschema.Compiler
	mu       sync.Mutex // guards compiler
}

type operation struct {
	OperationID string
	Parameters  []parameter
	Responses   map[string]response
	RequestBody *struct{ Content map[string]any }
}

type parameter struct {
	Ref      string `json:"$ref"`
	Name, In string
	Schema   any
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]any
	at      string // where it stands, as a JSON pointer
}

const documentURL = "file:///openapi.json"

var theDocument = sync.OnceValues(func() (*described, error) {
	text, err := openAPIDocument()
	if err != nil {
		return nil, err
	}
	d := &described{compiler: jsonschema.NewCompiler()}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	d.compiler.AssertFormat()
	return d, d.compiler.AddResource(documentURL, whole)
})

func document(t *testing.T) *described {
	t.Helper()
	d, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// schema compiles what stands at a JSON pointer.
func (d *described) schema(t *testing.T, at string) *jsonschema.Schema {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.compiler.Compile(documentURL + "#" + at)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	return s
}

// operation returns what is said of one method of a path, if anything is.
func (d *described) operation(t *testing.T, path, method string) *operation {
	t.Helper()
	text, there := d.Paths[path][strings.ToLower(method)]
	if !there {
		return nil
	}
	var op operation
	if err := json.Unmarshal(text, &op); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	var shared []parameter
	if text := d.Paths[path]["parameters"]; text != nil {
		if err := json.Unmarshal(text, &shared); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	op.Parameters = append(op.Parameters, shared...)
	for i, p := range op.Parameters {
		if p.Ref != "" {
			op.Parameters[i] = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
	}
	for status, r := range op.Responses {
		r.at = pointer("paths", path, strings.ToLower(method), "responses", status)
		if r.Ref != "" {
			at := strings.TrimPrefix(r.Ref, "#")
			r = d.Components.Responses[strings.TrimPrefix(at, "/components/responses/")]
			r.at = at
		}
		op.Responses[status] = r
	}
	return &op
}

// pointer is a JSON pointer (RFC 6901), as the fragment of a URL.
func pointer(elements ...string) string {
	var out strings.Builder
	for _, e := range elements {
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(e))
	}
	return out.String()
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// pathOf finds the path that a request's stands for.
func (d *described) pathOf(escaped string) string {
	for path := range d.Paths {
		pattern := placeholder.ReplaceAllLiteralString(path, "[^/]+")
		if regexp.MustCompile("^" + strings.ReplaceAll(pattern, ".", `\.`) + "$").MatchString(escaped) {
			return path
		}
	}
	return ""
}

// asDocumented checks an answer against the document: of every request that a test makes.
func asDocumented(t *testing.T, method, path string, r *reply) {
	t.Helper()
	d := document(t)
	kind, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	var at string
	switch template := d.pathOf(path); {
	case method == http.MethodHead, kind == "text/event-stream":
		return
	case template == "" && strings.HasPrefix(path, "/api/"):
		at = "/components/schemas/Problem"
	case template == "":
		return
	default:
		op := d.operation(t, template, method)
		if op == nil { // of a method that there isn't
			at = "/components/schemas/Problem"
			break
		}
		said, there := op.Responses[strconv.Itoa(r.status)]
		if !there && r.status >= 400 {
			said, there = op.Responses["default"]
		}
		if _, documented := said.Content[kind]; !there || !documented {
			t.Errorf("%s %s: status %d with %q is not documented", method, path, r.status, kind)
			return
		}
		at = said.at + pointer("content", kind, "schema")
	}
	if err != nil {
		t.Errorf("%s %s: content type %q", method, path, r.header.Get("Content-Type"))
	}
	var value any = string(r.body)
	if strings.HasSuffix(kind, "json") {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(r.body)); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, r.body)
		}
	}
	if err := d.schema(t, at).Validate(value); err != nil {
		t.Errorf("%s %s: status %d is not as documented: %v\n%s", method, path, r.status, err, r.body)
	}
}
