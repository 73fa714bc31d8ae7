package console

import (
	"cmp"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T) *Console {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ask returns nil where there is no such file.
func ask(t *testing.T, method, name string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/console/"+name, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if !open(t).Serve(w, r, name) {
		return nil
	}
	return w
}

// Every file in the folder is served, as what it is, and with headers that keep everything else out.
func TestFiles(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{""}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	wantTypes := map[string]string{"": "text/html; charset=utf-8", ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	for _, name := range names {
		w := ask(t, http.MethodGet, name)
		if w == nil || w.Code != http.StatusOK {
			t.Errorf("%q is not served", name)
			continue
		}
		onDisk, err := os.ReadFile(filepath.Join("static", cmp.Or(name, "index.html")))
		if err != nil || w.Body.String() != string(onDisk) {
			t.Errorf("%q: other content than the file's (%v)", name, err)
		}
		for header, want := range map[string]string{
			"Content-Type":                 wantTypes[filepath.Ext(name)],
			"Content-Security-Policy":      Policy,
			"Cache-Control":                "no-cache",
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%q: %s is %q, want %q", name, header, got, want)
			}
		}
	}
	for _, name := range []string{"none.js", "static/index.html", "../console.go", "static", "/", "."} {
		if w := ask(t, http.MethodGet, name); w != nil {
			t.Errorf("%q is served: %d", name, w.Code)
		}
	}
}

// A browser that has a file asks whether it is still the same.
func TestNotModified(t *testing.T) {
	t.Parallel()
	tag := ask(t, http.MethodGet, "main.js").Header().Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	if w := ask(t, http.MethodGet, "main.js", "If-None-Match", tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("status %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := ask(t, http.MethodGet, "dom.js", "If-None-Match", tag); w.Code != http.StatusOK {
		t.Errorf("another file has the same ETag: status %d", w.Code)
	}
	if w := ask(t, http.MethodHead, "main.js"); w.Header().Get("Content-Length") == "" || w.Body.Len() > 0 {
		t.Errorf("HEAD: %v, %d bytes", w.Header(), w.Body.Len())
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	want := []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "media-src 'self' blob:",
		"connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}
	if got := strings.Split(Policy, "; "); !slices.Equal(got, want) {
		t.Errorf("policy is %q", got)
	}
}

// sources are the files' contents by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(static, "static", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(static, path)
		found[e.Name()] = string(content)
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d files: %v", len(found), err)
	}
	return found
}

// What the policy would block, and what would make text into markup.
var forbidden = []*regexp.Regexp{
	regexp.MustCompile(`(?i)["'(= ]//[a-z0-9]`),
	regexp.MustCompile(`@import|\burl\(`),
	regexp.MustCompile(`(?i)<script(?: type="\w+")?>|\son\w+="|<style|\sstyle=`),
	regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|javascript:`),
}

// xmlns names a language and is never fetched.
var namespaces = regexp.MustCompile(`"http://www\.w3\.org/(2000/svg|1999/xhtml)"`)

// The page works where there is no internet, and shows hostile names as they are.
func TestNothingForeignOrInline(t *testing.T) {
	t.Parallel()
	for name, source := range sources(t) {
		source = namespaces.ReplaceAllString(source, "")
		if i := strings.Index(source, "://"); i >= 0 {
			t.Errorf("%s has a URL: …%s…", name, source[max(0, i-20):min(len(source), i+20)])
		}
		for _, pattern := range forbidden {
			if found := pattern.FindString(source); found != "" {
				t.Errorf("%s has %q", name, found)
			}
		}
	}
}
