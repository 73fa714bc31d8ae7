package api

import (
	"net/http"

	"github.com/rtmp-edge/rtmp-edge/internal/console"
)

// consoleRoutes are the page for people, and the way there.
func consoleRoutes(page *console.Console) []route {
	return []route{
		{"", http.MethodGet, "/{$}", nil, toConsole},
		{"console", http.MethodGet, "/console/{file...}", nil, func(w http.ResponseWriter, r *http.Request) {
			if !page.Serve(w, r, r.PathValue("file")) {
				notFound(w, r)
			}
		}},
	}
}

// toConsole leads to the console. Relative, so that it also does behind a proxy that puts something in front of the path.
func toConsole(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "console/")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}
