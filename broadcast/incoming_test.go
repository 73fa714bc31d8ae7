package broadcast

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFromRequest(t *testing.T) {
	r := httptest.NewRequest(http.MethodPut, "http://edge.example:8080/a%2Fb/c?x=1&x=%20", strings.NewReader("body"))
	r.RemoteAddr = "192.0.2.7:4711"
	for name, value := range map[string]string{
		"Accept": "a", "X-End-To-End": "1", "If-Match": `"1"`, "If-None-Match": "*", "Content-Type": "text/plain",
		"Connection": "X-Hop, Keep-Alive", "X-Hop": "1", "Keep-Alive": "1", "Te": "trailers", "Upgrade": "websocket",
		"Authorization": "Bearer secret", "Cookie": "secret", "Proxy-Authorization": "secret",
		"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https", "Forwarded": "for=10.0.0.1", "X-Real-Ip": "10.0.0.1",
		"Range": "bytes=0-1", "If-Range": "x", "Accept-Encoding": "gzip",
	} {
		r.Header.Set(name, value)
	}
	got, err := FromRequest(r, 4)
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPut || got.Path != "/a%2Fb/c" || got.RawQuery != "x=1&x=%20" || string(got.Body) != "body" {
		t.Errorf("request %+v", got)
	}
	want := map[string]string{
		"Accept": "a", "X-End-To-End": "1", "If-Match": `"1"`, "If-None-Match": "*", "Content-Type": "text/plain",
		"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "edge.example:8080", "X-Forwarded-Proto": "http",
	}
	for name, value := range want {
		if v := got.Header.Values(name); len(v) != 1 || v[0] != value {
			t.Errorf("%s: %q, want %q", name, v, value)
		}
	}
	if len(got.Header) != len(want) {
		t.Errorf("passed on are %v", got.Header)
	}
	if r.Header.Get("Cookie") == "" || r.Header.Get("X-Forwarded-For") != "10.0.0.1" {
		t.Error("the header of the request itself was changed")
	}
}

func TestFromRequestOfGet(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://edge.example/", http.NoBody)
	r.RemoteAddr = "@" // a unix socket's peer
	r.Header.Set("If-None-Match", "x")
	r.Header.Set("If-Modified-Since", "x")
	r.Header.Set("X-Forwarded-For", "10.0.0.1")
	got, err := FromRequest(r, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Header) != 2 || got.Header.Get("X-Forwarded-Proto") != "https" || got.Header.Get("X-Forwarded-Host") != "edge.example" {
		t.Errorf("passed on are %v", got.Header)
	}
}

func TestFromRequestRefuses(t *testing.T) {
	unread := func() io.Reader {
		return iotest.ErrReader(errors.New("read"))
	}
	for _, tt := range []struct {
		name   string
		body   io.Reader
		length int64
		header string
		want   error
		status int
	}{
		{"too large, as it says", unread(), 11, "", ErrTooLarge, 413},
		{"too large, without a word", strings.NewReader("12345678901"), -1, "", ErrTooLarge, 413},
		{"broken off", iotest.ErrReader(io.ErrUnexpectedEOF), -1, "", ErrBadRequest, 400},
		{"part of a broadcast", unread(), 1, Header, ErrLoop, 508},
		{"as large as may be", strings.NewReader("1234567890"), -1, "", nil, 0},
		{"proxied", http.NoBody, 0, ProxyHeader, nil, 0},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", tt.body)
		r.ContentLength = tt.length
		if tt.header != "" {
			r.Header.Set(tt.header, "")
		}
		_, err := FromRequest(r, 10)
		if !errors.Is(err, tt.want) || tt.want != nil && StatusOf(err) != tt.status {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
