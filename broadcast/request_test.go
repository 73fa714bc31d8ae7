package broadcast

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
)

func TestHeaders(t *testing.T) {
	var got http.Header
	g := newGroup(t, Options{}, serve(t, 0, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }))
	in := http.Header{
		"Accept": {"a", "b"}, "Connection": {"X-Hop, close", "x-more"}, "X-Hop": {"1"}, "X-More": {"1"}, "Upgrade": {"websocket"},
		"Te": {"trailers"}, "Expect": {"100-continue"}, "Content-Length": {"7"}, "X-End-To-End": {"1"},
	}
	if a := g.DoOne(t.Context(), 0, Request{Path: "/", Header: in}); a.Err != nil {
		t.Fatal(a.Err)
	}
	if !Marked(got) {
		t.Error("the request is not marked")
	}
	if len(got.Values("Accept")) != 2 || got.Get("X-End-To-End") != "1" {
		t.Errorf("lost headers: %v", got)
	}
	for _, name := range []string{"Connection", "X-Hop", "X-More", "Upgrade", "Te", "Expect", "Content-Length"} {
		if got.Get(name) != "" {
			t.Errorf("%s was passed on", name)
		}
	}
	if Marked(in) || in.Get("X-Hop") != "1" {
		t.Error("the caller's header was changed")
	}
}

func TestRefusedRequests(t *testing.T) {
	var asked atomic.Int32
	g := newGroup(t, Options{MaxBody: 10}, serve(t, 0, func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	for name, tt := range map[string]struct {
		r    Request
		want error
	}{
		"loop":            {Request{Path: "/", Header: http.Header{Header: {"1"}}}, ErrLoop},
		"loop, any value": {Request{Path: "/", Header: http.Header{Header: {""}}}, ErrLoop},
		"no path":         {Request{}, ErrBadRequest},
		"relative path":   {Request{Path: "a"}, ErrBadRequest},
		"bad escape":      {Request{Path: "/%zz"}, ErrBadRequest},
		"bad method":      {Request{Method: "GET /x", Path: "/"}, ErrBadRequest},
		"connect":         {Request{Method: "CONNECT", Path: "/"}, ErrBadRequest},
		"split by query":  {Request{Path: "/", RawQuery: "a HTTP/1.1\r\nX: y"}, ErrBadRequest},
		"fragment":        {Request{Path: "/", RawQuery: "a#b"}, ErrBadRequest},
		"large body":      {Request{Path: "/", Body: make([]byte, 11)}, ErrTooLarge},
	} {
		as := g.Do(t.Context(), tt.r)
		if len(as) != 1 || !errors.Is(as[0].Err, tt.want) {
			t.Errorf("%s: Do: %v, want %v", name, as, tt.want)
		}
		if a := g.DoOne(t.Context(), 0, tt.r); !errors.Is(a.Err, tt.want) {
			t.Errorf("%s: DoOne: %v, want %v", name, a.Err, tt.want)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d of the refused requests were sent", n)
	}
}

// What can't stand in a path is escaped, so that it can't become a query or a second line.
func TestPaths(t *testing.T) {
	g := newGroup(t, Options{}, serve(t, 0, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }))
	for path, want := range map[string]string{
		"/":             "/",
		"//evil/x":      "//evil/x",
		"/a?b":          "/a%3Fb",
		"/a b":          "/a%20b",
		"/a%0d%0aX:%20": "/a%0d%0aX:%20",
		"/a%2Fb/%2e%2e": "/a%2Fb/%2e%2e",
		"/%C3%BC":       "/%C3%BC",
	} {
		if a := g.DoOne(t.Context(), 0, Request{Path: path}); a.Err != nil || string(a.Body) != want {
			t.Errorf("path %q arrived as %q, %v; want %q", path, a.Body, a.Err, want)
		}
	}
}

func TestNoRedirectsNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var elsewhere atomic.Int32
	g := newGroup(
		t, Options{},
		serve(t, 0, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://worker/other", http.StatusFound)
		}),
		serve(t, 1, func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/other" {
				elsewhere.Add(1)
			}
		}),
	)
	if got := words(g.Do(t.Context(), Request{Path: "/"})); got != "0:302 1:200" || elsewhere.Load() != 0 {
		t.Errorf("answers %s, %d followed", got, elsewhere.Load())
	}
}
