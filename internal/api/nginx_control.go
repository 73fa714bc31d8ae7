package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// nginxResult is one worker's answer to a control call.
type nginxResult struct {
	Meant  int    `json:"meant"`            // clients
	Done   int    `json:"done"`             // clients that it happened to
	Reason string `json:"reason,omitempty"` // why it did not to one of them
}

func noRecorder(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusNotImplemented, nil, "this server does not record")
}

// nginxControl answers as nginx-rtmp does: with the number of clients that the call affected, on all workers.
func (a *API) nginxControl(section string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		call, err := parseNginx(section, r.PathValue("who"), r.URL.RawQuery)
		if err != nil {
			plain(w, http.StatusBadRequest, nil, err.Error())
			return
		}
		a.callNginx(w, r, &call)
	}
}

func (a *API) callNginx(w http.ResponseWriter, r *http.Request, call *nginxCall) {
	said, err := json.Marshal(call)
	if err != nil {
		plain(w, http.StatusInternalServerError, nil, err.Error())
		return
	}
	all, cov := askJSON[nginxResult](r.Context(), a, order(http.MethodPost, pathNginx, url.Values{"call": {string(said)}}))
	var sum nginxResult
	for _, s := range all {
		sum.Done += s.data.Done
		if sum.Reason == "" {
			sum.Reason = s.data.Reason
		}
	}
	sum.answer(w, call.one(), cov)
}

// answer never looks whole when it is not: a number alone means that every worker has done its part, or that the one client is found that the call
// can mean.
func (n *nginxResult) answer(w http.ResponseWriter, one bool, cov *Coverage) {
	count := strconv.Itoa(n.Done)
	switch {
	case n.Done == 0 && n.Reason != "" && (one || cov.Complete()):
		plain(w, http.StatusConflict, cov, n.Reason)
	case cov.Complete() || one && n.Done > 0:
		plain(w, http.StatusOK, cov, count)
	default:
		lines := []string{count}
		if n.Reason != "" {
			lines = append(lines, n.Reason)
		}
		for _, e := range cov.Errors {
			lines = append(lines, fmt.Sprintf("worker %d did not answer: %s: %s", e.Worker, e.Reason, e.Detail))
		}
		plain(w, http.StatusServiceUnavailable, cov, strings.Join(lines, "\n"))
	}
}

// localNginx does a control call on this worker.
func (a *API) localNginx(w http.ResponseWriter, r *http.Request) {
	var call nginxCall
	if err := json.Unmarshal([]byte(r.URL.Query().Get("call")), &call); err != nil {
		badRequest(w, "this is no control call: "+err.Error())
		return
	}
	end, err := until(r)
	if err != nil {
		badRequest(w, noUntil)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Until(end)*3/4) // the answer takes time, too
	defer cancel()
	local := a.opts.Local
	clients := slices.DeleteFunc(local.Clients(), func(c Client) bool { return !call.means(&c) })
	out := nginxResult{Meant: len(clients)}
	switch {
	case len(clients) == 0:
	case call.Section == sectionDrop:
		out.Done = local.KickClients(clients)
	case call.Section == sectionRedirect && call.NewName != nil:
		if out.Done, err = local.Redirect(ctx, clients, *call.NewName); err != nil {
			out.Reason = err.Error()
		}
	}
	if out.Meant > 0 {
		a.log.Info("control call", "call", call.Section, "who", call.Who, "meant", out.Meant, "done", out.Done, "refused", out.Reason)
	}
	speak(w, a.self, out)
}

// plain answers with a text, as nginx-rtmp does, and says in headers how many workers it is about.
func plain(w http.ResponseWriter, status int, c *Coverage, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	setCoverage(h, c)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

func setCoverage(h http.Header, c *Coverage) {
	if c != nil {
		h.Set(broadcast.HeaderExpected, strconv.Itoa(c.Expected))
		h.Set(broadcast.HeaderAnswered, strconv.Itoa(c.Answered))
	}
}
