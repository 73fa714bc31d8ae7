package broadcast

import (
	"context"
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

// proxyTo serves a proxy to worker 3, which is h.
func proxyTo(t *testing.T, o ProxyOptions, h http.HandlerFunc) string {
	t.Helper()
	o.Prefix = "/workers/3"
	g := newGroup(t, Options{}, serve(t, 0, echo), serve(t, 3, h))
	return front(t, g.Proxy(3, o)) + "/workers/3"
}

func TestProxyPassesRequests(t *testing.T) {
	var got *http.Request
	var body []byte
	url := proxyTo(t, ProxyOptions{}, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(r.Context())
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Worker", "3")
		w.Header().Set("Keep-Alive", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "tea")
	})
	a := get(
		t, "POST", url+"/a%2Fb/../c?x=%zz;y&z", "leaves",
		"Host", "ignored", "Accept", "tea", "Connection", "X-Mine", "X-Mine", "1", "Authorization", "Bearer secret", "Cookie", "secret",
		"X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "Forwarded", "for=10.0.0.1", "X-Real-Ip", "10.0.0.1",
		"Range", "bytes=0-1",
	)
	if a.status != http.StatusTeapot || a.body != "tea" || a.header.Get("X-Worker") != "3" || a.header.Get("Keep-Alive") != "" {
		t.Errorf("answer %+v", a)
	}
	if got.Method != http.MethodPost || got.RequestURI != "/a%2Fb/../c?x=%zz;y&z" || string(body) != "leaves" {
		t.Errorf("the worker was asked %s %s %s", got.Method, got.RequestURI, body)
	}
	host := strings.TrimPrefix(strings.TrimSuffix(url, "/workers/3"), "http://")
	if got.Host != host || got.Header.Get("X-Forwarded-Host") != host || got.Header.Get("X-Forwarded-For") != "127.0.0.1" || got.Header.Get("X-Forwarded-Proto") != "http" {
		t.Errorf("it was asked as %s, %v", got.Host, got.Header)
	}
	if !Proxied(got.Header) || Marked(got.Header) || got.Header.Get("Accept") != "tea" || got.Header.Get("Range") == "" {
		t.Errorf("it was asked with %v", got.Header)
	}
	for _, name := range []string{"Authorization", "Cookie", "X-Mine", "Forwarded", "X-Real-Ip"} {
		if got.Header.Get(name) != "" {
			t.Errorf("%s was passed on", name)
		}
	}
}

// What has been passed on once is not passed on again; that a client lists the mark as a matter of one connection doesn't remove it.
func TestProxyLoop(t *testing.T) {
	var url string
	var hops int
	again := func(w http.ResponseWriter, r *http.Request) {
		hops++
		r, _ = http.NewRequestWithContext(r.Context(), r.Method, url, http.NoBody)
		r.Header.Set(ProxyHeader, "1")
		resp, err := plainTransport.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
	}
	url = proxyTo(t, ProxyOptions{}, again) + "/"
	if a := get(t, "GET", url, "", "Connection", ProxyHeader); a.status != http.StatusLoopDetected || hops != 1 {
		t.Errorf("%d after %d hops", a.status, hops)
	}
	if a := get(t, "GET", url, "", ProxyHeader, ""); a.status != http.StatusLoopDetected || hops != 1 {
		t.Errorf("%d after %d hops", a.status, hops)
	}
	if a := get(t, "GET", url, "", ProxyHeader, "1", "Connection", ProxyHeader); a.status != http.StatusLoopDetected || hops != 1 {
		t.Errorf("%d after %d hops", a.status, hops)
	}
}

