package rtmp

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const (
	scheme       = "rtmp://"
	secureScheme = "rtmps://"

	defaultPort = "1935" // assigned by IANA to macromedia-fcs

	// defaultSecurePort is where ffmpeg, librtmp (and OBS with it), GStreamer
	// and the platforms expect RTMPS; no standard says so.
	defaultSecurePort = "443"
)

// A URL is an address of a stream: rtmp://host[:port]/app[/instance]/name[?query],
// or rtmps:// for RTMP over TLS. The port is 1935, or 443 for rtmps, where the
// URL has none.
type URL struct {
	Secure bool   // rtmps
	Host   string // as written: "host", "host:port", "[v6]:port"
	App    string // everything between host and name, without slashes around it
	Name   string // after the last slash, with the query; may be empty
}

// ParseURL parses an rtmp:// or rtmps:// URL. Nothing in it is unescaped:
// servers compare names byte by byte with what encoders send, and those do not
// escape.
func ParseURL(raw string) (URL, error) {
	if i := strings.IndexFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }); i >= 0 {
		return URL{}, fmt.Errorf("%w: space or control character at byte %d", ErrURL, i)
	}
	rest, secure, ok := cutScheme(raw)
	if !ok {
		return URL{}, fmt.Errorf("%w: it must start with %s or %s", ErrURL, scheme, secureScheme)
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	host, path, _ := strings.Cut(path, "/")
	u := URL{Secure: secure, Host: host}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		u.App, u.Name = strings.Trim(path[:i], "/"), path[i+1:]
	} else {
		u.App = path
	}
	if u.App == "" {
		return URL{}, fmt.Errorf("%w: no application after the host", ErrURL)
	}
	if hasQuery {
		u.Name += "?" + query
	}
	if _, _, err := u.hostPort(); err != nil {
		return URL{}, err
	}
	return u, nil
}

// cutScheme returns what follows the scheme, of which case does not count.
func cutScheme(raw string) (rest string, secure, ok bool) {
	for _, s := range [...]string{scheme, secureScheme} {
		if len(raw) >= len(s) && strings.EqualFold(raw[:len(s)], s) {
			return raw[len(s):], s == secureScheme, true
		}
	}
	return "", false, false
}

// TCURL returns what a client says as its tcUrl: the URL without the name.
func (u URL) TCURL() string {
	if u.Secure {
		return secureScheme + u.Host + "/" + u.App
	}
	return scheme + u.Host + "/" + u.App
}

// String returns u as a URL.
func (u URL) String() string { return u.TCURL() + "/" + u.Name }

// hostPort returns the host, a v6 address without brackets, and the port to
// dial.
func (u URL) hostPort() (host, port string, err error) {
	if strings.Contains(u.Host, "@") {
		return "", "", fmt.Errorf("%w: user names and passwords are not supported", ErrURL)
	}
	host, port = u.Host, defaultPort
	if u.Secure {
		port = defaultSecurePort
	}
	switch {
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"): // [v6]
		host = host[1 : len(host)-1]
	case strings.Contains(host, ":"):
		if host, port, err = net.SplitHostPort(u.Host); err != nil {
			return "", "", fmt.Errorf("%w: %w", ErrURL, err)
		}
	}
	if host == "" {
		return "", "", fmt.Errorf("%w: no host", ErrURL)
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") || strings.ContainsAny(host, "[]") {
		return "", "", fmt.Errorf("%w: host %q is neither a name nor an address", ErrURL, host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("%w: port %q is not a number in 1..65535", ErrURL, port)
	}
	return host, port, nil
}
