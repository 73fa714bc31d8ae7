package httpplay

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

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
	header := http.Header{}
	Origins{ours}.SetHeader(header, asked(http.MethodGet, ours))
	const precise = `video/mp4; codecs="avc1.64001f"`
	file := read(t, append(Head(precise, header, now), "media"...))
	if file.status != http.StatusOK || file.body != "media" || file.length != -1 || !file.last || file.header.Get("Content-Type") != precise {
		t.Errorf("the answer with a stream: %+v", file)
	}
	refusal := read(t, Refusal(http.StatusNotFound, "Nobody.", header, now))
	if refusal.status != http.StatusNotFound || refusal.body != "Nobody.\n" || refusal.length != int64(len(refusal.body)) || !refusal.last ||
		refusal.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the refusal: %+v", refusal)
	}
	for _, a := range []answer{file, refusal} {
		if d := a.header.Get("Date"); d != "Fri, 02 Jan 2026 02:04:05 GMT" {
			t.Errorf("%d: the date is %q", a.status, d)
		}
	}
	w := httptest.NewRecorder()
	Origins{ours}.SetHeader(w.Header(), asked(http.MethodGet, ours))
	Refuse(w, http.StatusBadRequest, "No.")
	for _, h := range []http.Header{file.header, refusal.header, w.Header()} {
		if h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != ours || h.Get("Vary") != "Origin" {
			t.Errorf("%v", h)
		}
	}
	if len(header) != 3 {
		t.Errorf("what all answers have became %v", header)
	}
	if FLV.ContentType() != "video/x-flv" || MP4.ContentType() != "video/mp4" {
		t.Error("content types")
	}
}
