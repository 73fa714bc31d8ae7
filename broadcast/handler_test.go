package broadcast

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// asked is what a test looks at of an answer.
type asked struct {
	status int
	header http.Header
	body   string
}

// front serves what a group does for clients.
func front(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, method, url, body string, header ...string) asked {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := plainTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return asked{resp.StatusCode, resp.Header, string(text)}
}

// plainTransport leaves no connections behind, and follows nothing.
var plainTransport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

func TestHandler(t *testing.T) {
	worker := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Set-Cookie", "of=worker")
			_, _ = fmt.Fprintf(w, `["%d %s %s %s %v %v"]`, n, r.Method, r.RequestURI, body, Marked(r.Header), Proxied(r.Header))
		}
	}
	g := newGroup(t, Options{MaxBody: 100}, serve(t, 0, worker(0)), serve(t, 1, worker(1)))
	var seen atomic.Int32
	url := front(t, g.Handler(HandlerOptions{Prefix: "/all", Observe: func(_ *http.Request, as []Answer) { seen.Add(int32(len(as))) }}))
	const (
		zero = `["0 GET /a%2Fb/?x=1&y true true"]`
		one  = `["1 GET /a%2Fb/?x=1&y true true"]`
	)
	list := fmt.Sprintf(`[{"worker":0,"status":200,"content_type":"application/json","body":%s},{"worker":1,"status":200,"content_type":"application/json","body":%s}]`+"\n", zero, one)
	for _, tt := range []struct {
		query, accept string
		want          string
	}{
		{"?x=1&as=concat&y", "", zero + one},
		{"?as=concat&x=1&y", "application/json", zero + one},
		{"?x=1&y&%61s=list", "text/plain", list},
		{"?x=1&y&as=json", "", `{"workers_expected":2,"workers_answered":2,"merged":` + zero[:len(zero)-1] + "," + one[1:] + "}\n"},
		{"?x=1&y", "", list},
		{"?x=1&y", "*/*", list},
		{"?x=1&y", "application/json", list},
		{"?x=1&y", "text/plain", zero + one},
		{"?x=1&y", "text/plain;q=0.5, application/json", list},
		{"?x=1&y", "text/*, */*;q=0.1", zero + one},
		{"?x=1&y", "text/html,application/xhtml+xml,*/*;q=0.8", list},
		{"?x=1&y", "text/plain;q=nonsense", list},
	} {
		want := strings.ReplaceAll(tt.want, "y true", "y  true") // no body
		if a := get(t, "GET", url+"/all/a%2Fb/"+tt.query, "", "Accept", tt.accept); a.status != 200 || a.body != want {
			t.Errorf("%s, %s: %d\n%s, want\n%s", tt.query, tt.accept, a.status, a.body, want)
		} else if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a worker's header is passed on: %v", tt.query, a.header)
		}
	}
	if n := seen.Load(); n != 2*12 {
		t.Errorf("%d answers were seen", n)
	}
	if a := get(t, "PATCH", url+"/all/x?as=concat", "hello"); a.body != `["0 PATCH /x hello true true"]["1 PATCH /x hello true true"]` {
		t.Errorf("with a body: %d %s", a.status, a.body)
	}
	if a := get(t, "HEAD", url+"/all/x?as=json", ""); a.status != 200 || a.body != "" || a.header.Get(HeaderAnswered) != "2" || a.header.Get("Content-Length") != "" {
		t.Errorf("HEAD: %+v", a)
	}
}

