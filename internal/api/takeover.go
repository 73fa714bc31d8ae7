package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// giveUpResult is a worker's answer to a takeover.
type giveUpResult struct {
	Released bool `json:"released"`
}

func (a *API) localTakeover(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	end, err := until(r)
	if err != nil {
		badRequest(w, noUntil)
		return
	}
	// A worker that was stopped finds old requests in its socket. Nobody waits for those any more.
	ctx, cancel := context.WithDeadline(r.Context(), end)
	defer cancel()
	released := ctx.Err() == nil && a.opts.Local.GiveUp(ctx, q.Get("stream"), q.Get("publication"))
	speak(w, a.self, giveUpResult{Released: released})
}

// takeoverTimeout is how long a worker may take to give a publication up, once it is asked. It is less than what it has for the answer.
const takeoverTimeout = broadcast.DefaultTimeout * 3 / 4

// TakeOver asks one worker to give up a publication that somebody else takes over, and returns when it has. It reports whether that worker had it.
func TakeOver(ctx context.Context, g *broadcast.Group, worker int, stream, publication string) (released bool, err error) {
	q := url.Values{
		"stream": {stream}, "publication": {publication},
		"until": {strconv.FormatInt(time.Now().Add(takeoverTimeout).UnixMilli(), 10)}, // both have the clock of one machine
	}
	ans := g.DoOne(ctx, worker, broadcast.Request{Method: http.MethodPost, Path: pathTakeover, RawQuery: q.Encode()})
	switch {
	case ans.Err != nil:
		return false, ans.Err
	case ans.Status != http.StatusOK:
		return false, fmt.Errorf("api: worker %d answered a takeover with status %d", worker, ans.Status)
	}
	var e envelope[giveUpResult]
	if err := json.Unmarshal(ans.Body, &e); err != nil || e.Data == nil {
		return false, fmt.Errorf("api: worker %d answered a takeover with %q", worker, ans.Body)
	}
	return e.Data.Released, nil
}
