package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

const controlled = "live/con/trolled"

// controlledPath is its path in the API.
const controlledPath = "/api/v1/streams/live%2Fcon/trolled"

// A stage is a stream that is published on worker 1 and played on all, over RTMP and over HTTP.
type stage struct {
	*apiClient
	publisher *publisher
	rtmp, flv []*player // by worker
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := start(t, options{live: "play_wait: 60s, republish_wait: 60s"})
	g := &stage{apiClient: newAPIClient(t, s)}
	g.publisher, _ = s.goLive(t, 1, controlled)
	for worker := range workers {
		g.rtmp = append(g.rtmp, play(t, s.rtmpURL(worker, controlled)))
		g.flv = append(g.flv, playFLV(t, s.flvURL(worker, controlled)))
	}
	for _, p := range slices.Concat(g.rtmp, g.flv) {
		p.awaitRun(soon, g.publisher.source.run)
	}
	waitFor(t, soon, "the stream", func() string {
		var answer struct {
			coverage
			Stream struct {
				streamInfo
				PlayersBy   map[string]int `json:"players_by"`
				OwnerWorker *int           `json:"owner_worker"`
			}
		}
		g.call(shared, http.MethodGet, controlledPath, http.StatusOK, &answer)
		got := answer.Stream
		if got.PlayersBy["rtmp"] != workers || got.PlayersBy["http_flv"] != workers || len(got.Relays) != workers-1 || got.OwnerWorker == nil || *got.OwnerWorker != 1 {
			return fmt.Sprintf("%+v", answer)
		}
		return ""
	})
	return g
}

// Whoever is asked tells of all sessions, filtered and page by page.
func TestControlSessions(t *testing.T) {
	t.Parallel()
	g := newStage(t)
	all := g.sessions(shared, "limit=1000")
	if len(all) != 2*workers+1 {
		t.Errorf("%d sessions: %+v", len(all), all)
	}
	for _, worker := range everywhere(g.s) {
		for query, want := range map[string]int{
			"limit=2": 2*workers + 1, "role=relay": workers - 1, "role=publisher&limit=1": 1, "role=player&limit=3": 2 * workers, "role=none": 0,
			"protocol=http_flv&limit=1": workers, "worker=2": 2, "worker=1&state=playing": 2, "app=live%2Fcon&name=trolled": 2*workers + 1, "app=live": 0,
			"role=player&worker=3&protocol=rtmp": 1,
		} {
			found := g.sessions(worker, query)
			if len(found) != want {
				t.Errorf("%s, %s: %d sessions instead of %d: %+v", placeName(worker), query, len(found), want, found)
			}
			for _, i := range found {
				if i.App != "live/con" || i.Name != "trolled" || i.Role == "player" && (i.Source == "local") != (i.Worker == 1) {
					t.Errorf("%s: %+v", query, i)
				}
			}
		}
		if again := g.sessions(worker, "limit=4"); !slices.Equal(all, again) {
			t.Errorf("%s lists\n%+v, not\n%+v", placeName(worker), again, all)
		}
	}
	for _, i := range all {
		var one struct{ Session sessionInfo }
		g.call(shared, http.MethodGet, "/api/v1/sessions/"+i.ID, http.StatusOK, &one)
		if one.Session != i {
			t.Errorf("%+v, not %+v", one.Session, i)
		}
	}
	var problem coverage
	g.call(shared, http.MethodGet, "/api/v1/sessions/1-0-999999", http.StatusNotFound, &problem)
	g.call(shared, http.MethodGet, "/api/v1/sessions?rol=player", http.StatusBadRequest, &problem)
	for _, path := range []string{"/api/v1/workers", "/api/v1/workers/3", "/api/v1/streams", "/api/v1/zone", "/api/v1/log"} {
		g.call(shared, http.MethodGet, path, http.StatusOK, &problem)
	}
}
