package api

import (
	"context"
	"net/http"
	"time"
)

// A Reload is how the server loaded its configuration again. All workers run with it now, but for the keys in Restart, or, if there is a problem or
// an error, none.
type Reload struct {
	Applied  []string // keys whose values have changed
	Restart  []string // keys that are not applied, or not whole, until a restart
	Kept     []string // addresses that are not configured any more, but listened on until then
	Problems []string // what is wrong with the configuration
	Error    string   // why it can't be applied now
}

// A ReloadAnswer is the body of the answer to POST /api/v1/reload.
type ReloadAnswer struct {
	Applied []string `json:"applied"`
	Restart []string `json:"restart"`
	Kept    []string `json:"kept"`
}

// A ReloadProblem is the body of the answer when nothing was changed.
type ReloadProblem struct {
	problemDetails
	Problems []string `json:"problems,omitempty"`
}

// reloadTime is more than a reload may take: workers may have to start first, and to answer twice; and one that is under way may have to end.
const reloadTime = 25 * time.Second

func (a *API) reload(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reloadTime)
	defer cancel()
	done, err := a.opts.Local.Reload(ctx)
	switch {
	case err != nil:
		problem(w, problemDetails{Status: http.StatusGatewayTimeout, Detail: "the server does not tell how the reload went: " + err.Error()})
	case len(done.Problems) > 0:
		reloadProblem(w, http.StatusUnprocessableEntity, "the configuration is refused; nothing has changed", done.Problems)
	case done.Error != "":
		reloadProblem(w, http.StatusServiceUnavailable, "the configuration can't be applied now; nothing has changed: "+done.Error, nil)
	default:
		ok(w, ReloadAnswer{list(done.Applied), list(done.Restart), list(done.Kept)})
	}
}

func reloadProblem(w http.ResponseWriter, status int, detail string, problems []string) {
	p := ReloadProblem{problemDetails{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}, problems}
	writeJSON(w, status, problemType, p)
}

// list is never null in JSON.
func list(all []string) []string { return append([]string{}, all...) }
