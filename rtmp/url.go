package rtmp

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

const (
	scheme      = "rtmp://"
	defaultPort = "1935" // assigned by IANA to macromedia-fcs
)

// A URL is an address of a stream: rtmp://host[:port]/app[/instance]/name[?query].
type URL struct {
	Host string // as written: "host", "host:port", "[v6]:port"
	App  string // everything between host and name, without slashes around it
	Name string // after the last slash, with the query; may be empty
}

// ParseURL parses an rtmp:// URL. Nothing in it is unescaped: servers compare
// names byte by byte with what encoders send, and those do not escape.
func ParseURL(raw string) (URL, error) {
	if i := strings.IndexFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }); i >= 0 {
		return URL{}, fmt.Errorf("%w: space or control character at byte %d", ErrURL, i)
	}
	if len(raw) < len(scheme) || !strings.EqualFold(raw[:len(scheme)], scheme) {
		return URL{}, fmt.Errorf("%w: it must start with %s", ErrURL, scheme)
	}
	path, query, hasQuery := strings.Cut(raw[len(scheme):], "?")
	host, path, _ := strings.Cut(path, "/")
	u := URL{Host: host}
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
	if _, err := u.address(); err != nil {
		return URL{}, err
	}
	return u, nil
}

// TCURL returns what a client says as its tcUrl: the URL without the name.
func (u URL) TCURL() string { return scheme + u.Host + "/" + u.App }

// String returns u as a URL.
func (u URL) String() string { return u.TCURL() + "/" + u.Name }

// address returns the host and port to dial.
func (u URL) address() (string, error) {
	if strings.Contains(u.Host, "@") {
		return "", fmt.Errorf("%w: user names and passwords are not supported", ErrURL)
	}
	host, port := u.Host, defaultPort
	switch bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); {
	case len(bare) == len(host)-2: // [v6]
		host = bare
	case strings.Contains(host, ":"):
		var err error
		if host, port, err = net.SplitHostPort(u.Host); err != nil {
			return "", fmt.Errorf("%w: %w", ErrURL, err)
		}
	}
	if host == "" {
		return "", fmt.Errorf("%w: no host", ErrURL)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%w: port %q is not a number in 1..65535", ErrURL, port)
	}
	return net.JoinHostPort(host, port), nil
}