func TestProxyFailures(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	g := newGroup(
		t, Options{Timeout: 200 * time.Millisecond, MaxProxied: 1},
		serve(t, 0, echo), dead(t, 1), stuck(t, 2), raw(t, 3, "what do you want?\r\n\r\n"), serve(t, 4, abort),
		raw(t, 5, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", maxHeader+1)+"\r\n\r\n"), Peer{Worker: 6},
	)
	for _, tt := range []struct {
		worker       int
		path, reason string
		status       int
	}{
		{1, "/p/", "unreachable", 502},
		{2, "/p/", "timeout", 504},
		{3, "/p/", "bad_answer", 502},
		{4, "/p/", "bad_answer", 502},
		{5, "/p/", "bad_answer", 502},
		{6, "/p/", "unreachable", 502},
		{7, "/p/", "no_peer", 404},
		{0, "/elsewhere/", "bad_request", 400},
		{0, "/p", "bad_request", 400},
	} {
		var failed *PassError
		url := front(t, g.Proxy(tt.worker, ProxyOptions{Prefix: "/p", Timeout: 200 * time.Millisecond, Error: func(w http.ResponseWriter, _ *http.Request, f *PassError) {
			failed = f
			w.WriteHeader(f.Status)
		}}))
		a := get(t, "GET", url+tt.path, "")
		if a.status != tt.status || failed == nil || Reason(failed) != tt.reason || len(failed.Answers) != 1 || failed.Answers[0].Worker != tt.worker {
			t.Errorf("worker %d, %s: %d %+v, want %d %s", tt.worker, tt.path, a.status, failed, tt.status, tt.reason)
		}
	}
	if a := get(t, "GET", front(t, g.Proxy(1, ProxyOptions{})), ""); a.status != 502 || !strings.HasPrefix(a.body, "cannot be reached") {
		t.Errorf("as text: %+v", a)
	}
	if a := get(t, "GET", front(t, g.Proxy(0, ProxyOptions{})), ""); a.status != 200 {
		t.Errorf("places are not given back: %+v", a)
	}
	g.Close()
	if a := get(t, "GET", front(t, g.Proxy(0, ProxyOptions{})), ""); a.status != 503 {
		t.Errorf("after Close: %+v", a)
	}
}

// A worker process that is stopped, dead, or talks nonsense is told by its status, in time.
func TestProxyToBadProcesses(t *testing.T) {
	const timeout = 400 * time.Millisecond
	stopped, p := startProcess(t, 0, "")
	signal(t, p, syscall.SIGSTOP)
	killed, p := startProcess(t, 1, "")
	signal(t, p, syscall.SIGKILL)
	garbage, _ := startProcess(t, 2, "garbage")
	failing, _ := startProcess(t, 3, "error")
	slow, _ := startProcess(t, 4, "slow")
	g := newGroup(t, Options{Timeout: timeout}, stopped, killed, garbage, failing, slow)
	wait(t, "the kill", func() bool { return Reason(g.DoOne(t.Context(), 1, Request{Path: "/"}).Err) == "unreachable" })
	wait(t, "the stop", func() bool { return Reason(g.DoOne(t.Context(), 0, Request{Path: "/"}).Err) == "timeout" })
	large := strings.Repeat("x", 250_000) // more than a socket takes that nobody reads
	for worker, want := range []int{504, 502, 502, 500, 504} {
		for _, o := range []ProxyOptions{{Timeout: timeout}, {Probe: "/"}} {
			body := ""
			if worker == 0 {
				body = large
			}
			start := time.Now()
			a := get(t, "PUT", front(t, g.Proxy(worker, o)), body)
			if took := time.Since(start); a.status != want || took > timeout+5*time.Second {
				t.Errorf("worker %d, %+v: %d after %v, want %d", worker, o, a.status, took, want)
			}
		}
	}
}

// A worker that takes its time is waited for as long as it answers the probe; one that stops answering isn't.
func TestProxyProbes(t *testing.T) {
	const timeout = 100 * time.Millisecond
	var probes, until atomic.Int32
	until.Store(5)
	h := func(_ http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/healthz":
			for probes.Load() < until.Load() && r.Context().Err() == nil {
				time.Sleep(time.Millisecond)
			}
		case probes.Add(1) > 5:
			<-r.Context().Done()
		}
	}
	g := newGroup(t, Options{Timeout: timeout}, serve(t, 0, h))
	url := front(t, g.Proxy(0, ProxyOptions{Probe: "/healthz"}))
	if a := get(t, "GET", url, ""); a.status != 200 || probes.Load() != 5 {
		t.Errorf("%d after %d probes", a.status, probes.Load())
	}
	until.Store(1000)
	start := time.Now()
	if a := get(t, "GET", url, ""); a.status != 504 || probes.Load() != 6 || time.Since(start) < timeout {
		t.Errorf("%d after %d probes and %v", a.status, probes.Load(), time.Since(start))
	}
	probes.Store(0)
	url = front(t, g.Proxy(0, ProxyOptions{Probe: "/healthz", Timeout: 2 * timeout}))
	if a := get(t, "GET", url, ""); a.status != 504 || probes.Load() > 3 {
		t.Errorf("%d after %d probes", a.status, probes.Load())
	}
}

