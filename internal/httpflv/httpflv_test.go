package httpflv

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// paths are what is asked for, with the stream's key; "" where it is refused, and "-" where no stream is asked for. The limit is 20 bytes.
var paths = []struct{ path, want string }{
	{"/live/cam.flv", "live/cam"},
	{"/live/east/cam.flv", "live/east/cam"},
	{"/live/cam.flv.flv", "live/cam.flv"},
	{"/live/Kamera%20S%C3%BCd.flv", "live/Kamera Süd"},
	{"/live/50%25.flv", "live/50%"},
	{"/live/cam.flv?token=x", "live/cam"},
	{"/apis/cam.flv", "apis/cam"},

	{"/", "-"},
	{"/cam.flv", "-"},
	{"/live/cam", "-"},
	{"/live/cam.FLV", "-"},
	{"/live/cam.flv/", "-"},
	{"/api/v1/streams/live/cam.flv", "-"},
	{"/api/cam.flv", "-"},
	{"*", "-"},

	{"//cam.flv", ""},
	{"/live/.flv", ""},
	{"/live//cam.flv", ""},
	{"/live/../cam.flv", ""},
	{"/live/%2e%2e.flv", ""},
	{"/live/%252e%252e.flv", ""},
	{"/live/a%2fb.flv", ""},
	{"/live/a%2Fb.flv", ""},
	{"/live/a%252fb.flv", ""},
	{"/live/a%5cb.flv", ""},
	{"/live/a%3Fb.flv", ""},
	{"/live/a%00b.flv", ""},
	{"/live/a%0d%0ab.flv", ""},
	{"/live/%ff.flv", ""},
	{"/live/more-than-20-bytes.flv", ""},
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, p := range paths {
		u, err := url.ParseRequestURI(p.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := Stream(u); ok != (p.want != "-") {
			t.Errorf("%s asks for a stream: %v", p.path, ok)
		} else if !ok {
			continue
		}
		if key, err := Key(u, 20); key != p.want || errors.Is(err, names.ErrBad) != (p.want == "") {
			t.Errorf("%s is %q, %v; want %q", p.path, key, err, p.want)
		}
	}
}

// An answer is what a client reads of one.
type answer struct {
	status int
	header http.Header
	body   string
	length int64 // as the header says; -1 when it doesn't
	last   bool  // on its connection
}

func read(t *testing.T, b []byte) answer {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.StatusCode, r.Header, string(body), r.ContentLength, r.Close}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	file := read(t, append(Head(now), "FLV…"...))
	if file.status != http.StatusOK || file.body != "FLV…" || file.length != -1 || !file.last || file.header.Get("Content-Type") != "video/x-flv" {
		t.Errorf("the answer with a file: %+v", file)
	}
	refusal := read(t, Refusal(http.StatusNotFound, "Nobody.", now))
	if refusal.status != http.StatusNotFound || refusal.body != "Nobody.\n" || refusal.length != int64(len(refusal.body)) || !refusal.last {
		t.Errorf("the refusal: %+v", refusal)
	}
	for _, a := range []answer{file, refusal} {
		if d := a.header.Get("Date"); d != "Fri, 02 Jan 2026 02:04:05 GMT" {
			t.Errorf("%d: the date is %q", a.status, d)
		}
	}
	w := httptest.NewRecorder()
	Refuse(w, http.StatusBadRequest, "No.")
	for _, h := range []http.Header{file.header, refusal.header, w.Header()} {
		if h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%v", h)
		}
	}
}
