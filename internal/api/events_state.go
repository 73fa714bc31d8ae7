package api

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A StateEvent is the data of an event of GET /api/v1/events.
type StateEvent struct {
	Time     time.Time     `json:"time"`
	Workers  WorkersAnswer `json:"workers"` // as GET /api/v1/workers
	Streams  StreamsAnswer `json:"streams"` // as GET /api/v1/streams: the first page
	Sessions SessionCounts `json:"sessions"`
	Zone     *ZoneAnswer   `json:"zone"` // as GET /api/v1/zone; null when no worker could tell
}

// SessionCounts are sums over the workers that answered.
type SessionCounts struct {
	Sessions   int `json:"sessions"` // relays of siblings among them
	Publishers int `json:"publishers"`
	Players    int `json:"players"`
}

// state asks all workers for what an event tells. It takes no longer than the slowest of them may.
func (a *API) state(ctx context.Context) []byte {
	var e StateEvent
	var wg sync.WaitGroup
	wg.Go(func() {
		e.Workers = a.askWorkers(ctx)
		for i := range e.Workers.Workers {
			e.Sessions.add(&e.Workers.Workers[i])
		}
	})
	wg.Go(func() {
		limit := url.Values{"limit": {strconv.Itoa(streamsLimit + 1)}}
		all, cov := askJSON[[]LocalStream](ctx, a, broadcast.Request{Path: pathStreams, RawQuery: limit.Encode()})
		e.Streams = streamsPage(mergeStreams(all), streamsLimit, cov)
	})
	wg.Go(func() {
		all, cov := askJSON[ZoneInfo](ctx, a, broadcast.Request{Path: pathZone})
		e.Zone = a.zoneAnswer(all, cov)
	})
	wg.Wait()
	e.Time = time.Now()
	data, err := json.Marshal(e)
	if err != nil {
		// A figure that JSON can't carry, such as NaN. Consoles keep what they show, and say since when.
		a.log.Error("state cannot be encoded", "err", err)
		return nil
	}
	return data
}

func (c *SessionCounts) add(w *WorkerInfo) {
	c.Sessions += w.Sessions
	c.Publishers += w.Publishers
	c.Players += w.Players
}
