package api

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testToken = "0123456789abcdef"

var (
	outside  = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080}
	loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
)

// ask sends a request that came in on a local address.
func (c *cluster) ask(local net.Addr, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://192.0.2.1:8080"+path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if local != nil {
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
	}
	w := httptest.NewRecorder()
	c.apis[0].Public().ServeHTTP(w, r)
	return w
}

func withToken(o *Options) { o.Access.Token = testToken }

// On an address that others reach, control needs the token; health and metrics don't. What a proxy on this machine passes on comes from elsewhere.
func TestToken(t *testing.T) {
	basic := func(user, password string) string {
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	unix := &net.UnixAddr{Net: "unix", Name: "/run/x"}
	forwarded := []string{"X-Forwarded-For", "198.51.100.7"}
	auth := func(value string, more ...string) []string { return append([]string{"Authorization", value}, more...) }
	const streams = "/api/v1/streams"
	c, open := newCluster(t, 1, withToken), newCluster(t, 1)
	for _, tt := range []struct {
		name   string
		c      *cluster
		local  net.Addr
		path   string
		header []string
		want   int
	}{
		{"no token is configured", open, outside, streams, auth("Bearer " + testToken), 403},
		{"nor an empty one", open, outside, streams, auth("Bearer "), 403},
		{"no address known", open, nil, streams, nil, 403},
		{"bearer", c, outside, streams, auth("Bearer " + testToken), 200},
		{"any case", c, outside, streams, auth("bearer  " + testToken), 200},
		{"basic", c, outside, streams, auth(basic("anybody", testToken)), 200},
		{"basic without a user", c, outside, streams, auth(basic("", testToken)), 200},
		{"none", c, outside, streams, nil, 401},
		{"no address known, but a token", c, nil, streams, nil, 401},
		{"wrong", c, outside, streams, auth("Bearer " + strings.Repeat("x", 16)), 401},
		{"empty", c, outside, streams, auth("Bearer "), 401},
		{"a part", c, outside, streams, auth("Bearer " + testToken[:15]), 401},
		{"more", c, outside, streams, auth("Bearer " + testToken + "x"), 401},
		{"as user", c, outside, streams, auth(basic(testToken, "")), 401},
		{"other scheme", c, outside, streams, auth("Digest " + testToken), 401},
		{"no scheme", c, outside, streams, auth(testToken), 401},
		{"twice", c, outside, streams, auth("Bearer "+testToken, "Authorization", "Bearer "+testToken), 401},
		{"in the query", c, outside, streams + "?token=" + testToken, nil, 401},
		{"loopback needs none", c, loopback, streams, nil, 200},
		{"nor IPv6", c, &net.TCPAddr{IP: net.IPv6loopback}, streams, nil, 200},
		{"nor a wrong one", c, loopback, streams, auth("Bearer x"), 200},
		{"nor a unix socket", c, unix, streams, nil, 200},
		{"a proxy", c, loopback, streams, forwarded, 401},
		{"a proxy of today", c, loopback, streams, []string{"Forwarded", "for=198.51.100.7"}, 401},
		{"a proxy over a unix socket", c, unix, streams, forwarded, 401},
		{"a proxy that adds its own behind the client's, which is empty", c, loopback, streams, append([]string{"X-Forwarded-For", ""}, forwarded...), 401},
		{"a proxy behind an empty one", c, loopback, streams, []string{"Forwarded", ""}, 401},
		{"a proxy with the token", c, loopback, streams, auth("Bearer "+testToken, forwarded...), 200},
		{"a proxy where there is no token", open, loopback, streams, forwarded, 403},
		{"health", c, outside, "/healthz", nil, 200},
		{"ready", c, outside, "/readyz", nil, 200},
		{"metrics", c, outside, "/metrics", nil, 200},
		{"the document", c, outside, "/api/v1/openapi.json", nil, 401},
		{"what isn't there", c, outside, "/api/x", nil, 401},
		{"with the token from another site", c, outside, streams, auth("Bearer "+testToken, "Origin", "http://evil.example"), 403},
	} {
		w := tt.c.ask(tt.local, http.MethodGet, tt.path, tt.header...)
		if w.Code != tt.want {
			t.Errorf("%s: %d, want %d: %s", tt.name, w.Code, tt.want, w.Body)
		}
		var asked []string
		if tt.want == 401 {
			asked = []string{`Bearer realm="rtmp-edge"`, `Basic realm="rtmp-edge", charset="UTF-8"`}
			var p problemBody
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != 401 || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %v %s", tt.name, w.Header(), w.Body)
			}
		}
		if diff := cmp.Diff(asked, w.Header().Values("WWW-Authenticate")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	if w := c.ask(outside, http.MethodDelete, "/api/v1/streams/live/x"); w.Code != 401 || len(c.locals[0].kicked) > 0 {
		t.Errorf("a kick without the token: %d, %q", w.Code, c.locals[0].kicked)
	}
}

// Wrong tokens are counted and told in the log, but not each, and none of them is.
func TestWrongTokensAreTold(t *testing.T) {
	counts := &countingObserver{}
	c := newCluster(t, 1, withToken, func(o *Options) { o.Observer = counts })
	for range 5 {
		c.ask(outside, http.MethodGet, "/api/v1/streams", "Authorization", "Bearer a-secret-of-somebody")
	}
	c.ask(outside, http.MethodGet, "/api/v1/streams")
	if diff := cmp.Diff([]string{"refused 401", "refused 401", "refused 401", "refused 401", "refused 401", "refused 401"}, counts.taken()); diff != "" {
		t.Error(diff)
	}
	log := c.logs.String()
	if n := strings.Count(log, "wrong token"); n != 1 || strings.Contains(log, "secret") || !strings.Contains(log, "remote=192.0.2.1:1234") {
		t.Errorf("%d lines:\n%s", n, log)
	}
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(testToken)
		for _, step := range []struct {
			wait   time.Duration
			unsaid int
			say    bool
		}{{0, 0, true}, {0, 0, false}, {quietTime - 1, 0, false}, {1, 2, true}, {quietTime, 0, true}} {
			time.Sleep(step.wait)
			if unsaid, say := k.wrong(time.Now()); unsaid != step.unsaid || say != step.say {
				t.Errorf("after %v: %d %v", step.wait, unsaid, say)
			}
		}
	})
}
