package broadcast

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"slices"
	"time"
)

// DefaultProxyTimeout is how long a worker may be silent before its answer begins, see ProxyOptions.
const DefaultProxyTimeout = time.Minute

// ProxyOptions of Group.Proxy. A zero field means the default.
type ProxyOptions struct {
	// Prefix is cut from the front of the escaped path, such as "/workers/3", and put in front of where the worker redirects to. What is left of
	// the path must begin with a slash. The default cuts nothing.
	Prefix string
	// Timeout is how long the worker may be silent: neither take more of the request's body nor begin its answer. There is no limit for
	// the time that an answer takes once it has begun, nor for the time that the client takes to send a body.
	Timeout time.Duration
	// Probe is a path that any worker answers at once, such as "/healthz". A worker that is silent is asked for it, at once and then again
	// and again; when it does not answer within Options.Timeout, it is not waited for any longer. So a worker that is stopped is told soon from one that
	// takes its time. The default asks for nothing, and waits.
	Probe string
	// Error answers where the worker gave no answer. The default writes a line of text.
	Error func(http.ResponseWriter, *http.Request, *PassError)
}

// Proxy returns what passes each request that it gets to the given worker: its method, path, query, header and body as it comes, and the status,
// header, body and trailer of the answer as they come back, flushed at once, with informational answers (1xx) before it and protocol upgrades such as
// WebSocket's. When the client goes, the request to the worker ends.
//
// An answer that the worker breaks off is broken off for the client, too: its connection is closed in the middle. An answer whose end is the end of the
// connection (RFC 9112 §6.3) ends so for the client, too: nobody can tell whether it is whole.
//
// Left out of the request's header is what concerns one connection only, and Authorization and Cookie: they are for who received the request.
// X-Forwarded-For, -Host and -Proto are replaced by what is true of it; Host is kept. It is marked with ProxyHeader: a request that bears this mark already
// is refused with 508. Location and Content-Location that name a path of the worker get Prefix.
//
// Other statuses that are not the worker's: StatusOf's. At most Options.MaxProxied requests are under way at a time. A Group's Close breaks them off, but does
// not wait for them: they are their server's.
func (g *Group) Proxy(worker int, o ProxyOptions) http.Handler {
	if o.Timeout <= 0 {
		o.Timeout = DefaultProxyTimeout
	}
	if o.Error == nil {
		o.Error = func(w http.ResponseWriter, r *http.Request, f *PassError) { f.respond(w, r) }
	}
	return &proxy{g, worker, o}
}

type proxy struct {
	group  *Group
	worker int
	opts   ProxyOptions
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := p.pass(w, r); err != nil {
		p.opts.Error(w, r, &PassError{Status: StatusOf(err), Err: err, Answers: []Answer{{Worker: p.worker, Err: err}}})
	}
}

// pass returns an error when nothing has been answered. It panics with http.ErrAbortHandler when the answer broke off.
func (p *proxy) pass(w http.ResponseWriter, r *http.Request) error {
	g := p.group
	if Proxied(r.Header) {
		return ErrLoop
	}
	path, ok := cutPrefix(r.URL.EscapedPath(), p.opts.Prefix)
	if !ok {
		return fmt.Errorf("%w: not under %s/", ErrBadRequest, p.opts.Prefix)
	}
	peers := g.sorted()
	i := slices.IndexFunc(peers, func(peer Peer) bool { return peer.Worker == p.worker })
	if i < 0 {
		return ErrNoPeer
	}
	if g.proxied.Add(1) > int64(g.opts.MaxProxied) {
		g.proxied.Add(-1)
		return ErrBusy
	}
	defer g.proxied.Add(-1)

	_ = http.NewResponseController(w).EnableFullDuplex() // else HTTP/1 would read the body before the answer begins
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(g.ctx, func() { cancel(ErrClosed) })()
	try := &attempt{proxy: p, base: g.retain(peers)[i].stream, caller: r.Context(), ctx: ctx, cancel: cancel}
	var failed error
	rp := httputil.ReverseProxy{
		Rewrite:        func(pr *httputil.ProxyRequest) { p.rewrite(pr, path) },
		Transport:      try,
		FlushInterval:  -1,
		ModifyResponse: p.modify,
		ErrorHandler:   func(_ http.ResponseWriter, _ *http.Request, err error) { failed = try.explain(err) },
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	rp.ServeHTTP(w, r.WithContext(ctx))
	return failed
}

// rewrite makes the request to the worker. httputil has left out what concerns one connection only.
func (p *proxy) rewrite(pr *httputil.ProxyRequest, path string) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host = "http", "worker"
	out.URL.Path, out.URL.RawPath = unescape(path), path
	out.URL.RawQuery = pr.In.URL.RawQuery // as it came: it may be signed
	remove(out.Header, credentials)
	setForwarded(out.Header, pr.In)
	out.Header.Set(ProxyHeader, "1")
}

// modify adapts the worker's answer to its way through here.
func (p *proxy) modify(res *http.Response) error {
	for _, name := range []string{"Location", "Content-Location"} {
		if at := res.Header.Get(name); at != "" {
			res.Header.Set(name, relocate(at, p.opts.Prefix, res.Request.Host))
		}
	}
	if endsWithConnection(res) {
		// net/http writes no chunks then, of which the last would say that the body is whole.
		res.Header.Set("Transfer-Encoding", "identity")
	}
	return nil
}

// endsWithConnection reports whether only the connection's end tells the end of the body (RFC 9112 §6.3, rule 8).
func endsWithConnection(res *http.Response) bool {
	return res.ContentLength < 0 && len(res.TransferEncoding) == 0 &&
		res.Request.Method != http.MethodHead && res.StatusCode >= http.StatusOK
}
