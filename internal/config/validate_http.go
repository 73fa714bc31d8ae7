package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

func (v *validator) http(h *HTTPServer) {
	v.secret("http.token", h.Token)
	for i, host := range h.Hosts {
		v.check(isHostName(host), fmt.Sprintf("http.hosts[%d]", i), "%q is not the name of a host: write it alone, such as live.example.com", host)
	}
	for i, origin := range h.CORSOrigins {
		v.check(origin == AnyOrigin || isOrigin(origin), fmt.Sprintf("http.cors_origins[%d]", i),
			"%q is not an origin: write a scheme and a host, such as https://example.com, or \"*\" for every site", origin)
	}
}

// isHostName tells whether s is what stands before the port in a Host header, and is no address: those need no entry.
func isHostName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil || s == "" {
		return false
	}
	return !strings.HasSuffix(s, ".") && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_'
	})
}

// isOrigin tells whether a browser could send s as the Origin of a page (RFC 6454 §6.2).
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Scheme+"://"+u.Host == s && s == strings.ToLower(s)
}
