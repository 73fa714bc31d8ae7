package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

// A route is one method of one path.
type route struct {
	command string   // what Observer calls it, one of Commands; "" is not counted
	method  string   // "" serves all methods that the path has no other route for; GET serves HEAD too
	pattern string   // of http.ServeMux, without method
	query   []string // the parameters that it takes; others are refused, under /api/v1/
	handler http.HandlerFunc
}

// router serves the routes. Unknown paths and methods are answered with a problem, as everything else that fails.
func (a *API) router(routes []route) http.Handler {
	paths := map[string]methods{}
	for i := range routes {
		r := &routes[i]
		if paths[r.pattern] == nil {
			paths[r.pattern] = methods{}
		}
		paths[r.pattern][r.method] = a.counted(r)
	}
	mux := http.NewServeMux()
	for pattern, m := range paths {
		mux.Handle(pattern, m)
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

// methods are the handlers of one path.
type methods map[string]http.HandlerFunc

// ServeHTTP implements http.Handler.
func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := m[r.Method]
	if h == nil && r.Method == http.MethodHead {
		h = m[http.MethodGet]
	}
	if h == nil {
		h = m[""]
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
