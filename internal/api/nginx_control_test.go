package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nginxCluster is three workers with clients: a publisher of live/a and one of live/b, and players.
func nginxCluster(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, 3)
	client := func(worker, n int, app, name, address, protocol string, publishes bool) {
		c.locals[worker].clients = append(c.locals[worker].clients, Client{
			Session: fmt.Sprintf("%d-0-%d", worker, n), Protocol: protocol, Address: address, App: app, Name: name, Publishes: publishes,
		})
	}
	client(0, 1, "live", "a", "192.0.2.1:1000", "rtmp", true)
	client(0, 2, "live", "a", "192.0.2.2:1000", "rtmp", false)
	client(1, 1, "live", "b", "192.0.2.1:1001", "rtmps", true)
	client(1, 2, "live", "a", "192.0.2.3:1000", "rtmps", false)
	client(1, 3, "live", "b", "unix", "rtmp", false)
	client(2, 1, "other", "a", "[2001:db8::1]:1", "rtmp", false)
	client(2, 2, "live", "a+b c", "192.0.2.4:1", "rtmp", false)
	client(2, 3, "live", "a", "192.0.2.2:1003", "http_flv", false)
	return c
}

// calls returns what the workers were told to do.
func (c *cluster) calls() []string {
	out := []string{}
	for _, f := range c.locals {
		out = append(out, f.calls()...)
	}
	return out
}

func TestNginxControl(t *testing.T) {
	t.Parallel()
	c := nginxCluster(t)
	for _, tt := range []struct {
		call   string
		status int
		body   string // of a refusal, a part
		done   string
	}{
		{"drop/publisher?app=live&name=a", 200, "1", "0-0-1"},
		{"drop/publisher?name=a", 200, "1", "0-0-1"},
		{"drop/publisher", 200, "2", "0-0-1 1-0-1"},
		{"drop/publisher?name=nobody", 200, "0", ""},
		{"drop/publisher?name=", 200, "0", ""},
		{"drop/subscriber?app=live&name=a", 200, "3", "0-0-2 1-0-2 2-0-3"},
		{"drop/subscriber?name=a", 200, "4", "0-0-2 1-0-2 2-0-1 2-0-3"},
		{"drop/subscriber?name=a&app=", 200, "4", "0-0-2 1-0-2 2-0-1 2-0-3"},
		{"drop/client?app=live&name=a", 200, "4", "0-0-1 0-0-2 1-0-2 2-0-3"},
		{"drop/client", 200, "8", "0-0-1 0-0-2 1-0-1 1-0-2 1-0-3 2-0-1 2-0-2 2-0-3"},
		{"drop/client?addr=192.0.2.1", 200, "2", "0-0-1 1-0-1"},
		{"drop/client?addr=192.0.2.1:1000", 200, "0", ""},
		{"drop/client?addr=2001:db8::1", 200, "1", "2-0-1"},
		{"drop/client?addr=unix:", 200, "1", "1-0-3"},
		{"drop/client?addr=", 200, "0", ""},
		{"drop/client?clientid=257", 200, "1", "1-0-2"},
		{"drop/publisher?clientid=257", 200, "0", ""},
		{"drop/client?srv=0&clientid=257&app=live", 200, "1", "1-0-2"},
		{"drop/client?srv=0&clientid=257&app=other", 200, "0", ""},
		{"drop/client?NAME=a&name=b&app=other", 200, "1", "2-0-1"},
		{"drop/client?name=a+b%20c", 200, "1", "2-0-2"},
		{"drop/client?srv=1", 400, "out of range", ""},
		{"drop/client?srv=x", 400, "out of range", ""},
		{"drop/client?srv=", 400, "out of range", ""},
		{"drop/client?clientid=x", 400, "no number", ""},
		{"drop/client?name=%zz", 400, "can't be read", ""},
		{"drop/client?name=" + strings.Repeat("x", maxNginxArgs), 400, "too long", ""},
		{"drop/everybody", 400, "none of publisher", ""},
		{"redirect/subscriber?app=live&name=a&newname=n", 200, "2", "0-0-2 n,1-0-2 n"},
		{"redirect/publisher?app=live&name=a&newname=n%3Fx=1", 200, "1", "0-0-1 n"},
		{"redirect/client?app=live&name=a&newname=n", 200, "3", "0-0-1 n,0-0-2 n,1-0-2 n"},
		{"redirect/client?clientid=386&newname=n", 200, "0", ""}, // over HTTP
		{"redirect/client?app=live&name=a", 400, "newname is missing", ""},
		{"record/start?app=live&name=a", 501, "does not record", ""},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := c.call(t, method, "/control/"+tt.call)
			short := tt.call[:min(len(tt.call), 60)]
			if r.status != tt.status || r.status == 200 && string(r.body) != tt.body || !strings.Contains(string(r.body), tt.body) {
				t.Errorf("%s %s: %d %s, want %d %s", method, short, r.status, r.body, tt.status, tt.body)
			}
			if got := r.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("%s: content type %q", short, got)
			}
			sep := " "
			if strings.HasPrefix(tt.call, "redirect") {
				sep = ","
			}
			want := []string{}
			if tt.done != "" {
				want = strings.Split(tt.done, sep)
			}
			if diff := cmp.Diff(want, c.calls()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", short, diff)
			}
		}
	}
}

