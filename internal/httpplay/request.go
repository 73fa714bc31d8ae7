package httpplay

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/internal/names"
)

// A Format is what a stream is sent as: what its path ends with.
type Format string

// The formats.
const (
	FLV Format = ".flv"
	MP4 Format = ".mp4" // fragmented
)

// ContentType is what the format is sent as. That of MP4 is more precise when the stream's codecs are known.
func (f Format) ContentType() string {
	if f == MP4 {
		return "video/mp4"
	}
	return "video/x-flv"
}

// alias is the path by which a stream is asked for as FLV with its names in the query, as other servers have it: /live?app=live&stream=cam.
const alias = "/live"

// reserved are the first elements of paths that are not streams', whatever they end with.
var reserved = map[string]bool{
	"api": true, "broadcast": true, "console": true, "control": true, "debug": true, "healthz": true, "internal": true, "metrics": true,
	"readyz": true, "stat": true, "workers": true,
}

// A Request asks for a stream.
type Request struct {
	Format    Format
	app, name string
	fault     string // what is wrong with it, whatever the names are
}

// Parse tells what stream a URL asks for: /{app}/{name}.flv or .mp4, where the app may have slashes of its own, or the alias. ok is false for all
// other paths.
func Parse(u *url.URL) (r Request, ok bool) {
	if u.Path == alias {
		return parseAlias(u), true
	}
	path, isAbsolute := strings.CutPrefix(u.Path, "/")
	if first, _, deeper := strings.Cut(path, "/"); !isAbsolute || !deeper || reserved[first] {
		return r, false
	}
	for _, f := range []Format{FLV, MP4} {
		stream, ok := strings.CutSuffix(path, string(f))
		if !ok {
			continue
		}
		r.Format = f
		r.app, r.name = names.Split(stream)
		if strings.Count(u.Path, "/") != strings.Count(u.EscapedPath(), "/") { // it would be one that others did not see
			r.fault = "the path contains an escaped slash"
		}
		return r, true
	}
	return r, false
}

func parseAlias(u *url.URL) Request {
	r := Request{Format: FLV}
	query, err := url.ParseQuery(u.RawQuery)
	if app, name := query["app"], query["stream"]; err == nil && len(app) == 1 && len(name) == 1 {
		r.app, r.name = app[0], name[0]
	} else {
		r.fault = "the query needs app and stream, once each"
	}
	return r
}

// Key returns the key of the stream, as names.Key does.
func (r *Request) Key(limit int) (string, error) {
	if r.fault != "" {
		return "", fmt.Errorf("%w: %s", names.ErrBad, r.fault)
	}
	return names.Key(r.app, r.name, limit)
}
