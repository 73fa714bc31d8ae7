package names

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrBad is an app or a stream name that is refused. The text behind it says why, is fit for the client, and has nothing of the name in it.
var ErrBad = errors.New("bad stream name")

// Key returns the key of a stream, app/name, of at most limit bytes. It refuses what is empty, too long, or would be dangerous in a path, a
// log, a terminal or a URL: keys get to all of them.
//
// Names are compared byte by byte and nothing in them is ever unescaped here, but others may do it with what we tell them. So percent
// escapes may not hide what is refused in plain, and there is one layer of them: what has escapes after it was unescaped ("%252f") is
// refused.
func Key(app, name string, limit int) (string, error) {
	if n := len(app) + len("/") + len(name); n > limit {
		return "", fmt.Errorf("%w: app and stream name have %d bytes, at most %d are allowed", ErrBad, n, limit)
	}
	if err := check("app", app); err != nil {
		return "", err
	}
	if err := check("stream name", name); err != nil {
		return "", err
	}
	return app + "/" + name, nil
}

// Split cuts a key at its last slash: into the app under whose rules the stream is, and its name there. The app that the client sent is not
// for looking up rules: it may be shorter.
func Split(key string) (app, name string) {
	i := strings.LastIndexByte(key, '/')
	if i < 0 {
		return "", key
	}
	return key[:i], key[i+1:]
}

func check(what, s string) error {
	if s == "" {
		return fmt.Errorf("%w: the %s is empty", ErrBad, what)
	}
	if bad := badIn(s); bad != "" {
		return fmt.Errorf("%w: the %s contains %s", ErrBad, what, bad)
	}
	plain := unescape(s)
	if plain == s {
		return nil
	}
	if badIn(plain) != "" || strings.Count(plain, "/") != strings.Count(s, "/") || unescape(plain) != plain {
		return fmt.Errorf("%w: the %s contains a forbidden percent encoding", ErrBad, what)
	}
	return nil
}

// badIn names what is wrong with s, if anything is.
func badIn(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "invalid UTF-8"
	case strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
		return "a character that is not printable"
	case strings.Contains(s, `\`):
		return "a backslash"
	case strings.Contains(s, "?"): // where a URL's query begins: no client could ask for the name
		return "a question mark"
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." {
			return "an empty path element, . or .."
		}
	}
	return ""
}

// unescape decodes the percent escapes of s once. What is none stays as it is: lenient decoders do that, and the strict ones refuse all of
// s, in "50%%2f" too.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	plain := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c = byte(n)
				i += 2
			}
		}
		plain = append(plain, c)
	}
	return string(plain)
}
