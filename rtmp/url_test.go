package rtmp

import (
	"errors"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, tt := range []struct {
		raw            string
		want           URL
		address, tcURL string
	}{
		{"rtmp://host/live/cam", URL{"host", "live", "cam"}, "host:1935", "rtmp://host/live"},
		{"RTMP://Host:19350/live/cam", URL{"Host:19350", "live", "cam"}, "Host:19350", "rtmp://Host:19350/live"},
		{"rtmp://host/live/inst/cam", URL{"host", "live/inst", "cam"}, "host:1935", "rtmp://host/live/inst"},
		{"rtmp://host/live/cam?k=a/b&c=d?e", URL{"host", "live", "cam?k=a/b&c=d?e"}, "host:1935", "rtmp://host/live"},
		{"rtmp://host/live/", URL{"host", "live", ""}, "host:1935", "rtmp://host/live"},
		{"rtmp://host/live", URL{"host", "live", ""}, "host:1935", "rtmp://host/live"},
		{"rtmp://host//live//cam", URL{"host", "live", "cam"}, "host:1935", "rtmp://host/live"},
		{"rtmp://[::1]/live/cam", URL{"[::1]", "live", "cam"}, "[::1]:1935", "rtmp://[::1]/live"},
		{"rtmp://[::1]:1936/live/cam", URL{"[::1]:1936", "live", "cam"}, "[::1]:1936", "rtmp://[::1]:1936/live"},
		{"rtmp://host/live/a%2Fb#c", URL{"host", "live", "a%2Fb#c"}, "host:1935", "rtmp://host/live"},
	} {
		got, err := ParseURL(tt.raw)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", tt.raw, got, err)
			continue
		}
		if address, err := got.address(); address != tt.address || err != nil {
			t.Errorf("%s: address %s, %v", tt.raw, address, err)
		}
		if tc := got.TCURL(); tc != tt.tcURL {
			t.Errorf("%s: tcUrl %s", tt.raw, tc)
		}
		if again, err := ParseURL(got.String()); err != nil || again != got {
			t.Errorf("%s: %s is not the same: %v", tt.raw, got, err)
		}
	}
	for _, raw := range []string{
		"", "rtmp:", "rtmp://", "rtmp:///", "rtmp://host", "rtmp://host/", "rtmp:///live/cam", "http://host/live/cam", "host/live/cam",
		"rtmp://host:/live/cam", "rtmp://host:0/live/cam", "rtmp://host:65536/live/cam", "rtmp://host:x/live/cam", "rtmp://::1/live/cam",
		"rtmp://[::1/live/cam", "rtmp://[]/live/cam", "rtmp://:1935/live/cam", "rtmp://user:pw@host/live/cam",
		"rtmp://host/live/a b", "rtmp://host/live/a\r\n", "rtmp://host/li\x00ve/a", "rtmp://host/live/\x7f",
	} {
		if u, err := ParseURL(raw); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %+v, %v; want ErrURL", raw, u, err)
		}
	}
}
