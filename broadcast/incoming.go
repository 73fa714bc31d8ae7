package broadcast

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

// ProxyHeader marks a request that a worker passes on for a client, to one worker (Group.Proxy) or to all (Group.Handler), by
// the value "1". Whoever receives it must not pass it on again. Nothing that an outsider sends gains by it.
const ProxyHeader = "Rtmpedge-Proxied"

// Proxied reports whether a request with these headers was passed on by another worker.
func Proxied(h http.Header) bool { return len(h.Values(ProxyHeader)) > 0 }

// credentials are for the worker that the request reached. It has checked them; the others take its word.
var credentials = []string{"Authorization", "Cookie"}

// forwarded are what proxies say of who is behind them. What an outsider says there is not passed on.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// partial are the fields that ask for a part of an answer, or for another form of it: parts can't be put together.
var partial = []string{"Range", "If-Range", "Accept-Encoding"}

// conditional are the fields by which an answer without a body may be had (RFC 9110 §13.1.2, §13.1.3).
var conditional = []string{"If-None-Match", "If-Modified-Since"}

// FromRequest turns a request that came in into one that a Group can send. It has the method, the path, the query, the header
// and the body; of the header it leaves out
//   - what concerns one connection only (RFC 9110 §7.6.1),
//   - Authorization and Cookie: they are for the worker that was reached,
//   - Forwarded, X-Forwarded-… and X-Real-Ip as they came: the X-Forwarded- ones say who sent r,
//   - Range, If-Range and Accept-Encoding, and for GET and HEAD If-None-Match and If-Modified-Since: whole answers are wanted.
//
// It reads the body whole. One of more than maxBody bytes is ErrTooLarge, one that can't be read, ErrBadRequest. A marked
// request (see Header) is ErrLoop.
func FromRequest(r *http.Request, maxBody int64) (Request, error) {
	if Marked(r.Header) {
		return Request{}, ErrLoop
	}
	if r.ContentLength > maxBody {
		return Request{}, fmt.Errorf("%w: asked with %d bytes, the limit is %d", ErrTooLarge, r.ContentLength, maxBody)
	}
	h := passedOn(r.Header)
	for _, list := range [][]string{credentials, partial} {
		remove(h, list)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		remove(h, conditional)
	}
	setForwarded(h, r)
	out := Request{Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Header: h}
	if r.Body == nil || r.Body == http.NoBody {
		return out, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return Request{}, fmt.Errorf("%w: its body: %w", ErrBadRequest, err)
	case int64(len(body)) > maxBody:
		return Request{}, fmt.Errorf("%w: the limit is %d bytes", ErrTooLarge, maxBody)
	}
	out.Body = body
	return out, nil
}

// setForwarded says in h who sent r, and nothing else that h may have said of it.
func setForwarded(h http.Header, r *http.Request) {
	remove(h, forwarded)
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil { // a unix socket's peer has no address
		h.Set("X-Forwarded-For", host)
	}
	if r.Host != "" {
		h.Set("X-Forwarded-Host", r.Host)
	}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	h.Set("X-Forwarded-Proto", proto)
}

func remove(h http.Header, names []string) {
	for _, name := range names {
		h.Del(name)
	}
}
