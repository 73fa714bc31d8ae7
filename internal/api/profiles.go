package api

import (
	"net/http"
	"net/http/pprof" // its handlers on http.DefaultServeMux are served nowhere
	"strings"
)

// profiles serves the profiles of this process: go tool pprof reads them, through the private socket only.
func profiles(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, pathProfiles) {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}
