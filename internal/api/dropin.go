package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DropIn is what a worker knows and does for programs that were written for nginx-rtmp: GET /stat and /control/. See docs/nginx-rtmp.md.
type DropIn interface {
	// Clients lists who publishes a stream, then who plays one, or waits for one, by whatever protocol; no relays of siblings. A
	// connection that publishes several streams is listed with each.
	Clients() []Client
	// Totals tells what went through this worker since it started.
	Totals() Totals
	// KickClients ends the sessions of clients, and returns how many of them were still there. Each counts once.
	KickClients([]Client) int
	// Redirect moves clients to another stream of the same app, without a new connection, and returns how many were moved. What they
	// publish or play now is that of Client: who does something else by now stays. Viewers over HTTP can't be moved. The error says why
	// the last that was not moved was not.
	Redirect(ctx context.Context, clients []Client, name string) (moved int, err error)
}

// A Client is one connection's part in one stream.
type Client struct {
	Session   string    `json:"session"` // its id
	Protocol  string    `json:"protocol"`
	Address   string    `json:"address"`            // host:port, or unix
	FlashVer  string    `json:"flashver,omitempty"` // what it calls itself
	PageURL   string    `json:"pageurl,omitempty"`
	SWFURL    string    `json:"swfurl,omitempty"`
	App       string    `json:"app"`
	Name      string    `json:"name"`
	Since     time.Time `json:"since"` // of the connection
	Publishes bool      `json:"publishes,omitempty"`
	Active    bool      `json:"active,omitempty"` // media flows
	Dropped   uint64    `json:"dropped,omitempty"`
	Timestamp uint32    `json:"timestamp,omitempty"` // of the newest message that it sent or got, as players get it
	AVSync    int32     `json:"avsync,omitempty"`    // how far its video is ahead of its audio, in milliseconds
}

// Totals are counters of one worker. Relays of siblings are not in them.
type Totals struct {
	Server   int               `json:"server"`   // process id of the master
	Apps     []string          `json:"apps"`     // those that have an entry in the configuration: they are listed without streams, too
	Accepted uint64            `json:"accepted"` // connections of publishers and players
	BytesIn  uint64            `json:"bytes_in"`
	BytesOut uint64            `json:"bytes_out"`
	Streams  map[string]uint64 `json:"streams"` // bytes to players, by app/name; of streams that are gone it forgets them
}

func (a *API) dropInRoutes() []route {
	control := func(section, method string) route {
		return route{"control_" + section, method, "/control/" + section + "/{who}", nil, a.once(sameSiteOnly(a.nginxControl(section)))}
	}
	return []route{
		{"stat", http.MethodGet, "/stat", nil, a.once(a.stat)},
		control(sectionDrop, http.MethodGet), control(sectionDrop, http.MethodPost),
		control(sectionRedirect, http.MethodGet), control(sectionRedirect, http.MethodPost),
		{"", "", "/control/record/{what}", nil, noRecorder},
	}
}

func (a *API) dropInInternalRoutes() []route {
	return []route{
		{"", http.MethodGet, pathStat, nil, a.localStat},
		{"", http.MethodPost, pathNginx, nil, inTime(a.localNginx)},
	}
}

const (
	pathStat  = "/internal/v1/stat"
	pathNginx = "/internal/v1/control"
)

// sameSiteOnly refuses what a page of another site had a browser ask for in any way, and what a browser fetches before anybody wants it: GET changes
// something here, because it does in nginx-rtmp. Where requests only read, following a link is fine; here it is not.
func sameSiteOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead { // GET's handler serves it
			w.Header().Set("Allow", "GET, POST")
			plain(w, http.StatusMethodNotAllowed, nil, "this path answers to GET and POST")
			return
		}
		if why := foreign(r); why != "" {
			plain(w, http.StatusForbidden, nil, why)
			return
		}
		next(w, r)
	}
}

// foreign says why a request is none that somebody here wanted; "" if nothing speaks against it.
func foreign(r *http.Request) string {
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case !sameOrigin(r), site != "" && site != "same-origin" && site != "none":
		return "the request comes from another site"
	case strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose"), "pre"): // prefetch, prerender, preview
		return "the request was made in advance"
	case site == "" && r.Header.Get("Referer") == "" && r.Header.Get("Origin") == "" && remembers(r):
		return "a browser sent the request, and does not say from where: use https, or DELETE under /api/v1/"
	}
	if referer := r.Header.Get("Referer"); referer != "" { // of browsers that know no Sec-Fetch-Site
		if u, err := url.Parse(referer); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return "the request comes from a page of another site"
		}
	}
	return ""
}

// remembers reports whether a browser sent the password, which it does for pages of any site once it knows it. Over HTTP without encryption, browsers
// send Sec-Fetch-Site to this machine alone (W3C Fetch Metadata §2), and the other site can have them leave out Referer.
func remembers(r *http.Request) bool {
	_, _, basic := r.BasicAuth()
	return basic && strings.HasPrefix(r.UserAgent(), "Mozilla/")
}
