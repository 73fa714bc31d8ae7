package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestDoAsksAllInOrder(t *testing.T) {
	g := newGroup(t, Options{}, serve(t, 2, echo), serve(t, 10, echo), serve(t, 0, echo))
	as := g.Do(t.Context(), Request{Method: "POST", Path: "/a/b%2Fc", RawQuery: "x=1&y=%20", Body: []byte("hello")})
	if got := words(as); got != "0:200 2:200 10:200" {
		t.Fatalf("answers %s", got)
	}
	for _, a := range as {
		if string(a.Body) != "POST /a/b%2Fc?x=1&y=%20 hello" {
			t.Errorf("worker %d was asked %q", a.Worker, a.Body)
		}
	}
	if Answered(as) != 3 {
		t.Errorf("Answered = %d", Answered(as))
	}
}

func TestEmptyGroup(t *testing.T) {
	if as := newGroup(t, Options{}).Do(t.Context(), Request{Path: "/"}); len(as) != 0 {
		t.Errorf("answers %v", as)
	}
}

// Each bad peer is named and costs its own deadline; all of them together no more than one.
func TestBadPeersCostNobodyElse(t *testing.T) {
	const timeout = 300 * time.Millisecond
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) { // a byte now and then: never silent, never done
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, ".")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}
	g := newGroup(
		t, Options{Timeout: timeout, MaxBody: 1000},
		serve(t, 0, echo),
		serve(t, 1, hang),
		dead(t, 2),
		raw(t, 3, "what do you want?\r\n\r\n"),
		serve(t, 4, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1001)) }),
		stuck(t, 5),
		raw(t, 6, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
		serve(t, 7, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) }),
		serve(t, 8, drip),
		Peer{Worker: 9},
		raw(t, 10, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", maxHeader+1)),
		serve(t, 11, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1000)) }),
		Peer{Worker: 12, Dial: func(ctx context.Context) (net.Conn, error) { // notices nothing by itself
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		serve(t, 13, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
	)
	start := time.Now()
	as := g.Do(t.Context(), Request{Path: "/x"})
	took := time.Since(start)
	want := "0:200 1:timeout 2:unreachable 3:bad_answer 4:too_large 5:timeout 6:timeout 7:500 8:timeout 9:unreachable" +
		" 10:bad_answer 11:200 12:timeout 13:bad_answer"
	if got := words(as); got != want {
		t.Errorf("answers\n%s, want\n%s", got, want)
	}
	if Answered(as) != 3 {
		t.Errorf("Answered = %d", Answered(as))
	}
	if took < timeout || took > timeout+5*time.Second {
		t.Errorf("took %v, one deadline is %v", took, timeout)
	}
	for _, a := range as {
		if a.Err != nil && (a.Status != 0 || a.Body != nil) {
			t.Errorf("worker %d has an error and an answer: %+v", a.Worker, a)
		}
		if a.Err != nil && strings.Contains(a.Err.Error(), "http://") {
			t.Errorf("worker %d: the error shows the made-up URL: %v", a.Worker, a.Err)
		}
	}
}

// A broken-off answer is told from a slow one.
func TestBrokenOffBody(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
		conn.Close()
	}
	a := newGroup(t, Options{}, serve(t, 0, cut)).DoOne(t.Context(), 0, Request{Path: "/"})
	if !errors.Is(a.Err, ErrBadAnswer) || a.Body != nil {
		t.Errorf("answer %+v", a)
	}
}

// Security rows 29 and 30: a stopped or killed worker process is named; it is asked again when it is back.
func TestStoppedAndKilledProcess(t *testing.T) {
	zero, p0 := startProcess(t, 0, "")
	one, p1 := startProcess(t, 1, "")
	g := newGroup(t, Options{Timeout: 500 * time.Millisecond}, zero, one, serve(t, 2, echo))
	ask := func() string { return words(g.Do(t.Context(), Request{Path: "/"})) }

	wait(t, "all to answer", func() bool { return ask() == "0:200 1:200 2:200" })
	signal(t, p1, syscall.SIGSTOP)
	wait(t, "a timeout", func() bool { return ask() == "0:200 1:timeout 2:200" })
	for range 2 * DefaultMaxConns { // a stopped worker doesn't use up the connections
		if got := words(g.Do(ctxFor(t, 20*time.Millisecond), Request{Path: "/"})); !strings.Contains(got, "1:canceled") {
			t.Fatalf("answers %s", got)
		}
	}
	signal(t, p1, syscall.SIGCONT)
	wait(t, "it to answer again", func() bool { return ask() == "0:200 1:200 2:200" })
	signal(t, p0, syscall.SIGKILL)
	wait(t, "it to be dead", func() bool { return ask() == "0:unreachable 1:200 2:200" })
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// A countedConn is one of those that are open.
type countedConn struct {
	net.Conn
	closed func()
}

func (c countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

func TestConnectionsAreKeptAndBounded(t *testing.T) {
	const conns = 3
	var dials, open, running, most atomic.Int32
	p := serve(t, 0, func(http.ResponseWriter, *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
	})
	dial := p.Dial
	p.Dial = func(ctx context.Context) (net.Conn, error) {
		dials.Add(1)
		nc, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return countedConn{nc, sync.OnceFunc(func() { open.Add(-1) })}, nil
	}
	g := newGroup(t, Options{MaxConns: conns, Timeout: 20 * time.Second}, p)

	for range 10 {
		if a := g.DoOne(t.Context(), 0, Request{Path: "/"}); a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d dials for 10 requests in turn", n)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if a := g.DoOne(t.Context(), 0, Request{Path: "/"}); a.Err != nil {
				t.Error(a.Err)
			}
		})
	}
	wg.Wait()
	if m := most.Load(); m > conns {
		t.Errorf("%d at once, the limit is %d", m, conns)
	}
	for end := time.Now().Add(10 * time.Second); open.Load() > maxIdle; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are kept that nobody uses, want %d", open.Load(), maxIdle)
		}
	}
}

