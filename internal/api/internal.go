package api

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// What siblings ask on the private socket.
const (
	pathWorker    = "/internal/v1/worker"
	pathStreams   = "/internal/v1/streams"
	pathSessions  = "/internal/v1/sessions"
	pathSession   = "/internal/v1/session"
	pathPublisher = "/internal/v1/publisher"
	pathPlayers   = "/internal/v1/players"
	pathDrain     = "/internal/v1/drain"
	pathLog       = "/internal/v1/log"
	pathZone      = "/internal/v1/zone"
	pathMetrics   = "/internal/v1/metrics"
	pathTakeover  = "/internal/v1/takeover"
	pathProfiles  = "/debug/pprof/"
)

// An identity is what does not change of a worker.
type identity struct{ worker, slot int }

// speak answers for this worker alone. No browser reads it, so <, > and & stay as they are: six times as long, names full of them could make an answer
// too large for siblings.
func speak[T any](w http.ResponseWriter, who identity, data T) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(envelope[T]{Worker: who.worker, Slot: who.slot, Data: &data}); err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	send(w, http.StatusOK, "application/json", body.Bytes())
}

func (a *API) localWorker(w http.ResponseWriter, _ *http.Request) {
	speak(w, a.self, a.opts.Local.Worker())
}

func (a *API) localZone(w http.ResponseWriter, _ *http.Request) {
	z, err := a.opts.Local.Zone()
	if err != nil {
		problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "the zone cannot be read: " + err.Error()})
		return
	}
	speak(w, a.self, z)
}
