package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// sameSite refuses what a web page of somebody else could make a browser send, and control calls from outside without the token. A browser on
// this machine reaches loopback addresses, so that binding to them is not enough: the page may send a form, or have its
// own name resolve to 127.0.0.1 (DNS rebinding).
func (a *API) sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local := localAddr(r)
		unix := local != nil && local.Network() == "unix" // no browser speaks to those
		control := isControl(r)
		switch {
		case !unix && !a.knownHost(r.Host):
			a.forbid(w, control, "the Host header names neither an IP address, localhost, nor a configured host")
		case !unix && !sameOrigin(r):
			a.forbid(w, control, "the request comes from another site")
		case control && !a.mayControl(w, r, unix || isLoopback(local)):
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (a *API) forbid(w http.ResponseWriter, control bool, why string) {
	if control {
		a.refused(http.StatusForbidden)
	}
	problem(w, problemDetails{Status: http.StatusForbidden, Detail: why})
}

// mayControl answers a control call that lacks the token, and reports whether it may go on. One of this machine needs none, unless a proxy here
// says that it only passes it on: else everybody who comes through there could control the server.
func (a *API) mayControl(w http.ResponseWriter, r *http.Request, here bool) bool {
	if here && !passedOn(r) {
		return true
	}
	keeper := a.access.Load().keeper
	if keeper == nil {
		a.forbid(w, true, "control calls are taken from programs of this machine only, as long as no token is configured (http.token)")
		return false
	}
	admitted, given := keeper.admits(r)
	if admitted {
		return true
	}
	a.refused(http.StatusUnauthorized)
	if given {
		if unsaid, say := keeper.wrong(time.Now()); say {
			a.log.Warn("control call with a wrong token", "remote", r.RemoteAddr, "unsaid", unsaid)
		}
	}
	challenge(w, given)
	return false
}

// controlPaths are the first elements of the paths of control calls; all others are for everybody.
var controlPaths = []string{"api", "stat", "control", "workers", "broadcast", "console"}

func isControl(r *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return slices.Contains(controlPaths, first)
}

func localAddr(r *http.Request) net.Addr {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addr
}

// isLoopback reports whether the connection came in on an address that only this machine reaches.
func isLoopback(addr net.Addr) bool {
	tcp, isTCP := addr.(*net.TCPAddr)
	return isTCP && tcp.IP.IsLoopback()
}

// knownHost reports whether the Host header is one that DNS rebinding can't forge, or that is ours.
func (a *API) knownHost(host string) bool {
	name := hostname(host)
	if name == "localhost" {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name != "" && slices.ContainsFunc(a.access.Load().hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// hostname is the lower-case host of host[:port], without brackets and without the dot at the end.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// sameOrigin reports whether no other site's page sent the request. Browsers say so by Origin (RFC 6454 §7) and
// Sec-Fetch-Site (W3C Fetch Metadata §2.3); others send neither. Following a link to here is not sending a request.
func sameOrigin(r *http.Request) bool {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		u, err := url.Parse(origins[0])
		if err != nil || len(origins) > 1 || !strings.EqualFold(u.Host, r.Host) || (u.Scheme != "http" && u.Scheme != "https") {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	link := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return link && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}
