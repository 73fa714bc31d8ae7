package api

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// statPart is what one worker tells for /stat.
type statPart struct {
	Started time.Time     `json:"started"`
	Totals  Totals        `json:"totals"`
	Streams []LocalStream `json:"streams"`
	Clients []Client      `json:"clients"`

	Unlisted map[string]int `json:"unlisted,omitempty"` // clients that are not among those, by app/name
}

func (a *API) localStat(w http.ResponseWriter, _ *http.Request) {
	local := a.opts.Local
	p := statPart{Started: local.Worker().Started, Totals: local.Totals(), Streams: local.Streams(), Clients: local.Clients()}
	p.shorten(maxStatClients)
	speak(w, a.self, p)
}

// maxStatClients is about how many bytes of clients one worker lists: some 15,000 of them. What it may answer has a bound (broadcast.DefaultMaxBody).
const maxStatClients = 4 << 20

// shorten leaves clients out behind so many bytes, and counts them.
func (p *statPart) shorten(limit int) {
	for i := range p.Clients {
		if limit -= p.Clients[i].size(); limit >= 0 {
			continue
		}
		p.Unlisted = map[string]int{}
		for _, c := range p.Clients[i:] {
			p.Unlisted[c.App+"/"+c.Name]++
		}
		p.Clients = p.Clients[:i]
		return
	}
}

// size is about how many bytes the client takes in an answer.
func (c *Client) size() int {
	const rest = 200
	return rest + len(c.App) + len(c.Name) + len(c.FlashVer) + len(c.PageURL) + len(c.SWFURL)
}

// stat answers as nginx-rtmp does where it has `rtmp_stat all` (ngx_rtmp_stat_module.c), with all workers as one server.
func (a *API) stat(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[statPart](r.Context(), a, broadcast.Request{Path: pathStat})
	if nobody(w, cov) {
		return
	}
	var body bytes.Buffer
	mergeStat(all, time.Now()).write(&body, cov)
	h := w.Header()
	h.Set("Content-Type", "text/xml; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	setCoverage(h, cov)
	_, _ = w.Write(body.Bytes())
}

// A statDocument is what all workers together say.
type statDocument struct {
	now         time.Time
	started     time.Time // of the oldest worker
	totals      Totals
	bwIn, bwOut float64
	apps        []statApp
	unlisted    int // clients
}

type statApp struct {
	name    string
	streams []*statStream
}

// clients counts those of all streams.
func (a *statApp) clients() (n int) {
	for _, s := range a.streams {
		n += len(s.clients) + s.unlisted
	}
	return n
}

type statStream struct {
	app, name  string
	best       *LocalStream // of who knows most of it: the owner, else a relay; nil if it is only waited for
	since      time.Time
	bytesOut   uint64
	bwOut      float64
	publishing bool
	clients    []Client // publishers first
	unlisted   int      // more of them
}

// mergeStat joins what the workers say.
func mergeStat(all []said[statPart], now time.Time) *statDocument {
	d := &statDocument{now: now, started: now}
	streams := map[[2]string]*statStream{}
	at := func(app, name string) *statStream {
		s := streams[[2]string{app, name}]
		if s == nil {
			s = &statStream{app: app, name: name}
			streams[[2]string{app, name}] = s
		}
		return s
	}
	answered := map[int]bool{} // by slot
	for _, w := range all {
		answered[w.slot] = true
	}
	for _, w := range all {
		d.add(&w.data)
		for i := range w.data.Streams {
			l := &w.data.Streams[i]
			at(l.App, l.Name).add(l, answered[l.Owner])
		}
		for _, c := range w.data.Clients {
			s := at(c.App, c.Name)
			s.clients = append(s.clients, c)
		}
	}
	for key, s := range streams {
		for _, w := range all { // those too that have no part in it any more
			s.bytesOut += w.data.Totals.Streams[key[0]+"/"+key[1]]
			s.unlisted += w.data.Unlisted[key[0]+"/"+key[1]]
		}
	}
	d.arrange(slices.Collect(maps.Values(streams)))
	if len(all) > 0 {
		d.list(all[0].data.Totals.Apps)
	}
	return d
}

// arrange sorts the streams by app and name, and their clients.
func (d *statDocument) arrange(streams []*statStream) {
	slices.SortFunc(streams, func(x, y *statStream) int {
		return cmp.Or(strings.Compare(x.app, y.app), strings.Compare(x.name, y.name))
	})
	for _, s := range streams {
		slices.SortFunc(s.clients, func(x, y Client) int {
			if x.Publishes != y.Publishes {
				if x.Publishes {
					return -1
				}
				return 1
			}
			return cmp.Or(x.Since.Compare(y.Since), strings.Compare(x.Session, y.Session))
		})
		if s.best != nil {
			d.bwIn += s.best.BitrateIn
		}
		d.bwOut += s.bwOut
		d.unlisted += s.unlisted
		if n := len(d.apps); n == 0 || d.apps[n-1].name != s.app {
			d.apps = append(d.apps, statApp{name: s.app})
		}
		app := &d.apps[len(d.apps)-1]
		app.streams = append(app.streams, s)
	}
}

// list adds apps that have no stream.
func (d *statDocument) list(apps []string) {
	for _, name := range apps {
		i, found := slices.BinarySearchFunc(d.apps, name, func(a statApp, name string) int { return strings.Compare(a.name, name) })
		if !found {
			d.apps = slices.Insert(d.apps, i, statApp{name: name})
		}
	}
}

// add takes one worker's counters in.
func (d *statDocument) add(p *statPart) {
	if p.Started.Before(d.started) {
		d.started = p.Started
	}
	d.totals.Server = cmp.Or(d.totals.Server, p.Totals.Server)
	d.totals.Accepted += p.Totals.Accepted
	d.totals.BytesIn += p.Totals.BytesIn
	d.totals.BytesOut += p.Totals.BytesOut
}

// add takes one worker's part in.
func (s *statStream) add(l *LocalStream, ownerAnswered bool) {
	if n := l.Players + l.RelayPlayers; n > 0 {
		s.bwOut += l.BitrateOut * float64(l.Players) / float64(n) // they get the same; siblings are no viewers
	}
	switch {
	case l.Role == RolePublisher, l.Role == RoleRelay && !ownerAnswered: // else the owner knows better, or knows that it is over
		s.publishing = true
		if s.best == nil || l.Role == RolePublisher && (s.best.Role != RolePublisher || l.Since.After(s.best.Since)) {
			s.best, s.since = l, l.Since
		}
	case s.best == nil && (s.since.IsZero() || l.Since.Before(s.since)):
		s.since = l.Since
	}
}

// missing says which workers the document is not about, in a line for people; "" if none.
func missing(c *Coverage) string {
	if c.Complete() {
		return ""
	}
	parts := []string{fmt.Sprintf("%d of %d workers answered", c.Answered, c.Expected)}
	for _, e := range c.Errors {
		parts = append(parts, fmt.Sprintf("worker %d: %s", e.Worker, e.Reason))
	}
	return strings.Join(parts, "; ")
}
