package api

import (
	"net/http"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A ZoneAnswer is the body of GET /api/v1/zone.
type ZoneAnswer struct {
	Coverage
	Zone   ZoneInfo `json:"zone"`
	SeenBy int      `json:"seen_by"` // the worker whose view this is
}

// zone shows the zone as this worker sees it, or else the first that answered; the others are asked whether they see one.
func (a *API) zone(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[ZoneInfo](r.Context(), a, broadcast.Request{Path: pathZone})
	if !nobody(w, cov) {
		ok(w, a.zoneAnswer(all, cov))
	}
}
