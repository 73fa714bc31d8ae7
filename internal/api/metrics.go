package api

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/prometheus/common/expfmt"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// gatherErrors is the header in which a worker tells how many errors gathering its own metrics met.
const gatherErrors = "Rtmpedge-Gather-Errors"

// formats are what siblings and scrapers may ask for. Delimited protobuf is the cheapest to read.
var formats = []expfmt.Format{expfmt.FmtText, expfmt.FmtProtoDelim}

// metrics answers with the metrics of all workers.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	answers, cov := a.ask(r.Context(), broadcast.Request{
		Path:   pathMetrics,
		Header: http.Header{"Accept": {string(expfmt.FmtProtoDelim)}},
	})
	m := newMetricsMerge()
	for _, ans := range answers {
		if err := m.addWorker(ans); err != nil {
			cov.demote(ans.Worker, "bad_answer", err.Error())
		}
	}
	a.done(cov)
	families, dropped := m.finish(cov)
	for _, d := range dropped {
		a.log.Debug("metric left out", "peer", d.worker, "family", d.family, "reason", d.reason)
	}
	writeFamilies(w, r, families)
}

// localMetrics answers with the metrics of this worker.
func (a *API) localMetrics(w http.ResponseWriter, r *http.Request) {
	families, err := a.opts.Gatherer.Gather()
	if err != nil {
		a.log.Error("metrics could not all be gathered", "err", err)
		if len(families) == 0 {
			problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "no metric could be gathered"})
			return
		}
		w.Header().Set(gatherErrors, "1")
	}
	writeFamilies(w, r, families)
}

func writeFamilies(w http.ResponseWriter, r *http.Request, families []*family) {
	format := expfmt.NegotiateAccept(r.Header, formats...)
	var body bytes.Buffer
	enc := expfmt.NewEncoder(&body, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "metrics cannot be encoded: " + err.Error()})
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", string(format))
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(body.Bytes())
}
