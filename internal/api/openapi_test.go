package api

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Every path and method, and every parameter, is described; nothing is described that isn't there.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	d := document(t)
	c := newCluster(t, 1)
	served := map[string]bool{}
	for _, r := range slices.Concat(c.apis[0].publicRoutes(), c.apis[0].controlRoutes()) {
		name := r.method + " " + r.pattern
		served[strings.ToLower(r.method)+" "+r.pattern] = true
		op := d.operation(t, r.pattern, r.method)
		if op == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		if strings.HasPrefix(r.pattern, "/api/") && (r.command != op.OperationID || !slices.Contains(Commands, r.command)) {
			t.Errorf("%s: command %q, operationId %q", name, r.command, op.OperationID)
		}
		var query, inPath []string
		for _, p := range op.Parameters {
			switch p.In {
			case "query":
				query = append(query, p.Name)
			case "path":
				inPath = append(inPath, "{"+p.Name+"}")
			}
		}
		slices.Sort(query)
		if taken := slices.Sorted(slices.Values(r.query)); !slices.Equal(query, taken) {
			t.Errorf("%s takes %q, described are %q", name, taken, query)
		}
		if there := placeholder.FindAllString(r.pattern, -1); !slices.Equal(there, inPath) {
			t.Errorf("%s has %q in its path, described are %q", name, there, inPath)
		}
	}
	for path, item := range d.Paths {
		for method := range item {
			if method != "parameters" && !served[method+" "+path] {
				t.Errorf("%s %s is described, but not served", method, path)
			}
		}
	}
	// Whatever else is served under /api/ belongs in there, too.
	for _, r := range slices.Concat(c.apis[0].dropInRoutes(), c.apis[0].passRoutes()) {
		if strings.HasPrefix(r.pattern, "/api/") {
			t.Errorf("%s is not among the control routes", r.pattern)
		}
	}
}

// Every schema can be understood, is used, and lets no member pass that it does not name.
func TestOpenAPISchemas(t *testing.T) {
	d := document(t)
	text, err := openAPIDocument()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.schema(t, "/components/schemas/"+name)
		if name != "StateEvent" && !bytes.Contains(text, fmt.Appendf(nil, `"#/components/schemas/%s"`, name)) {
			t.Errorf("nothing is a %s", name)
		}
		if s.Properties != nil && s.AdditionalProperties != false && (s.UnevaluatedProperties == nil || *s.UnevaluatedProperties.Bool) && name != "Coverage" {
			t.Errorf("%s lets in what it does not name", name)
		}
	}
}

// The words that queries can ask for are those that answers can have.
func TestOpenAPIWords(t *testing.T) {
	for name, words := range map[string][]string{
		"SessionRole": sessionRoles, "SessionState": sessionStates, "Protocol": sessionProtocols,
		"Level":       slices.Collect(maps.Keys(logWords)),
		"StreamState": {string(StateLive), string(StateWaiting)},
		"WorkerState": {string(WorkerReady), string(WorkerDraining), string(WorkerEnding)},
		"Outcome":     {string(OutcomeDone), string(OutcomeNothing), string(OutcomeFailed), string(OutcomeUnknown)},
	} {
		var described []string
		for _, v := range document(t).schema(t, "/components/schemas/"+name).Enum.Values {
			described = append(described, v.(string))
		}
		slices.Sort(described)
		if words := slices.Sorted(slices.Values(words)); !slices.Equal(words, described) {
			t.Errorf("%s: %q, described are %q", name, words, described)
		}
	}
}

// The data of events is what the document says of it.
func TestOpenAPIStateEvent(t *testing.T) {
	c := newCluster(t, 2)
	c.locals[0].streams = []LocalStream{fullStream(RolePublisher)}
	for _, spoil := range []func(){func() {}, func() { c.stops[1]() }, func() { c.stops[0]() }} {
		spoil()
		text := c.apis[0].state(t.Context())
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if err := document(t).schema(t, "/components/schemas/StateEvent").Validate(value); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}
