package names

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"FMLE/3.0 (compatible)":   "FMLE/3.0 (compatible)",
		"Größe 日本":                "Größe 日本",
		"a\x7fb\x1b[2J":           "a\ufffdb\ufffd[2J",
		"c1 \u009b2J\u202e":       "c1 \ufffd2J\ufffd",
		"\xff\xfe":                "\ufffd\ufffd",
		"line\r\nline\x00":        "line\ufffd\ufffdline\ufffd",
		strings.Repeat("x", 41):   strings.Repeat("x", 40),
		strings.Repeat("ö", 21):   strings.Repeat("ö", 20),
		strings.Repeat("\x1b", 9): strings.Repeat("\ufffd", 9),
		strings.Repeat("\n", 40):  strings.Repeat("\ufffd", 13),
	} {
		got := Printable(in, 40)
		if got != want || len(got) > 40 || !utf8.ValidString(got) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
