package names

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// keys are apps and stream names with their key; "" where they are refused. The limit is 100 bytes.
var keys = []struct{ app, name, want string }{
	{"live", "cam", "live/cam"},
	{"live", "Kamera Süd", "live/Kamera Süd"},
	{"live/east", "cam", "live/east/cam"},
	{"live", "east/cam", "live/east/cam"},
	{"live", "a..b", "live/a..b"},
	{"live", "...", "live/..."},
	{"live", "mp4:cam#1&x=y;z", "live/mp4:cam#1&x=y;z"},
	{"live", strings.Repeat("n", 95), "live/" + strings.Repeat("n", 95)},
	{"live", strings.Repeat("n", 96), ""},
	{strings.Repeat("a", 99), "cam", ""},
	{"", "cam", ""},
	{"live", "", ""},

	// a path
	{"live", ".", ""},
	{"live", "..", ""},
	{"live", "../x", ""},
	{"live", "x/../y", ""},
	{"live", "a//b", ""},
	{"live", "/a", ""},
	{"live", "a/", ""},
	{"/live", "cam", ""},
	{"..", "cam", ""},
	{"live", `a\b`, ""},

	// a URL
	{"live", "cam?x=y", ""},
	{"live?x", "cam", ""},

	// a log, a terminal
	{"live", "a\x00b", ""},
	{"live", "a\r\nb", ""},
	{"li\nve", "cam", ""},
	{"live", "\x1b[31m", ""},
	{"live", "a\u0085b", ""},
	{"live", "a\u2028b", ""},
	{"live", "a\u202eb", ""},
	{"live", "\xff", ""},
	{"live", "\xc0\xaf", ""},
	{"live", "\xed\xa0\x80", ""},

	// percent escapes
	{"live", "50%", "live/50%"},
	{"live", "50%x", "live/50%x"},
	{"live", "%", "live/%"},
	{"live", "%4", "live/%4"},
	{"live", "%+1", "live/%+1"},
	{"live", "a%20b", "live/a%20b"},
	{"live", "S%c3%bcd", "live/S%c3%bcd"},
	{"live", "100%25", "live/100%25"},
	{"live", "a%2fb", ""},
	{"live", "a%2Fb", ""},
	{"li%2fve", "cam", ""},
	{"live", "%2e%2e", ""},
	{"live", ".%2e", ""},
	{"live", "a/%2e./b", ""},
	{"live", "a%00", ""},
	{"live", "a%0d%0ab", ""},
	{"live", "a%1b[31m", ""},
	{"live", "a%5cb", ""},
	{"live", "a%3fb", ""},
	{"live", "%ff", ""},
	{"live", "%c0%af", ""},
	{"live", "50%%2f", ""},     // of which a strict decoder decodes nothing
	{"live", "a%2fb%zz", ""},   // "
	{"live", "a%252fb", ""},    // twice
	{"live", "a%25252fb", ""},  // three times
	{"live", "a%2525b", ""},    // twice, and harmless
	{"live", "a%25%32fb", ""},  // twice, in pieces
	{"live", "a%2%66b", ""},    // "
	{"live", "a%%32%66b", ""},  // "
	{"live", "%25%32%65.", ""}, // "
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, c := range keys {
		got, err := Key(c.app, c.name, 100)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrBad) {
			t.Errorf("Key(%q, %q) = %q, %v; want %q", c.app, c.name, got, err, c.want)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Key(%q, %q): the error %q carries the name", c.app, c.name, err)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, app, name string }{
		{"live/cam", "live", "cam"},
		{"live/east/cam", "live/east", "cam"},
		{"live", "", "live"},
		{"live/", "live", ""},
		{"/cam", "", "cam"},
		{"", "", ""},
	} {
		if app, name := Split(c.key); app != c.app || name != c.name {
			t.Errorf("Split(%q) = %q, %q; want %q, %q", c.key, app, name, c.app, c.name)
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, c := range keys {
		f.Add(c.app, c.name)
	}
	f.Fuzz(func(t *testing.T, app, name string) {
		const limit = 100
		key, err := Key(app, name, limit)
		if err != nil {
			if key != "" || !errors.Is(err, ErrBad) {
				t.Errorf("Key(%q, %q) = %q, %v", app, name, key, err)
			}
			return
		}
		if key != app+"/"+name || len(key) > limit {
			t.Errorf("Key(%q, %q) = %q", app, name, key)
		}
		harmless(t, key, key)
		splitsBack(t, key, limit)
	})
}

var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// harmless fails the test if a reader of the key, who unescapes it as often as they like, gets at something dangerous.
func harmless(t *testing.T, key, seen string) {
	t.Helper()
	if !utf8.ValidString(seen) || strings.ContainsFunc(seen, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) }) {
		t.Errorf("%q is read as %q: not printable", key, seen)
	}
	if strings.ContainsAny(seen, `\?`) || strings.Count(seen, "/") != strings.Count(key, "/") {
		t.Errorf("%q is read as %q: a separator too many", key, seen)
	}
	if slashed := "/" + seen + "/"; strings.Contains(slashed, "//") || strings.Contains(slashed, "/./") || strings.Contains(slashed, "/../") {
		t.Errorf("%q is read as %q: another path", key, seen)
	}
	next := escape.ReplaceAllStringFunc(seen, func(e string) string {
		c, err := url.PathUnescape(e)
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	if next != seen {
		harmless(t, key, next)
	}
}

// splitsBack fails the test unless the key is one stream with one app, wherever a client cuts it.
func splitsBack(t *testing.T, key string, limit int) {
	t.Helper()
	app, name := Split(key)
	if app == "" || name == "" || strings.Contains(name, "/") || app+"/"+name != key {
		t.Errorf("Split(%q) = %q, %q", key, app, name)
	}
	for i := range key {
		if key[i] != '/' {
			continue
		}
		if again, err := Key(key[:i], key[i+1:], limit); again != key || err != nil {
			t.Errorf("Key(%q, %q) = %q, %v; want %q", key[:i], key[i+1:], again, err, key)
		}
	}
}
