package rtmp

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// urls are the URLs that are understood. They also seed the fuzz test.
var urls = []struct {
	raw            string
	want           URL
	address, tcURL string
}{
	{"rtmp://host/live/cam", URL{false, "host", "live", "cam"}, "host:1935", "rtmp://host/live"},
	{"RTMP://Host:19350/live/cam", URL{false, "Host:19350", "live", "cam"}, "Host:19350", "rtmp://Host:19350/live"},
	{"rtmp://host/live/inst/cam", URL{false, "host", "live/inst", "cam"}, "host:1935", "rtmp://host/live/inst"},
	{"rtmp://host/live/cam?k=a/b&c=d?e", URL{false, "host", "live", "cam?k=a/b&c=d?e"}, "host:1935", "rtmp://host/live"},
	{"rtmp://host/live?k", URL{false, "host", "live", "?k"}, "host:1935", "rtmp://host/live"},
	{"rtmp://host/live/", URL{false, "host", "live", ""}, "host:1935", "rtmp://host/live"},
	{"rtmp://host/live", URL{false, "host", "live", ""}, "host:1935", "rtmp://host/live"},
	{"rtmp://host//live//cam", URL{false, "host", "live", "cam"}, "host:1935", "rtmp://host/live"},
	{"rtmp://[::1]/live/cam", URL{false, "[::1]", "live", "cam"}, "[::1]:1935", "rtmp://[::1]/live"},
	{"rtmp://[::1]:1936/live/cam", URL{false, "[::1]:1936", "live", "cam"}, "[::1]:1936", "rtmp://[::1]:1936/live"},
	{"rtmp://host/live/a%2Fb#c", URL{false, "host", "live", "a%2Fb#c"}, "host:1935", "rtmp://host/live"},
	{"rtmps://host/live/cam?k", URL{true, "host", "live", "cam?k"}, "host:443", "rtmps://host/live"},
	{"RtmpS://host:1936/live/cam", URL{true, "host:1936", "live", "cam"}, "host:1936", "rtmps://host:1936/live"},
	{"rtmps://[::1]/live/cam", URL{true, "[::1]", "live", "cam"}, "[::1]:443", "rtmps://[::1]/live"},
}

// badURLs are not.
var badURLs = []string{
	"", "rtmp:", "rtmp://", "rtmp:///", "rtmp://host", "rtmp://host/", "rtmp:///live/cam", "http://host/live/cam", "host/live/cam",
	"rtmps", "rtmps://", "rtmps://host", "rtmpt://host/live/cam", "rtmpss://host/live/cam", "rtmps://user@host/live/cam", "rtmps://host:/live/cam",
	"rtmp://host:/live/cam", "rtmp://host:0/live/cam", "rtmp://host:65536/live/cam", "rtmp://host:x/live/cam", "rtmp://::1/live/cam",
	"rtmp://[::1/live/cam", "rtmp://[]/live/cam", "rtmp://]/live/cam", "rtmp://]x/live/cam", "rtmp://[x:y]:1/live/cam", "rtmp://[[::1]]/live/cam", "rtmp://[::1%]]/live/cam", "rtmp://:1935/live/cam", "rtmp://user:pw@host/live/cam",
	"rtmp://host/live/a b", "rtmp://host/live/a\r\n", "rtmp://host/li\x00ve/a", "rtmp://host/live/\x7f",
}

func TestParseURL(t *testing.T) {
	for _, tt := range urls {
		got, err := ParseURL(tt.raw)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", tt.raw, got, err)
			continue
		}
		if host, port, err := got.hostPort(); net.JoinHostPort(host, port) != tt.address || err != nil {
			t.Errorf("%s: address %s %s, %v", tt.raw, host, port, err)
		}
		if tc := got.TCURL(); tc != tt.tcURL {
			t.Errorf("%s: tcUrl %s", tt.raw, tc)
		}
		if again, err := ParseURL(got.String()); err != nil || again != got {
			t.Errorf("%s: %s is not the same: %v", tt.raw, got, err)
		}
	}
	for _, raw := range badURLs {
		if u, err := ParseURL(raw); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %+v, %v; want ErrURL", raw, u, err)
		}
	}
}

// FuzzParseURL parses any text. What is understood has an address to dial, is
// written so that it is understood in the same way, and loses nothing of what
// servers compare.
func FuzzParseURL(f *testing.F) {
	for _, tt := range urls {
		f.Add(tt.raw)
	}
	for _, raw := range badURLs {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			if !errors.Is(err, ErrURL) || u != (URL{}) {
				t.Fatalf("%+v, %v", u, err)
			}
			return
		}
		again, err := ParseURL(u.String())
		if err != nil || again != u {
			t.Fatalf("%+v is written as %s, and that is %+v, %v", u, u, again, err)
		}
		if u.App == "" || strings.Contains(u.App, "?") || strings.Trim(u.App, "/") != u.App {
			t.Errorf("application %q", u.App)
		}
		name, _ := cutQuery(u.Name)
		if strings.Contains(name, "/") || !strings.HasSuffix(raw, u.Name) && u.Name[0] != '?' {
			t.Errorf("name %q", u.Name)
		}
		if u.TCURL()+"/"+u.Name != u.String() {
			t.Errorf("tcUrl %q of %q", u.TCURL(), u)
		}
		host, port, err := u.hostPort()
		if err != nil {
			t.Fatal(err)
		}
		gotHost, gotPort, err := net.SplitHostPort(net.JoinHostPort(host, port))
		if err != nil || gotHost != host || gotPort != port {
			t.Errorf("address %q, %q is not one: %v", host, port, err)
		}
	})
}
