package httpplay

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

const (
	ours   = "https://example.com"
	theirs = "https://evil.example"
	here   = "http://edge.example:8080"
)

func asked(method string, origins ...string) *http.Request {
	r := httptest.NewRequest(method, here+"/live/cam.flv", http.NoBody)
	if len(origins) > 0 {
		r.Header["Origin"] = origins
	}
	return r
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	some := Origins{"http://127.0.0.1:8000", ours}
	for _, c := range []struct {
		allowed Origins
		given   []string
		header  string // Access-Control-Allow-Origin
		vary    bool
		admit   bool
	}{
		{Origins{AnyOrigin}, []string{theirs}, "*", false, true},
		{Origins{AnyOrigin}, []string{"null"}, "*", false, true},
		{Origins{AnyOrigin}, nil, "*", false, true},
		{Origins{ours, AnyOrigin}, []string{theirs}, "*", false, true},
		{some, []string{ours}, ours, true, true},
		{some, []string{"HTTPS://Example.com"}, "HTTPS://Example.com", true, true},
		{some, nil, "", true, true},
		{some, []string{theirs}, "", true, false},
		{some, []string{ours + ".evil.example"}, "", true, false},
		{some, []string{"http://example.com"}, "", true, false},
		{some, []string{"null"}, "", true, false},
		{some, []string{""}, "", true, false},
		{some, []string{ours, theirs}, ours, true, false},
		{some, []string{here}, "", true, true}, // for GET, browsers do not ask
		{some, []string{"http://edge.example"}, "", true, false},
		{nil, []string{ours}, "", true, false},
		{nil, []string{here}, "", true, true},
	} {
		r, h := asked(http.MethodGet, c.given...), http.Header{}
		c.allowed.SetHeader(h, r)
		if got := h.Get("Access-Control-Allow-Origin"); got != c.header {
			t.Errorf("%v, asked by %v: allow %q, want %q", c.allowed, c.given, got, c.header)
		}
		if vary := slices.Contains(h.Values("Vary"), "Origin"); vary != c.vary || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%v, asked by %v: %v", c.allowed, c.given, h)
		}
		if got := c.allowed.Admit(r); got != c.admit {
			t.Errorf("%v, asked by %v: a WebSocket: %v", c.allowed, c.given, got)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	for origin, allowed := range map[string]bool{ours: true, theirs: false} {
		o, h := Origins{ours}, http.Header{}
		o.SetHeader(h, asked(http.MethodOptions, origin))
		o.SetPreflight(h)
		if h.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: %v", origin, h)
		}
		for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"} {
			if (h.Get(name) != "") != allowed {
				t.Errorf("%s: %v", origin, h)
			}
		}
	}
}

func TestIsWebSocket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, upgrade string
		want            bool
	}{
		{http.MethodGet, "websocket", true},
		{http.MethodGet, "h2c, WebSocket", true},
		{http.MethodGet, "", false},
		{http.MethodGet, "websockets", false},
		{http.MethodHead, "websocket", false},
	} {
		r := asked(c.method)
		r.Header.Set("Upgrade", c.upgrade)
		if got := IsWebSocket(r); got != c.want {
			t.Errorf("%s, Upgrade: %q: %v", c.method, c.upgrade, got)
		}
	}
}