func TestRelocate(t *testing.T) {
	for at, want := range map[string]string{
		"/":                          "/workers/3/",
		"/console/?a=/b#c":           "/workers/3/console/?a=/b#c",
		"/a%2Fb/c%20d":               "/workers/3/a%2Fb/c%20d",
		"console/":                   "console/",
		"?a":                         "?a",
		"":                           "",
		"http://edge:8080/x":         "http://edge:8080/workers/3/x",
		"https://EDGE:8080":          "https://EDGE:8080/workers/3/",
		"//edge:8080/x":              "//edge:8080/workers/3/x",
		"http://edge/x":              "http://edge/x",
		"//other/x":                  "//other/x",
		"rtmp://edge:8080/live/x":    "rtmp://edge:8080/live/x",
		"mailto:x":                   "mailto:x",
		"/%zz":                       "/%zz",
		"http://user@edge:8080/live": "http://user@edge:8080/workers/3/live",
	} {
		if got := relocate(at, "/workers/3", "edge:8080"); got != want {
			t.Errorf("%q becomes %q, want %q", at, got, want)
		}
	}
	if got := relocate("/x", "", "edge"); got != "/x" {
		t.Errorf("without a prefix: %q", got)
	}
	url := proxyTo(t, ProxyOptions{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Location", "/here")
		http.Redirect(w, r, "/there/", http.StatusFound)
	})
	a := get(t, "GET", url+"/", "")
	if a.status != 302 || a.header.Get("Location") != "/workers/3/there/" || a.header.Get("Content-Location") != "/workers/3/here" {
		t.Errorf("%+v", a)
	}
}

func TestProxyBounded(t *testing.T) {
	const most = 4
	release := make(chan struct{})
	h := func(w http.ResponseWriter, _ *http.Request) { <-release; _, _ = fmt.Fprint(w, "ok") }
	g := newGroup(t, Options{MaxProxied: most}, serve(t, 0, h))
	url := front(t, g.Proxy(0, ProxyOptions{}))
	var wg sync.WaitGroup
	for range most {
		wg.Go(func() {
			if a := get(t, "GET", url, ""); a.status != 200 {
				t.Errorf("%+v", a)
			}
		})
	}
	wait(t, "all to be under way", func() bool { return g.proxied.Load() == most })
	if a := get(t, "GET", url, ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("one more: %+v", a)
	}
	if as := g.Do(ctxFor(t, time.Second), Request{Method: "HEAD", Path: "/"}); Reason(as[0].Err) != "canceled" && Reason(as[0].Err) != "timeout" {
		t.Errorf("a broadcast beside them: %v", as)
	}
	close(release)
	wg.Wait()
	if n := g.proxied.Load(); n != 0 {
		t.Errorf("%d are under way", n)
	}
}

// Each request has a connection of its own: a kept one might be of a process that is no more, and what changes something can't be sent twice.
func TestProxyKeepsNoConnections(t *testing.T) {
	var dials atomic.Int32
	p := serve(t, 0, echo)
	dial := p.Dial
	p.Dial = func(ctx context.Context) (net.Conn, error) { dials.Add(1); return dial(ctx) }
	url := front(t, newGroup(t, Options{}, p).Proxy(0, ProxyOptions{}))
	for range 3 {
		if a := get(t, "DELETE", url+"/x", ""); a.status != 200 {
			t.Errorf("%+v", a)
		}
	}
	if n := dials.Load(); n != 3 {
		t.Errorf("%d dials for 3 requests", n)
	}
}