func TestHandlerRefuses(t *testing.T) {
	var reached atomic.Int32
	count := func(http.ResponseWriter, *http.Request) { reached.Add(1) }
	g := newGroup(t, Options{MaxBody: 10}, serve(t, 0, count))
	url := front(t, g.Handler(HandlerOptions{Prefix: "/all"}))
	for _, tt := range []struct {
		name, path, body, header string
		want                     int
	}{
		{"unknown rendering", "/all/?as=xml", "", "", 400},
		{"no rendering", "/all/?as=", "", "", 400},
		{"two renderings", "/all/?as=list&as=list", "", "", 400},
		{"elsewhere", "/other/", "", "", 404},
		{"like the prefix", "/allx/", "", "", 404},
		{"the prefix alone", "/all", "", "", 404},
		{"a large body", "/all/", "12345678901", "", 413},
		{"a loop", "/all/", "", Header, 508},
	} {
		header := []string{"X", "y"}
		if tt.header != "" {
			header = []string{tt.header, "1"}
		}
		if a := get(t, "POST", url+tt.path, tt.body, header...); a.status != tt.want || a.header.Get(HeaderExpected) != "" {
			t.Errorf("%s: %d %v %s, want %d", tt.name, a.status, a.header, a.body, tt.want)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d of the refused requests were passed on", n)
	}
	if a := get(t, "POST", url+"/all/", "1234567890", ProxyHeader, "1"); a.status != 200 || reached.Load() != 1 {
		t.Errorf("a proxied request: %d, %d reached", a.status, reached.Load())
	}
}

// A body that doesn't come costs its deadline; the answers may take longer than it.
func TestHandlerBodyInTime(t *testing.T) {
	const bodyTime = 100 * time.Millisecond
	slow := func(http.ResponseWriter, *http.Request) { time.Sleep(3 * bodyTime) }
	g := newGroup(t, Options{Timeout: time.Minute}, serve(t, 0, slow))
	url := front(t, g.Handler(HandlerOptions{BodyTimeout: bodyTime}))
	for say, want := range map[string]string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhel":   "408",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello": "200",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                            "200",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, say)
		if line, err := bufio.NewReader(conn).ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("%q was answered %q, %v; want %s", say, line, err, want)
		}
	}
}

// Whatever becomes of workers, every rendering says so, and costs one deadline.
func TestHandlerNamesBadWorkers(t *testing.T) {
	const timeout = 500 * time.Millisecond
	var peers []Peer
	var processes []string
	stop := func(worker int, mode string, sig syscall.Signal) {
		peer, process := startProcess(t, worker, mode)
		if sig != 0 {
			signal(t, process, sig)
		}
		peers, processes = append(peers, peer), append(processes, mode)
	}
	stop(0, "", 0)
	stop(1, "slow", 0)
	stop(2, "", syscall.SIGSTOP)
	stop(3, "garbage", 0)
	stop(4, "error", 0)
	stop(5, "", syscall.SIGKILL)
	g := newGroup(t, Options{Timeout: timeout}, peers...)
	wait(t, "the signals to be taken", func() bool {
		return words(g.Do(t.Context(), Request{Path: "/"})) == "0:200 1:timeout 2:timeout 3:bad_answer 4:500 5:unreachable"
	})
	url := front(t, g.Handler(HandlerOptions{Expected: func() int { return len(processes) + 1 }}))
	const errs = "1=timeout, 2=timeout, 3=bad_answer, 4=status, 5=unreachable, 6=missing"
	for _, how := range []Rendering{List, JSON, Concat} {
		start := time.Now()
		a := get(t, "GET", url+"/?as="+string(how), "")
		if took := time.Since(start); took > timeout+5*time.Second {
			t.Errorf("%s took %v, one deadline is %v", how, took, timeout)
		}
		if a.status != http.StatusMultiStatus || a.header.Get(HeaderErrors) != errs || a.header.Get(HeaderExpected) != "7" || a.header.Get(HeaderAnswered) != "1" {
			t.Errorf("%s: %+v", how, a)
		}
		if named := strings.Count(a.body, `"reason"`); how != Concat && named != 6 || how == Concat && named != 0 {
			t.Errorf("%s: %d workers are named in the body: %s", how, named, a.body)
		}
	}
}

// With nobody's success, a concatenation would be empty: that is a failure.
func TestHandlerConcatOfNothing(t *testing.T) {
	no := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) }
	var failed *PassError
	answer := func(w http.ResponseWriter, _ *http.Request, f *PassError) {
		failed = f
		http.Error(w, f.Error(), f.Status)
	}
	for name, tt := range map[string]struct {
		peers  []Peer
		status int
		reason string
	}{
		"not there":  {[]Peer{serve(t, 0, no), serve(t, 1, no)}, 404, "status"},
		"dead":       {[]Peer{dead(t, 0)}, 503, "unreachable"},
		"no workers": {nil, 503, "missing"},
	} {
		g := newGroup(t, Options{}, tt.peers...)
		a := get(t, "GET", front(t, g.Handler(HandlerOptions{Error: answer}))+"/?as=concat", "")
		if a.status != tt.status || failed == nil || failed.Status != tt.status || Reason(failed) != tt.reason || len(failed.Answers) != len(tt.peers) {
			t.Errorf("%s: %+v, %+v", name, a, failed)
		}
		if a.header.Get(HeaderAnswered) != "0" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: header %v", name, a.header)
		}
	}
}
