package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// methods maps an HTTP method to its handler. GET serves HEAD too.
type methods map[string]http.HandlerFunc

// A route is one path, as a pattern of http.ServeMux without method.
type route struct {
	pattern string
	methods methods
}

// router serves the routes. Unknown paths and methods are answered with a problem, as everything else that fails.
func router(routes []route) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.pattern, r.methods)
	}
	mux.HandleFunc("/", notFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A path that isn't clean names nothing; ServeMux would redirect to one that might.
		if p := r.URL.EscapedPath(); p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/") {
			notFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	problem(w, problemDetails{Status: http.StatusNotFound, Detail: "nothing is served under this path"})
}

// ServeHTTP implements http.Handler.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := m[r.Method]
	if h == nil && r.Method == http.MethodHead {
		h = m[http.MethodGet]
	}
	if h == nil {
		w.Header().Set("Allow", m.allow())
		problem(w, problemDetails{Status: http.StatusMethodNotAllowed, Detail: "this path answers to " + m.allow()})
		return
	}
	h(w, r)
}

// allow is the value of the Allow header (RFC 9110 §10.2.1).
func (m methods) allow() string {
	var names []string
	for name := range m {
		names = append(names, name)
		if name == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
