package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// gatherErrors is the header in which a worker tells how many errors gathering its own metrics met.
const gatherErrors = "Rtmpedge-Gather-Errors"

// workerState is the header in which it tells its own WorkerState.
const workerState = "Rtmpedge-Worker-State"

// formats are what scrapers may ask for. Siblings ask for text.
var formats = []expfmt.Format{expfmt.FmtText, expfmt.FmtProtoDelim}

const (
	// maxScrapes is how many scrapes a worker answers at a time: anybody may ask for one, and control calls need connections to siblings, too.
	maxScrapes = 4
	// scrapeWait is how long others wait for their turn.
	scrapeWait = time.Second
)

// turn waits for the scrape's turn, and reports whether it came; then it must be given back.
func (a *API) turn(ctx context.Context) (giveBack func(), came bool) {
	late := time.NewTimer(scrapeWait)
	defer late.Stop()
	select {
	case a.scrapes <- struct{}{}:
		return func() { <-a.scrapes }, true
	case <-ctx.Done():
	case <-late.C:
	}
	return nil, false
}

// scrape gathers the metrics of all workers, if its turn comes.
func (a *API) scrape(r *http.Request) (families []*family, came bool) {
	giveBack, came := a.turn(r.Context())
	if !came {
		return nil, false
	}
	defer giveBack() // before the answer is written: who reads it slowly must not hold up others
	ctx, cancel := scrapeContext(r)
	defer cancel()
	answers, cov := a.ask(ctx, broadcast.Request{
		Path:   pathMetrics,
		Header: http.Header{"Accept": {string(expfmt.FmtText)}},
	})
	m := newMetricsMerge()
	for _, ans := range answers {
		if err := m.addWorker(ans); err != nil {
			cov.demote(ans.Worker, "bad_answer", err.Error())
		}
	}
	a.done(r.Context(), cov)
	families, dropped := m.finish(cov)
	for _, d := range dropped {
		a.log.Debug("metric left out", "peer", d.worker, "family", d.family, "reason", d.reason)
	}
	return families, true
}

// metrics answers with the metrics of all workers.
func (a *API) metrics(w http.ResponseWriter, r *http.Request) {
	families, came := a.scrape(r)
	if !came {
		a.refused(http.StatusServiceUnavailable)
		w.Header().Set("Retry-After", "1")
		problem(w, problemDetails{Status: http.StatusServiceUnavailable, Detail: "too many scrapes are under way on this worker: try again in a second"})
		return
	}
	if expfmt.NegotiateAccept(r.Header, formats...).FormatType() == expfmt.TypeTextPlain {
		writeText(w, families)
		return
	}
	decoded, err := decodeText(families)
	if err != nil {
		problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "metrics cannot be decoded: " + err.Error()})
		return
	}
	writeFamilies(w, r, decoded)
}

// writeText answers in the text format.
func writeText(w http.ResponseWriter, families []*family) {
	pieces := make([][]byte, 0, 64*len(families))
	size := 0
	add := func(b []byte) {
		pieces = append(pieces, b)
		size += len(b)
	}
	for _, f := range families {
		if f.help != "" {
			add(fmt.Appendf(nil, "# HELP %s %s\n", f.name, f.help))
		}
		add(fmt.Appendf(nil, "# TYPE %s %s\n", f.name, f.kind))
		for _, lines := range f.lines {
			add(lines)
		}
	}
	setHeader(w.Header(), expfmt.FmtText, size)
	for _, b := range pieces {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

// decodeText is for scrapers that want something else than text.
func decodeText(families []*family) ([]*dto.MetricFamily, error) {
	var text bytes.Buffer
	for _, f := range families {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, lines := range f.lines {
			text.Write(lines)
		}
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	decoded, err := parser.TextToMetricFamilies(&text)
	out := make([]*dto.MetricFamily, 0, len(families))
	for _, f := range families {
		if d := decoded[f.name]; d != nil {
			out = append(out, d)
		}
	}
	return out, err
}

// scrapeTimeout is the header in which Prometheus says how long it waits, in seconds.
const scrapeTimeout = "X-Prometheus-Scrape-Timeout-Seconds"

// scrapeContext ends early enough for an answer that the scraper still takes: else one worker that hangs would cost the metrics of all.
func scrapeContext(r *http.Request) (context.Context, context.CancelFunc) {
	seconds, err := strconv.ParseFloat(r.Header.Get(scrapeTimeout), 64)
	if err != nil || !(seconds > 0 && seconds < 3600) {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeout(r.Context(), time.Duration(0.8*seconds*float64(time.Second)))
}

// localMetrics answers with the metrics of this worker.
func (a *API) localMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(workerState, string(a.opts.Local.Worker().State))
	families, err := a.opts.Gatherer.Gather()
	if err != nil {
		a.log.Error("metrics could not all be gathered", "err", err)
		if len(families) == 0 {
			problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "no metric could be gathered"})
			return
		}
		w.Header().Set(gatherErrors, "1")
	}
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(body, f); err != nil {
			problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "metrics cannot be encoded: " + err.Error()})
			return
		}
	}
	setHeader(w.Header(), expfmt.FmtText, body.Len())
	_, _ = w.Write(body.Bytes())
}

// buffers are for answers of siblings to each other.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func writeFamilies(w http.ResponseWriter, r *http.Request, families []*dto.MetricFamily) {
	format := expfmt.NegotiateAccept(r.Header, formats...)
	var body bytes.Buffer
	enc := expfmt.NewEncoder(&body, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			problem(w, problemDetails{Status: http.StatusInternalServerError, Detail: "metrics cannot be encoded: " + err.Error()})
			return
		}
	}
	setHeader(w.Header(), format, body.Len())
	_, _ = w.Write(body.Bytes())
}

func setHeader(h http.Header, format expfmt.Format, size int) {
	h.Set("Content-Type", string(format))
	h.Set("Content-Length", strconv.Itoa(size))
	h.Set("Cache-Control", "no-store")
}
