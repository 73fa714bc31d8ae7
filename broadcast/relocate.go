package broadcast

import (
	"net/url"
	"strings"
)

// relocate puts prefix in front of a place on the worker: an absolute path, or a URL with the host that the worker was called by. A path relative to
// that of the request is right as it is, and other hosts' URLs are none of ours.
func relocate(at, prefix, host string) string {
	u, err := url.Parse(at)
	if err != nil || prefix == "" || u.Opaque != "" {
		return at
	}
	ours := u.Host == "" && u.Scheme == "" || strings.EqualFold(u.Host, host) && (u.Scheme == "" || u.Scheme == "http" || u.Scheme == "https")
	if !ours || u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		return at
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	u.Path, u.RawPath = unescape(prefix+path), prefix+path
	return u.String()
}

// unescape is the path that url.URL.Path holds for an escaped one. What is no valid escape stays as it is.
func unescape(path string) string {
	if p, err := url.PathUnescape(path); err == nil {
		return p
	}
	return path
}
