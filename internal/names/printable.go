package names

import (
	"strings"
	"unicode"
)

// Printable makes a text of a peer's fit for a log, a terminal and an answer: what is not printable becomes U+FFFD, and what is beyond limit bytes is
// cut off.
func Printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune { // also turns invalid UTF-8 into U+FFFD
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s[:min(len(s), limit)])
	for len(s) > limit { // what was replaced has grown
		s = s[:strings.LastIndexFunc(s, func(rune) bool { return true })]
	}
	return s
}
