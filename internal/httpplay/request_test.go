package httpplay

import (
	"errors"
	"net/url"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// paths are what is asked for, with the stream's key; "" where it is refused, and "-" where no stream is asked for. The limit is 20 bytes.
var paths = []struct {
	path, want string
	format     Format
}{
	{"/live/cam.flv", "live/cam", FLV},
	{"/live/cam.mp4", "live/cam", MP4},
	{"/live/east/cam.flv", "live/east/cam", FLV},
	{"/live/cam.flv.flv", "live/cam.flv", FLV},
	{"/live/cam.flv.mp4", "live/cam.flv", MP4},
	{"/live/cam.mp4.flv", "live/cam.mp4", FLV},
	{"/live/Kamera%20S%C3%BCd.flv", "live/Kamera Süd", FLV},
	{"/live/50%25.flv", "live/50%", FLV},
	{"/live/cam.flv?token=x", "live/cam", FLV},
	{"/live/cam.mp4?app=a&stream=b", "live/cam", MP4},
	{"/apis/cam.flv", "apis/cam", FLV},

	{"/live?app=live&stream=cam", "live/cam", FLV},
	{"/live?stream=cam&app=a/b&expires=1", "a/b/cam", FLV},
	{"/live?app=a&stream=b/c", "a/b/c", FLV},
	{"/live?app=a&stream=b.flv", "a/b.flv", FLV},
	{"/live?app=S%C3%BCd&stream=1+2", "Süd/1 2", FLV},
	{"/live?app=api&stream=x", "api/x", FLV},

	{"/", "-", ""},
	{"/cam.flv", "-", ""},
	{"/cam.mp4", "-", ""},
	{"/live/", "-", ""},
	{"/live/cam", "-", ""},
	{"/live/cam.FLV", "-", ""},
	{"/live/cam.flv/", "-", ""},
	{"/live/cam.m4s", "-", ""},
	{"*", "-", ""},
	{"/api/v1/streams/live/cam.flv", "-", ""},
	{"/api/cam.flv", "-", ""},
	{"/broadcast/cam.flv", "-", ""},
	{"/console/clip.mp4", "-", ""},
	{"/control/cam.flv", "-", ""},
	{"/debug/cam.flv", "-", ""},
	{"/healthz/cam.flv", "-", ""},
	{"/internal/v1/cam.mp4", "-", ""},
	{"/metrics/cam.flv", "-", ""},
	{"/readyz/cam.flv", "-", ""},
	{"/stat/cam.flv", "-", ""},
	{"/workers/1/live/cam.flv", "-", ""},

	{"//cam.flv", "", FLV},
	{"/live/.flv", "", FLV},
	{"/live/.mp4", "", MP4},
	{"/live//cam.flv", "", FLV},
	{"/live/../cam.flv", "", FLV},
	{"/live/%2e%2e.flv", "", FLV},
	{"/live/%252e%252e.flv", "", FLV},
	{"/live/a%2fb.flv", "", FLV},
	{"/live/a%2Fb.mp4", "", MP4},
	{"/live/a%252fb.flv", "", FLV},
	{"/live/a%5cb.flv", "", FLV},
	{"/live/a%3Fb.flv", "", FLV},
	{"/live/a%00b.flv", "", FLV},
	{"/live/a%0d%0ab.flv", "", FLV},
	{"/live/%ff.flv", "", FLV},
	{"/live/more-than-20-bytes.flv", "", FLV},

	{"/live", "", FLV},
	{"/live?app=live", "", FLV},
	{"/live?stream=cam", "", FLV},
	{"/live?app=&stream=cam", "", FLV},
	{"/live?app=live&stream=", "", FLV},
	{"/live?app=a&app=b&stream=cam", "", FLV},
	{"/live?app=a&stream=cam&stream=x", "", FLV},
	{"/live?app=live&stream=cam;x", "", FLV},
	{"/live?app=live&stream=%2e%2e", "", FLV},
	{"/live?app=live&stream=../x", "", FLV},
	{"/live?app=live&stream=%252e%252e", "", FLV},
	{"/live?app=live&stream=a%0d%0ab", "", FLV},
	{"/live?app=live&stream=more-than-20-bytes", "", FLV},
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, p := range paths {
		u, err := url.ParseRequestURI(p.path)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := Parse(u)
		if ok != (p.want != "-") {
			t.Errorf("%s asks for a stream: %v", p.path, ok)
		}
		if r.Format != p.format {
			t.Errorf("%s asks for %q", p.path, r.Format)
		}
		if !ok {
			continue
		}
		if key, err := r.Key(20); key != p.want || errors.Is(err, names.ErrBad) != (p.want == "") {
			t.Errorf("%s is %q, %v; want %q", p.path, key, err, p.want)
		}
	}
}
