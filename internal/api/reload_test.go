package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What came of a reload is told with the status that fits, as it is documented; one worker is asked, once.
func TestReload(t *testing.T) {
	problems := []string{"rtmp-edge.yml:3: live.gop_cahce: unknown key", "second"}
	for _, tt := range []struct {
		name   string
		came   Reload
		err    error
		status int
		body   string
	}{
		{"applied", Reload{Applied: []string{"apps[0]", "live.gop_cache"}}, nil, 200, `{"applied":["apps[0]","live.gop_cache"],"restart":[],"kept":[]}`},
		{
			name: "not whole", came: Reload{Applied: []string{"a"}, Restart: []string{"workers"}, Kept: []string{"127.0.0.1:1"}}, status: 200,
			body: `{"applied":["a"],"restart":["workers"],"kept":["127.0.0.1:1"]}`,
		},
		{"nothing", Reload{}, nil, 200, `{"applied":[],"restart":[],"kept":[]}`},
		{
			name: "refused", came: Reload{Problems: problems}, status: 422, body: `{"type":"about:blank","title":"Unprocessable Entity","status":422,` +
				`"detail":"the configuration is refused; nothing has changed","problems":["rtmp-edge.yml:3: live.gop_cahce: unknown key","second"]}`,
		},
		{
			name: "not now", came: Reload{Error: "worker 1 hangs"}, status: 503, body: `{"type":"about:blank","title":"Service Unavailable","status":503,` +
				`"detail":"the configuration can't be applied now; nothing has changed: worker 1 hangs"}`,
		},
		{
			name: "nobody knows", err: context.DeadlineExceeded, status: 504, body: `{"type":"about:blank","title":"Gateway Timeout","status":504,` +
				`"detail":"the server does not tell how the reload went: context deadline exceeded"}`,
		},
		{
			name: "no master", err: errors.New("broken pipe"), status: 504, body: `{"type":"about:blank","title":"Gateway Timeout","status":504,` +
				`"detail":"the server does not tell how the reload went: broken pipe"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			counts := &countingObserver{}
			c := newCluster(t, 3, func(o *Options) { o.Observer = counts })
			c.locals[0].reloaded, c.locals[0].reloadErr = tt.came, tt.err
			r := c.call(t, "POST", "/api/v1/reload")
			if d := cmp.Diff(tt.body+"\n", string(r.body)); r.status != tt.status || d != "" {
				t.Errorf("status %d, want %d (-want +got)\n%s", r.status, tt.status, d)
			}
			for i, l := range c.locals {
				if want := map[bool]int{true: 1}[i == 0]; l.reloads != want {
					t.Errorf("worker %d was asked %d times", i, l.reloads)
				}
			}
			if calls := counts.taken(); len(calls) != 1 || calls[0] != "reload "+map[int]string{200: "200", 422: "422", 503: "503", 504: "504"}[tt.status] {
				t.Errorf("counted %q", calls)
			}
		})
	}
}

// Nobody has the server reload who may not control it, nor by a call of another kind.
func TestReloadIsGuarded(t *testing.T) {
	c, open := newCluster(t, 1, withToken), newCluster(t, 1)
	for _, tt := range []struct {
		name   string
		c      *cluster
		from   string
		header []string
		want   int
	}{
		{"from elsewhere without a token", c, "outside", nil, 401},
		{"from elsewhere with a wrong one", c, "outside", []string{"Authorization", "Bearer x"}, 401},
		{"from elsewhere, where there is none", open, "outside", []string{"Authorization", "Bearer " + testToken}, 403},
		{"from another site", open, "loopback", []string{"Origin", "http://evil.example"}, 403},
		{"by a form of another site", open, "loopback", []string{"Origin", "null", "Content-Type", "text/plain"}, 403},
		{"as part of a broadcast", open, "loopback", []string{"Rtmpedge-Broadcast", "1"}, 508},
	} {
		local := outside
		if tt.from == "loopback" {
			local = loopback
		}
		if w := tt.c.ask(local, http.MethodPost, "/api/v1/reload", tt.header...); w.Code != tt.want {
			t.Errorf("%s: %d, want %d: %s", tt.name, w.Code, tt.want, w.Body)
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		if r := open.call(t, method, "/api/v1/reload"); r.status != 405 || !slices.Equal(r.header.Values("Allow"), []string{"POST"}) {
			t.Errorf("%s: status %d, %v", method, r.status, r.header)
		}
	}
	if r := open.call(t, "POST", "/api/v1/reload?file=/etc/passwd"); r.status != 400 {
		t.Errorf("with a parameter: status %d", r.status)
	}
	if r := open.call(t, "POST", "/broadcast/api/v1/reload"); r.status != 508 { // none of them does it
		t.Errorf("passed to all workers: status %d", r.status)
	}
	if n := c.locals[0].reloads + open.locals[0].reloads; n != 0 {
		t.Errorf("%d reloads", n)
	}
	if w := c.ask(outside, http.MethodPost, "/api/v1/reload", "Authorization", "Bearer "+testToken); w.Code != 200 || c.locals[0].reloads != 1 {
		t.Errorf("with the token: %d", w.Code)
	}
}

// Who may call changes from one call to the next.
func TestSetAccess(t *testing.T) {
	c := newCluster(t, 1, withToken)
	expect := func(what string, want int, header ...string) {
		t.Helper()
		if w := c.ask(outside, http.MethodGet, "/api/v1/workers", header...); w.Code != want {
			t.Errorf("%s: %d, want %d", what, w.Code, want)
		}
	}
	const other = "another token of some length"
	expect("the first token", 200, "Authorization", "Bearer "+testToken)
	c.apis[0].SetAccess(Access{Token: other, Hosts: []string{"edge.example"}})
	expect("the first token, when there is another", 401, "Authorization", "Bearer "+testToken)
	expect("the other", 200, "Authorization", "Bearer "+other)
	if r := c.call(t, "GET", "/api/v1/workers", "Host", "edge.example"); r.status != 200 {
		t.Errorf("by an added name: %d", r.status)
	}
	c.apis[0].SetAccess(Access{})
	expect("the other, when there is none", 403, "Authorization", "Bearer "+other)
	if r := c.call(t, "GET", "/api/v1/workers", "Host", "edge.example"); r.status != 403 {
		t.Errorf("by a name that was removed: %d", r.status)
	}
}
