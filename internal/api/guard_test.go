package api

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// Security row 26.
func TestCrossSite(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.Access.Hosts = []string{"Edge.example"} })
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
	link := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for path, want := range map[string]int{"/api/v1/streams": 200, "/api/v1/streams?callback=alert": 400} {
		if r := c.call(t, "GET", path, link...); r.status != want || r.body[0] != '{' {
			t.Errorf("a link from elsewhere to %s: %d %s", path, r.status, r.body)
		}
	}
	for _, path := range []string{"/api/v1/log", "/api/v1/workers/0/drain"} {
		for _, from := range [][]string{{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, link, {"Host", "evil.example"}} {
			r := c.send(t, "PUT", path, `{"level":"debug"}`, append(from, "Content-Type", "application/json")...)
			if r.status != 403 {
				t.Errorf("PUT %s with %v: %d %s", path, from, r.status, r.body)
			}
		}
	}
	if l := c.locals[0]; l.level != 0 || len(l.drains) != 0 {
		t.Error("a request from another site was carried out")
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