// When another process takes a worker's place, the kept connection to the old one, still alive, is not used any more.
func TestNewIncarnation(t *testing.T) {
	say := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	old, young := serve(t, 0, say("old")), serve(t, 0, say("young"))
	var current atomic.Pointer[Peer]
	current.Store(&old)
	g := New(func() []Peer { return []Peer{*current.Load()} }, Options{})
	defer g.Close()
	for _, step := range []struct {
		peer *Peer
		want string
	}{{&old, "old"}, {&young, "young"}, {&old, "old"}} {
		current.Store(step.peer)
		if a := g.DoOne(t.Context(), 0, Request{Path: "/"}); string(a.Body) != step.want {
			t.Errorf("answer %q %v, want %q", a.Body, a.Err, step.want)
		}
	}
	if n := len(g.clients); n != 1 {
		t.Errorf("%d clients are kept for one peer", n)
	}
}

func TestDoOne(t *testing.T) {
	var asked atomic.Int32
	count := func(w http.ResponseWriter, r *http.Request) { asked.Add(1); echo(w, r) }
	g := newGroup(t, Options{}, serve(t, 1, count), serve(t, 3, count))
	if a := g.DoOne(t.Context(), 3, Request{Path: "/"}); a.Worker != 3 || a.Status != 200 || asked.Load() != 1 {
		t.Errorf("answer %+v, %d asked", a, asked.Load())
	}
	if a := g.DoOne(t.Context(), 2, Request{Path: "/"}); !errors.Is(a.Err, ErrNoPeer) || a.Worker != 2 {
		t.Errorf("answer %+v", a)
	}
	if got := fmt.Sprint(g.Workers()); got != "[1 3]" {
		t.Errorf("Workers = %s", got)
	}
}

func TestCallerGivesUp(t *testing.T) {
	g := newGroup(t, Options{Timeout: time.Minute}, stuck(t, 0), serve(t, 1, echo))
	as := g.Do(ctxFor(t, 100*time.Millisecond), Request{Path: "/"})
	if got := words(as); got != "0:canceled 1:200" {
		t.Errorf("answers %s", got)
	}
	if !errors.Is(as[0].Err, context.DeadlineExceeded) {
		t.Errorf("error %v", as[0].Err)
	}
}

func TestClose(t *testing.T) {
	reached := make(chan struct{})
	p := serve(t, 0, func(_ http.ResponseWriter, r *http.Request) { close(reached); <-r.Context().Done() })
	g := New(func() []Peer { return []Peer{p} }, Options{Timeout: time.Minute})
	got := make(chan []Answer)
	go func() { got <- g.Do(context.Background(), Request{Path: "/"}) }()
	<-reached
	closed := make(chan struct{})
	go func() { g.Close(); close(closed) }()
	as := <-got
	if !errors.Is(as[0].Err, ErrClosed) {
		t.Errorf("a request under way got %v", as[0].Err)
	}
	<-closed
	if as := g.Do(t.Context(), Request{Path: "/"}); len(as) != 1 || !errors.Is(as[0].Err, ErrClosed) {
		t.Errorf("after Close: %v", as)
	}
	if a := g.DoOne(t.Context(), 0, Request{Path: "/"}); !errors.Is(a.Err, ErrClosed) {
		t.Errorf("after Close: %v", a)
	}
	g.Close() // a second time is harmless
}

func TestReason(t *testing.T) {
	for err, want := range map[error]string{
		nil:                               "",
		fmt.Errorf("x: %w", ErrTimeout):   "timeout",
		fmt.Errorf("x: %w", ErrTooLarge):  "too_large",
		context.Canceled:                  "canceled",
		ErrLoop:                           "loop",
		errors.New("something else"):      "other",
		fmt.Errorf("x: %w", ErrBadAnswer): "bad_answer",
		fmt.Errorf("%w %d", ErrStatus, 1): "status",
		ErrBusy:                           "busy",
		ErrMissing:                        "missing",
	} {
		if got := Reason(err); got != want {
			t.Errorf("Reason(%v) = %q, want %q", err, got, want)
		}
	}
}
