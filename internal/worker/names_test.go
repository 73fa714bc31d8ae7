package worker

import (
	"errors"
	"strings"
	"testing"
)

func TestStreamKey(t *testing.T) {
	for _, c := range []struct {
		app, name, want string // want "": refused
	}{
		{"live", "cam", "live/cam"},
		{"live", "Kamera Süd", "live/Kamera Süd"},
		{"live/east", "cam", "live/east/cam"},
		{"live", "a..b", "live/a..b"},
		{"live", "50%", "live/50%"},
		{"live", "a%20b", "live/a%20b"},
		{"live", strings.Repeat("n", 95), "live/" + strings.Repeat("n", 95)},
		{"live", strings.Repeat("n", 96), ""},
		{"", "cam", ""},
		{"live", "", ""},
		{"live", "..", ""},
		{"live", "../x", ""},
		{"live", "a//b", ""},
		{"live", "/a", ""},
		{"live", "a%2fb", ""},
		{"live", "a%2Fb", ""},
		{"live", "%2e%2e", ""},
		{"live", "a%00", ""},
		{"live", `a\b`, ""},
		{"live", "a%5cb", ""},
		{"live", "a\x00b", ""},
		{"live", "a\r\nb", ""},
		{"live", "\x1b[31m", ""},
		{"live", "\xff", ""},
		{"li\nve", "cam", ""},
		{"live", "a\u2028b", ""},
		{"live", "a\u202eb", ""},
	} {
		got, err := streamKey(c.app, c.name, 100)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, errName) {
			t.Errorf("streamKey(%q, %q) = %q, %v; want %q", c.app, c.name, got, err, c.want)
		}
	}
}

func FuzzStreamKey(f *testing.F) {
	f.Add("live", "cam")
	f.Add("live", "a%2fb")
	f.Fuzz(func(t *testing.T, app, name string) {
		key, err := streamKey(app, name, 200)
		if err != nil {
			return
		}
		if len(key) > 200 || strings.ContainsAny(key, "\x00\r\n\x1b\\") || strings.Contains(key, "/../") || strings.HasSuffix(key, "/..") {
			t.Errorf("accepted %q", key)
		}
	})
}
