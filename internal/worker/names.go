package worker

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errName is a stream name, or app, that is refused. The text behind it is for the client.
var errName = errors.New("bad stream name")

// streamKey returns the key of a stream, app/name. It refuses what is empty, too long, or would be dangerous in a path, a log or a terminal:
// the key goes to all three.
func streamKey(app, name string, limit int) (string, error) {
	if err := checkName("app", app); err != nil {
		return "", err
	}
	if err := checkName("stream name", name); err != nil {
		return "", err
	}
	key := app + "/" + name
	if len(key) > limit {
		return "", fmt.Errorf("%w: app and stream name have %d bytes, at most %d are allowed", errName, len(key), limit)
	}
	return key, nil
}

func checkName(what, s string) error {
	if s == "" {
		return fmt.Errorf("%w: the %s is empty", errName, what)
	}
	if bad := badIn(s); bad != "" {
		return fmt.Errorf("%w: the %s contains %s", errName, what, bad)
	}
	decoded, err := url.PathUnescape(s)
	if err == nil && decoded != s && (badIn(decoded) != "" || strings.Count(decoded, "/") != strings.Count(s, "/")) {
		return fmt.Errorf("%w: the %s contains a forbidden percent encoding", errName, what)
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
	}
	for _, part := range strings.Split(s, "/") {
		if part == "" || part == "." || part == ".." {
			return "an empty path element, . or .."
		}
	}
	return ""
}
