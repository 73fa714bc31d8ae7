package httpplay

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins are the sites whose pages may play, as a browser names them: https://example.com (RFC 6454 §7). AnyOrigin among them allows all.
type Origins []string

// AnyOrigin stands for every site.
const AnyOrigin = "*"

// SetHeader sets what every answer has: nobody may keep it, and browsers let pages of our origins alone read it (Fetch §3.3).
func (o Origins) SetHeader(h http.Header, r *http.Request) {
	h.Set("Cache-Control", "no-store")
	if slices.Contains(o, AnyOrigin) {
		h.Set("Access-Control-Allow-Origin", AnyOrigin)
		return
	}
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); o.has(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
	}
}

// SetPreflight sets what the answer to OPTIONS has besides: which requests a browser may make for an allowed page. What headers those
// have does not matter to us.
func (o Origins) SetPreflight(h http.Header) {
	h.Set("Allow", Methods)
	if h.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "7200") // browsers take no more
}

// Methods are those that streams answer to.
const Methods = "GET, HEAD, OPTIONS"

// Admit tells whether who asks may have a WebSocket, which browsers open for pages of any site: a page of our origins, one that came from here, or
// no page at all.
func (o Origins) Admit(r *http.Request) bool {
	given := r.Header.Values("Origin")
	switch len(given) {
	case 0:
		return true
	case 1:
		u, err := url.Parse(given[0])
		return slices.Contains(o, AnyOrigin) || o.has(given[0]) || err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
	return false
}

func (o Origins) has(origin string) bool {
	return origin != "" && slices.ContainsFunc(o, func(allowed string) bool { return strings.EqualFold(allowed, origin) })
}

// IsWebSocket tells whether a request asks for a WebSocket (RFC 6455 §4.1).
func IsWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && slices.ContainsFunc(r.Header.Values("Upgrade"), func(v string) bool {
		return slices.ContainsFunc(strings.Split(v, ","), func(token string) bool { return strings.EqualFold(strings.TrimSpace(token), "websocket") })
	})
}
