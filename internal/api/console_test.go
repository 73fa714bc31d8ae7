package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/console"
)

func TestConsole(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	r := c.call(t, http.MethodGet, "/console/")
	if r.status != http.StatusOK || r.header.Get("Content-Security-Policy") != console.Policy || !strings.Contains(string(r.body), "<title>rtmp-edge console</title>") {
		t.Errorf("status %d, %v, %.100s", r.status, r.header, r.body)
	}
	if r := c.call(t, http.MethodGet, "/console/main.js"); r.status != http.StatusOK || r.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("script: status %d, %v", r.status, r.header)
	}
	if r := c.call(t, http.MethodGet, "/"); r.status != http.StatusFound || r.header.Get("Location") != "console/" {
		t.Errorf("/: status %d, to %q", r.status, r.header.Get("Location"))
	}
	if r := c.call(t, http.MethodGet, "/console"); r.status/100 != 3 || r.header.Get("Location") != "/console/" {
		t.Errorf("/console: status %d, to %q", r.status, r.header.Get("Location"))
	}
	for path, want := range map[string]int{
		"/console/none": http.StatusNotFound, "/console/static/main.js": http.StatusNotFound, "/console/x/../main.js": http.StatusNotFound,
		"/console/%2e%2e/api.go": http.StatusNotFound, "/none": http.StatusNotFound,
	} {
		var p problemBody
		c.call(t, http.MethodGet, path).into(t, want, &p)
	}
	var p problemBody
	r = c.call(t, http.MethodPost, "/console/")
	r.into(t, http.StatusMethodNotAllowed, &p)
	if r := c.call(t, http.MethodGet, "/console/", "Origin", "http://elsewhere.example"); r.status != http.StatusForbidden {
		t.Errorf("another site fetches the console: %d", r.status)
	}
}