func TestNginxControlMethods(t *testing.T) {
	t.Parallel()
	c := nginxCluster(t)
	for call, want := range map[string]int{
		"HEAD /control/drop/client":            http.StatusMethodNotAllowed, // it would do it, and not say so
		"DELETE /control/drop/client":          http.StatusMethodNotAllowed,
		"PUT /control/redirect/client":         http.StatusMethodNotAllowed,
		"GET /control/nothing/client":          http.StatusNotFound,
		"GET /control/drop":                    http.StatusNotFound,
		"GET /control":                         http.StatusNotFound,
		"GET /control/drop/client/x":           http.StatusNotFound,
		"POST /stat":                           http.StatusMethodNotAllowed,
		"GET /internal/v1/control?call=%7B%7D": http.StatusNotFound, // on a public port
	} {
		method, path, _ := strings.Cut(call, " ")
		if r := c.call(t, method, path); r.status != want {
			t.Errorf("%s: status %d, want %d", call, r.status, want)
		}
		if got := c.calls(); len(got) > 0 {
			t.Errorf("%s: did %v", call, got)
		}
	}
}

// A page of another site can make a browser follow a link, load a picture, send a form. None of it may change anything here.
func TestNginxControlIsNotForOtherSites(t *testing.T) {
	t.Parallel()
	c := nginxCluster(t)
	own := "http://" + c.public
	for _, tt := range []struct {
		why    string
		header []string
		status int
	}{
		{"a link", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"a link of the same site", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"a frame", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"a picture", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"a form", []string{"Origin", "http://elsewhere.example"}, 403},
		{"a file", []string{"Origin", "null"}, 403},
		{"an old browser's picture", []string{"Referer", "http://elsewhere.example/page"}, 403},
		{"another port", []string{"Referer", "http://127.0.0.1:1/page"}, 403},
		{"a bad referer", []string{"Referer", "::"}, 403},
		{"read in advance", []string{"Sec-Fetch-Site", "none", "Sec-Purpose", "prefetch;prerender"}, 403},
		{"read in advance by an old browser", []string{"Purpose", "prefetch"}, 403},
		{"another host", []string{"Host", "rebound.example"}, 403},
		{"a link without a referrer, with the password that the browser knows", []string{"User-Agent", "Mozilla/5.0", "Authorization", "Basic bTp0"}, 403},
		{"a page of ours, with the password", []string{"User-Agent", "Mozilla/5.0", "Authorization", "Basic bTp0", "Referer", own + "/console/"}, 200},
		{"curl, with the password", []string{"User-Agent", "curl/8.5.0", "Authorization", "Basic bTp0"}, 200},
		{"a browser on this machine that knows no Sec-Fetch-Site", []string{"User-Agent", "Mozilla/5.0"}, 200},
		{"typed", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"a page of ours", []string{"Sec-Fetch-Site", "same-origin", "Origin", own, "Referer", own + "/console/"}, 200},
		{"curl", nil, 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := c.call(t, method, "/control/drop/publisher?name=a", tt.header...)
			done := c.calls()
			if through := c.call(t, method, "/workers/1/%63ontrol/drop/publisher?name=a", tt.header...); through.status != tt.status {
				t.Errorf("%s, %s, through a worker: status %d, want %d", tt.why, method, through.status, tt.status)
			}
			if done := c.calls(); (len(done) > 0) != (tt.status == 200) {
				t.Errorf("%s, %s, through a worker: done: %v", tt.why, method, done)
			}
			if r.status != tt.status || (len(done) > 0) != (tt.status == 200) {
				t.Errorf("%s, %s: status %d, want %d; done: %v", tt.why, method, r.status, tt.status, done)
			}
		}
	}
}

