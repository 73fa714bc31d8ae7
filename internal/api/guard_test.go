package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Security row 26.
func TestCrossSite(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.Hosts = []string{"Edge.example"} })
	for _, tt := range []struct {
		name   string
		header []string
		want   int
	}{
		{"curl", nil, 404},
		{"by IP", []string{"Host", "192.0.2.7"}, 404},
		{"by IPv6", []string{"Host", "[::1]:8080"}, 404},
		{"by bare IPv6", []string{"Host", "[::1]"}, 404},
		{"localhost", []string{"Host", "LOCALHOST.:8080"}, 404},
		{"configured", []string{"Host", "edge.EXAMPLE:8080"}, 404},
		{"rebound", []string{"Host", "evil.example:8080"}, 403},
		{"like an IP", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"like localhost", []string{"Host", "localhost.evil.example"}, 403},
		{"own page", []string{"Host", "localhost:8080", "Origin", "http://localhost:8080"}, 404},
		{"other page", []string{"Host", "localhost:8080", "Origin", "http://evil.example"}, 403},
		{"other port", []string{"Host", "localhost:8080", "Origin", "http://localhost:3000"}, 403},
		{"no origin to name", []string{"Origin", "null"}, 403},
		{"other scheme", []string{"Host", "localhost", "Origin", "chrome-extension://localhost"}, 403},
		{"two origins", []string{"Host", "localhost", "Origin", "http://localhost", "Origin", "http://evil.example"}, 403},
		{"own fetch", []string{"Sec-Fetch-Site", "same-origin"}, 404},
		{"typed", []string{"Sec-Fetch-Site", "none"}, 404},
		{"image or form", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"other subdomain", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"form that navigates", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
	} {
		r := c.call(t, "DELETE", "/api/v1/streams/live/x", tt.header...)
		if r.status != tt.want {
			t.Errorf("%s: %d, want %d: %s", tt.name, r.status, tt.want, r.body)
		}
		for _, h := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods"} {
			if r.header.Get(h) != "" {
				t.Errorf("%s: %s is sent", tt.name, h)
			}
		}
	}
	if r := c.call(t, "GET", "/api/v1/streams?callback=alert", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); r.status != 200 || r.body[0] != '{' {
		t.Errorf("a link from elsewhere: %d %s", r.status, r.body)
	}
	if r := c.call(t, "GET", "/metrics", "Host", "evil.example"); r.status != 403 {
		t.Errorf("metrics to a rebound name: %d", r.status)
	}
}

// Unix sockets can't be reached by browsers: neither a public one nor the private one looks at Host.
func TestUnixSocketsAreExempt(t *testing.T) {
	c := newCluster(t, 1)
	public, _ := serveUnix(t, c.apis[0].Public())
	for _, path := range []string{public, c.peers[0].Addr} {
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return peerAt(0, path).Dial(ctx) }}
		if r := request(t, tr, "GET", "http://anything.example/api/v1/streams", "Origin", "http://x"); r.status != 200 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// On an address that others reach, control needs somebody to allow it; health and metrics don't.
func TestControlFromOutside(t *testing.T) {
	outside := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080}
	allow := func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer x" }
	for _, tt := range []struct {
		name, path, token string
		local             net.Addr
		authorize         func(*http.Request) bool
		want              int
	}{
		{"nothing allows it", "/api/v1/streams", "Bearer x", outside, nil, 403},
		{"allowed", "/api/v1/streams", "Bearer x", outside, allow, 200},
		{"not allowed", "/api/v1/streams", "", outside, allow, 403},
		{"loopback needs nothing", "/api/v1/streams", "", &net.TCPAddr{IP: net.IPv6loopback}, nil, 200},
		{"health", "/healthz", "", outside, nil, 200},
		{"metrics", "/metrics", "", outside, nil, 200},
		{"no address known", "/api/v1/streams", "", nil, nil, 403},
	} {
		c := newCluster(t, 1, func(o *Options) { o.Authorize = tt.authorize })
		r := httptest.NewRequest(http.MethodGet, "http://192.0.2.1:8080"+tt.path, http.NoBody)
		r.Header.Set("Authorization", tt.token)
		if tt.local != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tt.local))
		}
		w := httptest.NewRecorder()
		c.apis[0].Public().ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestNewRequires(t *testing.T) {
	group := broadcast.New(func() []broadcast.Peer { return nil }, broadcast.Options{})
	defer group.Close()
	reg := prometheus.NewRegistry()
	for _, o := range []Options{{}, {Local: &fakeLocal{}, Group: group}, {Local: &fakeLocal{}, Gatherer: reg}, {Group: group, Gatherer: reg}} {
		if _, err := New(o); err == nil {
			t.Errorf("New took %+v", o)
		}
	}
	if _, err := New(Options{Local: &fakeLocal{}, Group: group, Gatherer: reg}); err != nil {
		t.Error(err)
	}
}
