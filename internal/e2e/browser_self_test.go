package e2e

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// The browser of these tests sees what is wrong with a page.
func TestBrowser(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "img-src 'self' data:")
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><meta name=viewport content="width=device-width"><link rel=icon href="data:,"><input id=in autofocus><img src="http://example.com/a.png">`))
	}))
	t.Cleanup(site.Close)
	b := openBrowser(t)
	b.viewport(400, 800, true)
	b.prefer("prefers-color-scheme", "dark")
	b.open(site.URL)
	if got := evaluate[[]int](b, "[innerWidth, innerHeight, devicePixelRatio]"); !slices.Equal(got, []int{400, 800, 2}) {
		t.Errorf("viewport is %v", got)
	}
	if !evaluate[bool](b, "matchMedia('(prefers-color-scheme: dark)').matches") {
		t.Error("the scheme is not dark")
	}
	b.click("#in")
	b.press("h", "i", kb.Backspace)
	b.awaitJS(t, soon, "typed text", "document.querySelector('#in').value === 'h'")
	evaluate[any](b, `fetch("http://example.com/").catch(() => null)`)
	evaluate[any](b, `fetch("/none").then(() => 1)`)
	evaluate[any](b, `(console.error("oh"), setTimeout(() => { throw new Error("thrown") }), 0)`)
	wants := []string{
		"security error:.*example.com/a.png", "request to another host: http://example.com/a.png", "request failed: csp: http://example.com/a.png",
		"request to another host: http://example.com/$", "request failed: net::ERR_NAME_NOT_RESOLVED: http://example.com/$",
		"status 404: .*/none", `console.error: "oh"`, "exception: .*thrown",
	}
	for _, want := range wants {
		pattern := regexp.MustCompile(want)
		waitFor(t, soon, want, func() string {
			problems := b.unexpected()
			if slices.ContainsFunc(problems, pattern.MatchString) {
				return ""
			}
			return strings.Join(problems, "\n")
		})
		b.expect(want)
	}
}
