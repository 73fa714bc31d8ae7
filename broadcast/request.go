package broadcast

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Header marks a request as part of a broadcast, by the value "1". Whoever receives it must not broadcast again.
const Header = "Rtmpedge-Broadcast"

// Marked reports whether a request with these headers was sent by a Group.
func Marked(h http.Header) bool { return len(h.Values(Header)) > 0 }

// A Request is what every peer is asked.
type Request struct {
	// Method is the HTTP method; "" is GET.
	Method string
	// Path is the escaped path, as in url.URL.EscapedPath; it begins with a slash.
	Path string
	// RawQuery is the query without '?', escaped.
	RawQuery string
	// Header may be that of a request being passed on: what concerns one connection only (RFC 9110 §7.6.1) is left out.
	Header http.Header
	Body   []byte
}

// hopByHop are the header fields that are not passed on.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Expect", "Content-Length", "Host",
}

// prepare checks r once for all peers and returns the request to clone for each.
func (r Request) prepare(maxBody int64) (*http.Request, error) {
	if Marked(r.Header) {
		return nil, ErrLoop
	}
	if int64(len(r.Body)) > maxBody {
		return nil, fmt.Errorf("%w: asked with %d bytes, the limit is %d", ErrTooLarge, len(r.Body), maxBody)
	}
	if r.Method == http.MethodConnect {
		return nil, fmt.Errorf("%w: method CONNECT", ErrBadRequest)
	}
	path, err := url.PathUnescape(r.Path)
	if err != nil || !strings.HasPrefix(r.Path, "/") {
		return nil, fmt.Errorf("%w: path %q", ErrBadRequest, r.Path)
	}
	if strings.ContainsFunc(r.RawQuery, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
		return nil, fmt.Errorf("%w: query %q", ErrBadRequest, r.RawQuery)
	}
	out, err := http.NewRequestWithContext(context.Background(), r.Method, "http://worker", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	out.URL.Path, out.URL.RawPath, out.URL.RawQuery = path, r.Path, r.RawQuery
	out.Header = passedOn(r.Header)
	out.Header.Set(Header, "1")
	if out.Method == http.MethodDelete || out.Method == http.MethodPut {
		// Idempotent (RFC 9110 §9.2.2): an empty list lets net/http try again when a kept connection had just been closed.
		out.Header["Idempotency-Key"] = []string{}
	}
	if len(r.Body) > 0 {
		// Only the length and GetBody are set here; every clone gets a Body of its own.
		out.ContentLength = int64(len(r.Body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
	}
	return out, nil
}

// passedOn copies h without the fields that concern one connection only.
func passedOn(h http.Header) http.Header {
	out := h.Clone()
	if out == nil {
		return make(http.Header)
	}
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		out.Del(name)
	}
	return out
}
