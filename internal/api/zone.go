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

// zone shows the zone as one worker sees it; the others are asked whether they see one.
func (a *API) zone(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[ZoneInfo](r.Context(), a, broadcast.Request{Path: pathZone})
	if !nobody(w, cov) {
		ok(w, a.zoneAnswer(all, cov))
	}
}

// zoneAnswer shows the zone as this worker sees it, or else the first that answered.
func (a *API) zoneAnswer(all []said[ZoneInfo], cov *Coverage) *ZoneAnswer {
	if len(all) == 0 {
		return nil
	}
	shown := all[0]
	for _, s := range all {
		if s.worker == a.self.worker {
			shown = s
		}
	}
	if shown.data.Slots == nil {
		shown.data.Slots = []ZoneSlot{}
	}
	return &ZoneAnswer{Coverage: *cov, Zone: shown.data, SeenBy: shown.worker}
}
