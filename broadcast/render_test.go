package broadcast

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

var (
	good    = Answer{Status: 200, Body: []byte("a")}
	created = Answer{Status: 201}
	absent  = Answer{Status: 404, Body: []byte("no")}
	broken  = Answer{Status: 500}
	moved   = Answer{Status: 302}
	late    = Answer{Err: ErrTimeout}
	gone    = Answer{Err: ErrUnreachable}
)

// numbered gives the answers the numbers of workers.
func numbered(answers ...Answer) []Answer {
	for i := range answers {
		answers[i].Worker = i
	}
	return answers
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []Answer
		want    int
	}{
		{"all", []Answer{good, good}, 200},
		{"all, each its own", []Answer{good, created}, 200},
		{"one is late", []Answer{good, late}, 207},
		{"one has no such thing", []Answer{absent, good}, 207},
		{"nobody has such a thing", []Answer{absent, absent}, 404},
		{"all are broken", []Answer{broken, broken}, 500},
		{"nobody has it, one is late", []Answer{absent, late}, 502},
		{"late, then broken", []Answer{late, broken}, 502},
		{"each fails otherwise", []Answer{absent, broken}, 502},
		{"and again as before", []Answer{absent, broken, absent}, 502},
		{"all send elsewhere", []Answer{moved, moved}, 502},
		{"nobody answers well", []Answer{late, {Err: ErrBadAnswer}}, 502},
		{"nobody answers briefly", []Answer{{Err: ErrTooLarge}, late}, 502},
		{"nobody answers what can be merged", []Answer{{Err: ErrBadBody}}, 502},
		{"nobody answers", []Answer{late, gone}, 503},
		{"no workers", nil, 503},
	} {
		answers := numbered(tt.answers...)
		if got := Status(answers); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		ok := 0
		for _, a := range answers {
			if a.Err == nil && a.Status/100 == 2 {
				ok++
			}
		}
		for _, how := range []Rendering{List, Concat} {
			out := Render(how, answers)
			if out.Status != tt.want {
				t.Errorf("%s, %s: %d, want %d", tt.name, how, out.Status, tt.want)
			}
			checkCounts(t, out, len(answers), ok)
		}
	}
}

// checkCounts looks at what every rendering has.
func checkCounts(t testing.TB, out Rendered, expected, answered int) {
	t.Helper()
	h := out.Header
	if h.Get(HeaderExpected) != strconv.Itoa(expected) || h.Get(HeaderAnswered) != strconv.Itoa(answered) {
		t.Errorf("%s of %s, want %d of %d", h.Get(HeaderAnswered), h.Get(HeaderExpected), answered, expected)
	}
	if named := len(strings.Split(h.Get(HeaderErrors), ", ")); expected > answered && named != expected-answered || expected == answered && h.Get(HeaderErrors) != "" {
		t.Errorf("%d of %d, named are %q", answered, expected, h.Get(HeaderErrors))
	}
	if h.Get("Content-Length") != strconv.Itoa(len(out.Body)) || h.Get("Content-Type") == "" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("header %v", h)
	}
	if whole := out.Status == http.StatusOK; whole != (expected == answered && expected > 0) {
		t.Errorf("status %d for %d of %d", out.Status, answered, expected)
	}
}

func TestRenderList(t *testing.T) {
	typed := func(contentType, body string) Answer {
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return Answer{Status: 200, Header: h, Body: []byte(body)}
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	answers := numbered(
		typed("application/json; charset=utf-8", "{\"a\": 1.10}\n"),
		typed("application/problem+json", `[]`),
		typed("", `"x"`),
		typed("text/plain; charset=utf-8", "42"),
		typed("application/json", "{oops"),
		typed("video/x-flv", "FLV\x01\xff"),
		typed("text/plain", ""),
		absent,
		late,
		typed("", "plain <b>"),
		typed("application/json", deep),
		typed("text/\xff", "é"),
		Answer{Err: errors.Join(ErrUnreachable, errors.New("\xff"))},
	)
	out := RenderList(answers)
	want := []string{
		`{"worker":0,"status":200,"content_type":"application/json; charset=utf-8","body":{"a":1.10}}`,
		`{"worker":1,"status":200,"content_type":"application/problem+json","body":[]}`,
		`{"worker":2,"status":200,"body":"x"}`,
		`{"worker":3,"status":200,"content_type":"text/plain; charset=utf-8","body":"42"}`,
		`{"worker":4,"status":200,"content_type":"application/json","body":"{oops"}`,
		`{"worker":5,"status":200,"content_type":"video/x-flv","body":"RkxWAf8=","encoding":"base64"}`,
		`{"worker":6,"status":200,"content_type":"text/plain"}`,
		`{"worker":7,"status":404,"body":"no","error":"answered with status 404","reason":"status"}`,
		`{"worker":8,"error":"no answer in time","reason":"timeout"}`,
		`{"worker":9,"status":200,"body":"plain <b>"}`,
		`{"worker":10,"status":200,"content_type":"application/json","body":"` + deep + `"}`,
		`{"worker":11,"status":200,"content_type":"text/` + "�" + `","body":"é"}`,
		`{"worker":12,"error":"cannot be reached\n\ufffd","reason":"unreachable"}`,
	}
	var got []json.RawMessage
	if err := json.Unmarshal(out.Body, &got); err != nil || len(got) != len(want) {
		t.Fatalf("%d of %d: %v in %s", len(got), len(want), err, out.Body)
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("worker %d:\n%s, want\n%s", i, got[i], want[i])
		}
	}
	if empty := RenderList(nil); string(empty.Body) != "[]\n" {
		t.Errorf("no workers: %s", empty.Body)
	}
}

func TestRenderConcat(t *testing.T) {
	text := func(body string) Answer {
		return Answer{Status: 200, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(body)}
	}
	page := text("<p>")
	page.Header = http.Header{"Content-Type": {"text/html"}}
	packed := text("packed")
	packed.Header = http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}}
	for _, tt := range []struct {
		name       string
		answers    []Answer
		body, kind string
		errors     string
	}{
		{"all", []Answer{text("a\n"), text("b"), text("c")}, "a\nbc", "text/plain", ""},
		{"nothing of those that fail", []Answer{text("a"), late, absent, broken, text("b")}, "ab", "text/plain", "1=timeout, 2=status, 3=status"},
		{"kinds differ", []Answer{text("a"), page, text("a")}, "a<p>a", "application/octet-stream", ""},
		{"kinds are the same again", []Answer{text("a"), text(""), page}, "a<p>", "application/octet-stream", ""},
		{"no kind", []Answer{good, good}, "aa", "application/octet-stream", ""},
		{"no kind and one", []Answer{good, text("a")}, "aa", "application/octet-stream", ""},
		{"empty", []Answer{text(""), created}, "", "application/octet-stream", ""},
		{"compressed", []Answer{text("a"), packed}, "a", "text/plain", "1=bad_answer"},
		{"none", []Answer{late}, "", "application/octet-stream", "0=timeout"},
	} {
		out := RenderConcat(numbered(tt.answers...))
		if string(out.Body) != tt.body || out.Header.Get("Content-Type") != tt.kind || out.Header.Get(HeaderErrors) != tt.errors {
			t.Errorf("%s: %q %v", tt.name, out.Body, out.Header)
		}
		if tt.errors == "" != (out.Status == http.StatusOK) {
			t.Errorf("%s: status %d", tt.name, out.Status)
		}
	}
}
