package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An apiClient asks the control API, and holds every answer to the document that the server itself serves.
type apiClient struct {
	t        testing.TB
	s        *server
	compiler *jsonschema.Compiler
	paths    map[string]any
}

func newAPIClient(t testing.TB, s *server) *apiClient {
	t.Helper()
	_, text, err := s.call(shared, http.MethodGet, "/api/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	c := &apiClient{t: t, s: s, compiler: jsonschema.NewCompiler(), paths: doc.(map[string]any)["paths"].(map[string]any)}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("file:///openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// call decodes the answer, which must have that status.
func (c *apiClient) call(worker int, method, path string, status int, into any) {
	c.t.Helper()
	c.send(worker, method, path, "", status, into)
}

func (c *apiClient) send(worker int, method, path, content string, status int, into any) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, c.s.httpURL(worker, path), strings.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	if content != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := httpClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode != status {
		c.t.Fatalf("%s %s: status %d instead of %d: %s", method, path, response.StatusCode, status, body)
	}
	c.check(method, request.URL.EscapedPath(), status, body)
	if err := json.Unmarshal(body, into); err != nil {
		c.t.Fatalf("%s %s: %v: %s", method, path, err, body)
	}
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// check holds an answer to the document.
func (c *apiClient) check(method, path string, status int, body []byte) {
	c.t.Helper()
	at := "/components/schemas/Problem"
	for template := range c.paths {
		if status == http.StatusOK && regexp.MustCompile("^"+pathParameter.ReplaceAllLiteralString(template, "[^/]+")+"$").MatchString(path) {
			escaped := strings.NewReplacer("/", "~1", "{", "%7B", "}", "%7D").Replace(template)
			at = "/paths/" + escaped + "/" + strings.ToLower(method) + "/responses/200/content/application~1json/schema"
		}
	}
	schema, err := c.compiler.Compile("file:///openapi.json#" + at)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		c.t.Errorf("%s %s: status %d is not as documented: %v\n%s", method, path, status, err, body)
	}
}

// sessionsAnswer is GET /api/v1/sessions.
type sessionsAnswer struct {
	coverage
	Total    int
	Sessions []sessionInfo
	Next     string
}

type sessionInfo struct {
	ID, Protocol, Role, State, App, Name, Source string
	Worker                                       int
}

// sessions asks for all that match, page by page.
func (c *apiClient) sessions(worker int, query string) []sessionInfo {
	c.t.Helper()
	var found []sessionInfo
	for after := ""; ; {
		path := "/api/v1/sessions?" + query
		if after != "" {
			path += "&after=" + url.QueryEscape(after)
		}
		var page sessionsAnswer
		c.call(worker, http.MethodGet, path, http.StatusOK, &page)
		if page.Answered != workers {
			c.t.Fatalf("%s: %d of %d workers answered", path, page.Answered, page.Expected)
		}
		if found = append(found, page.Sessions...); page.Next == "" {
			if len(found) != page.Total {
				c.t.Errorf("%s: %d sessions of %d", query, len(found), page.Total)
			}
			return found
		}
		after = page.Next
	}
}

// check fails the test when the publisher has lost its connection.
func (p *publisher) check() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Fatalf("the publisher's connection has ended: %v", p.readErr)
	default:
	}
}

// accepted is how many connections a worker has taken.
func (s *server) accepted(t testing.TB, worker int) (n float64) {
	t.Helper()
	samples, err := s.metrics(shared)
	if err != nil {
		t.Fatal(err)
	}
	n, _ = sum(samples, "rtmpedge_connections_accepted_total", model.LabelSet{"worker": model.LabelValue(strconv.Itoa(worker))})
	return n
}

// awaitAccepted waits until a worker has taken more connections.
func (s *server) awaitAccepted(t testing.TB, worker int, more float64) {
	t.Helper()
	before := s.accepted(t, worker)
	waitFor(t, 2*soon, fmt.Sprintf("worker %d to accept %v connections", worker, more), func() string {
		if got := s.accepted(t, worker) - before; got < more {
			return fmt.Sprintf("%v of them", got)
		}
		return ""
	})
}
