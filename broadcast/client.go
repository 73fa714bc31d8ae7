package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// idleTimeout is how long an unused connection is kept; longer than the usual interval of scrapes.
const idleTimeout = 90 * time.Second

// maxIdle is how many are kept for one peer: one for scrapes, and one for control. More, which many requests at once have made, are closed: each takes
// some goroutines at both ends, and there are as many pairs of workers as their number squared.
const maxIdle = 2

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 64 << 10

// A clientKey names one incarnation of a peer.
type clientKey struct {
	worker int
	addr   string
}

// A client keeps the connections to one incarnation of a peer.
type client struct {
	worker int
	http   *http.Client
	stream http.RoundTripper // for Proxy: a connection for each request, so that streams take none from the broadcasts
}

// retain returns the clients of the peers, made where there was none, and drops all others.
func (g *Group) retain(peers []Peer) []*client {
	out := make([]*client, len(peers))
	keep := make(map[clientKey]bool, len(peers))
	var gone []*client

	g.mu.Lock()
	for i, p := range peers {
		key := clientKey{p.Worker, p.Addr}
		c := g.clients[key]
		if c == nil {
			c = g.newClient(p)
			g.clients[key] = c
		}
		out[i], keep[key] = c, true
	}
	for key, c := range g.clients {
		if !keep[key] {
			delete(g.clients, key)
			gone = append(gone, c)
		}
	}
	g.mu.Unlock()

	for _, c := range gone {
		c.http.CloseIdleConnections()
	}
	return out
}

func (g *Group) newClient(p Peer) *client {
	transport := &http.Transport{
		DialContext:            g.dialer(p),
		MaxConnsPerHost:        g.opts.MaxConns,
		MaxIdleConnsPerHost:    min(maxIdle, g.opts.MaxConns),
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	stream := &http.Transport{
		DialContext:            g.dialer(p),
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}
	return &client{worker: p.Worker, stream: stream, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// dialer bounds p.Dial by the timeout and by the life of the group: net/http lets a dial go on after the request that
// asked for it has ended.
func (g *Group) dialer(p Peer) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		if p.Dial == nil {
			return nil, fmt.Errorf("%w: no way to dial", ErrUnreachable)
		}
		ctx, cancel := g.bounded(ctx)
		defer cancel()
		conn, err := p.Dial(ctx)
		if err != nil && ctx.Err() != nil { // out of time: perhaps a moment before the request's own deadline
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return conn, nil
	}
}

// bounded ends with ctx, after the timeout, or with the group.
func (g *Group) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.opts.Timeout, fmt.Errorf("%w: waited %v", ErrTimeout, g.opts.Timeout))
	stop := context.AfterFunc(g.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// ask sends one clone of out and reads the whole answer.
func (g *Group) ask(ctx context.Context, c *client, out *http.Request) Answer {
	bound, cancel := g.bounded(ctx)
	defer cancel()
	a, err := c.exchange(bound, out, g.opts.MaxBody)
	if err != nil {
		return Answer{Worker: c.worker, Err: g.explain(ctx, bound, err)}
	}
	return a
}

func (c *client) exchange(ctx context.Context, out *http.Request, maxBody int64) (Answer, error) {
	req := out.Clone(ctx)
	if out.GetBody != nil {
		req.Body, _ = out.GetBody() // from memory: can not fail
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return Answer{}, err
	}
	if int64(len(body)) > maxBody {
		return Answer{}, fmt.Errorf("%w: the limit is %d bytes", ErrTooLarge, maxBody)
	}
	return Answer{Worker: c.worker, Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// explain turns what net/http said into one of this package's errors. caller is the context of who asked, bound the one of
// this peer's turn.
func (g *Group) explain(caller, bound context.Context, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // the made-up URL says nothing
	}
	switch {
	case g.ctx.Err() != nil:
		return ErrClosed
	case caller.Err() != nil:
		return caller.Err()
	case bound.Err() != nil:
		return context.Cause(bound)
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrUnreachable), errors.Is(err, ErrTooLarge):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
}