func TestDropInIsControl(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/stat", "/control/drop/client"} {
		if !isControl(&http.Request{URL: &url.URL{Path: path}}) {
			t.Errorf("%s is open to everybody", path)
		}
	}
}

// The number alone means that all is done.
func TestNginxControlIncomplete(t *testing.T) {
	t.Parallel()
	c := nginxCluster(t)
	c.replace(2, stopped(t))
	for call, want := range map[string]string{
		"drop/subscriber?name=a":           "503 2",
		"drop/publisher?name=a":            "503 1", // another app might have one
		"drop/publisher?app=live&name=a":   "200 1",
		"drop/client?clientid=257":         "200 1",
		"drop/client?clientid=258":         "503 0",
		"drop/publisher?app=live&name=x":   "503 0",
		"redirect/client?name=b&newname=c": "503 2",
	} {
		r := c.call(t, http.MethodGet, "/control/"+call)
		first, rest, _ := strings.Cut(string(r.body), "\n")
		if got := fmt.Sprintf("%d %s", r.status, first); got != want {
			t.Errorf("%s: %s, want %s", call, got, want)
		}
		if r.status == 503 && !strings.HasPrefix(rest, "worker 2 did not answer: timeout: ") {
			t.Errorf("%s: %q does not say who is missing", call, rest)
		}
		if r.header.Get("Rtmpedge-Workers-Answered") != "2" || r.header.Get("Rtmpedge-Workers-Expected") != "3" {
			t.Errorf("%s: headers %v", call, r.header)
		}
	}
}

func TestNginxRedirectRefused(t *testing.T) {
	t.Parallel()
	c := nginxCluster(t)
	defer func() { // it might have moved others on a worker that does not answer
		c.replace(2, stopped(t))
		r := c.call(t, http.MethodGet, "/control/redirect/publisher?name=a&newname=b")
		if want := "0\nthe name is taken\nworker 2 did not answer: timeout: "; r.status != http.StatusServiceUnavailable || !strings.HasPrefix(string(r.body), want) {
			t.Errorf("%d %s", r.status, r.body)
		}
		r = c.call(t, http.MethodGet, "/control/redirect/publisher?app=live&name=a&newname=b")
		if r.status != http.StatusConflict || string(r.body) != "the name is taken" {
			t.Errorf("the one publisher: %d %s", r.status, r.body)
		}
	}()
	c.locals[0].refusal = "the name is taken"
	if r := c.call(t, http.MethodGet, "/control/redirect/publisher?name=a&newname=b"); r.status != http.StatusConflict || string(r.body) != "the name is taken" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.call(t, http.MethodGet, "/control/redirect/client?name=a&newname=b"); r.status != http.StatusOK || string(r.body) != "2" {
		t.Errorf("%d %s, want the two that were moved", r.status, r.body)
	}
}

// A worker that was stopped finds old calls in its socket.
func TestNginxControlTooLate(t *testing.T) {
	t.Parallel()
	c := nginxCluster(t)
	q := url.Values{"call": {`{"section":"drop","who":"client"}`}}
	for until, want := range map[string]int{
		"": http.StatusBadRequest, fmt.Sprint(time.Now().Add(-time.Second).UnixMilli()): http.StatusGone,
		fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()): http.StatusOK,
	} {
		q.Set("until", until)
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return c.peers[0].Dial(ctx) }
		r := request(t, &http.Transport{DialContext: dial}, http.MethodPost, "http://worker"+pathNginx+"?"+q.Encode())
		if done := c.calls(); r.status != want || (len(done) > 0) != (want == http.StatusOK) {
			t.Errorf("until %q: status %d, want %d; done: %v", until, r.status, want, done)
		}
	}
}

func TestClientNumber(t *testing.T) {
	t.Parallel()
	var numbers []uint64
	for _, worker := range []int{0, 1, 127} {
		for _, restarts := range []int{0, 1, 16383} {
			for _, n := range []uint64{1, 2, 1<<32 - 1} {
				numbers = append(numbers, clientNumber(fmt.Sprintf("%d-%d-%d", worker, restarts, n)))
			}
		}
	}
	slices.Sort(numbers)
	if n := len(numbers); len(slices.Compact(numbers)) != n || numbers[n-1] >= 1<<53 {
		t.Errorf("%d numbers are not all different, or too large for JavaScript: %v", n, numbers)
	}
	for _, bad := range []string{"", "1", "1-2", "a-b-c", "1-2-3-4"} {
		if n := clientNumber(bad); n != 0 {
			t.Errorf("%q: %d", bad, n)
		}
	}
}
