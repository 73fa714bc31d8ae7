package httpflv

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

const suffix = ".flv"

// reserved is the first element of paths that are not streams', whatever they end with.
const reserved = "api"

// Stream returns the app and the name of the stream that a URL asks for: /{app}/{name}.flv, where the app may have slashes of its own. ok is false
// for all other paths.
func Stream(u *url.URL) (app, name string, ok bool) {
	path, isFile := strings.CutSuffix(u.Path, suffix)
	path, isAbsolute := strings.CutPrefix(path, "/")
	if first, _, deeper := strings.Cut(path, "/"); !isFile || !isAbsolute || !deeper || first == reserved {
		return "", "", false
	}
	app, name = names.Split(path)
	return app, name, true
}

// Key returns the key of the stream, as names.Key does. A slash that was escaped in the URL is refused, too: it would be one that others did not
// see.
func Key(u *url.URL, limit int) (string, error) {
	app, name, _ := Stream(u)
	if strings.Count(u.Path, "/") != strings.Count(u.EscapedPath(), "/") {
		return "", fmt.Errorf("%w: the path contains an escaped slash", names.ErrBad)
	}
	return names.Key(app, name, limit)
}
