package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// sameSite refuses what a web page of somebody else could make a browser send, and control calls from outside. A browser on
// this machine reaches loopback addresses, so that binding to them is not enough: the page may send a form, or have its
// own name resolve to 127.0.0.1 (DNS rebinding).
func (a *API) sameSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local := localAddr(r)
		if local != nil && local.Network() == "unix" {
			next.ServeHTTP(w, r) // no browser speaks to those
			return
		}
		var why string
		switch {
		case !a.knownHost(r.Host):
			why = "the Host header names neither an IP address, localhost, nor a configured host"
		case !sameOrigin(r):
			why = "the request comes from another site"
		case isControl(r) && !isLoopback(local) && (a.opts.Authorize == nil || !a.opts.Authorize(r)):
			why = "control calls are taken on loopback addresses and unix sockets only"
		default:
			next.ServeHTTP(w, r)
			return
		}
		problem(w, problemDetails{Status: http.StatusForbidden, Detail: why})
	})
}

func isControl(r *http.Request) bool {
	return r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
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
	return name != "" && slices.ContainsFunc(a.opts.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
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
