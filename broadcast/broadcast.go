// Package broadcast sends one HTTP request to every worker process of a server, in parallel, and collects the answers.
//
// Workers share their listening ports, so a request reaches any one of them. The one it reaches asks all (itself
// included, each over its private unix socket) and answers for all:
//
//	group := broadcast.New(peers, broadcast.Options{})
//	defer group.Close()
//	answers := group.Do(ctx, broadcast.Request{Path: "/internal/v1/streams"})
//	if broadcast.Answered(answers) < len(answers) {
//		// somebody is dead or stopped: say so
//	}
//
// Every peer has the same deadline of its own. A peer that is dead, stopped (SIGSTOP), slow or talking nonsense costs that
// deadline at most, and is named by the Err of its Answer; it never takes an answer from the others.
//
// The answers become one by a Rendering: merged JSON (RenderJSON), a list by worker (RenderList), or the plain concatenation of the bodies
// (RenderConcat). Group.Handler does all of it for the requests of an HTTP server. Group.Proxy passes them to one worker, and streams. Both mark what they
// send, and refuse what bears their mark, so that nothing goes round in circles. Neither asks who may ask: put them behind what does.
package broadcast

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultTimeout  = time.Second
	DefaultMaxBody  = 16 << 20
	DefaultMaxConns = 8
	// DefaultMaxProxied is more than any operator needs, and few enough for a process's descriptors.
	DefaultMaxProxied = 256
)

// A Peer is one worker that can be asked.
type Peer struct {
	// Worker is the number of the worker; no two peers of a group share one.
	Worker int
	// Addr names what Dial connects to, such as the path of the socket. When it changes, because another process
	// took the worker's place, kept connections to the old one are no longer used.
	Addr string
	// Dial connects to the private HTTP socket of the worker. It should give up when ctx ends.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Options of a Group. A zero field means the default.
type Options struct {
	// Timeout is how long one peer may take, from the dial to the last byte of the body.
	Timeout time.Duration
	// MaxBody bounds the body of the request and of each answer, in bytes.
	MaxBody int64
	// MaxConns bounds the connections to one peer for Do and DoOne; requests beyond it wait, on their own time.
	MaxConns int
	// MaxProxied bounds the requests that Proxy passes at a time; each has a connection of its own.
	MaxProxied int
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxConns <= 0 {
		o.MaxConns = DefaultMaxConns
	}
	if o.MaxProxied <= 0 {
		o.MaxProxied = DefaultMaxProxied
	}
	return o
}

// An Answer is what one peer said. Either Err is set, or the other fields are one whole HTTP answer, of any status.
type Answer struct {
	Worker int
	Status int
	Header http.Header
	Body   []byte
	Err    error
}

// Answered counts the answers that came, of whatever status.
func Answered(as []Answer) int {
	n := 0
	for i := range as {
		if as[i].Err == nil {
			n++
		}
	}
	return n
}

// A Group is the workers of a server. Its methods may be called from any goroutine.
type Group struct {
	// Static after New.
	peers  func() []Peer
	opts   Options
	ctx    context.Context // ends with Close: everything under way gives up
	cancel context.CancelFunc

	wg      sync.WaitGroup // calls of Do and DoOne under way
	proxied atomic.Int64   // requests of Proxy under way

	mu      sync.Mutex // guards what follows; never held across I/O or a call of peers
	closed  bool
	clients map[clientKey]*client
}

// New returns the group of the workers that peers lists. It is called for every request, from the goroutine that asks, so
// that it may change; it must be quick.
func New(peers func() []Peer, o Options) *Group {
	ctx, cancel := context.WithCancel(context.Background())
	return &Group{
		peers:   peers,
		opts:    o.withDefaults(),
		ctx:     ctx,
		cancel:  cancel,
		clients: make(map[clientKey]*client),
	}
}

// Close ends what is under way, waits for it, and closes the kept connections.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	g.wg.Wait()
	g.retain(nil)
}

// Do sends r to all peers and returns one answer for each, in the order of their numbers, when all have answered or failed.
func (g *Group) Do(ctx context.Context, r Request) []Answer {
	closed := !g.begin()
	if !closed {
		defer g.wg.Done()
	}
	peers := g.sorted()
	answers := make([]Answer, len(peers))
	out, err := r.prepare(g.opts.MaxBody)
	if closed {
		err = ErrClosed
	}
	if err != nil {
		for i, p := range peers {
			answers[i] = Answer{Worker: p.Worker, Err: err}
		}
		return answers
	}
	clients := g.retain(peers)
	var wg sync.WaitGroup
	for i := range peers {
		wg.Go(func() { answers[i] = g.ask(ctx, clients[i], out) })
	}
	wg.Wait()
	return answers
}

// DoOne sends r to the given worker.
func (g *Group) DoOne(ctx context.Context, worker int, r Request) Answer {
	if !g.begin() {
		return Answer{Worker: worker, Err: ErrClosed}
	}
	defer g.wg.Done()
	peers := g.sorted()
	i := slices.IndexFunc(peers, func(p Peer) bool { return p.Worker == worker })
	if i < 0 {
		return Answer{Worker: worker, Err: ErrNoPeer}
	}
	out, err := r.prepare(g.opts.MaxBody)
	if err != nil {
		return Answer{Worker: worker, Err: err}
	}
	return g.ask(ctx, g.retain(peers)[i], out)
}

// Workers lists the numbers of the present peers, ascending.
func (g *Group) Workers() []int {
	peers := g.sorted()
	out := make([]int, len(peers))
	for i, p := range peers {
		out[i] = p.Worker
	}
	return out
}

// begin counts a call in, unless the group is closed.
func (g *Group) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Add(1)
	return true
}

func (g *Group) sorted() []Peer {
	peers := slices.Clone(g.peers())
	slices.SortStableFunc(peers, func(a, b Peer) int { return a.Worker - b.Worker })
	return peers
}
