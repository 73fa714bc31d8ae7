package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/broadcast"
)

// A streamKey names a stream. Lists of streams are in its order.
type streamKey struct{ app, name string }

func keyOf(l *LocalStream) streamKey { return streamKey{l.App, l.Name} }

func (k streamKey) compare(o streamKey) int {
	return cmp.Or(cmp.Compare(k.app, o.app), cmp.Compare(k.name, o.name))
}

// cursor is the key as a parameter: names may contain anything. Callers need not understand it.
func (k streamKey) cursor() string {
	text, _ := json.Marshal([]string{k.app, k.name}) // strings can't fail
	return base64.RawURLEncoding.EncodeToString(text)
}

func streamKeyOf(cursor string) (k streamKey, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return k, false
	}
	var both []string
	if json.Unmarshal(text, &both) != nil || len(both) != 2 {
		return k, false
	}
	return streamKey{both[0], both[1]}, true
}

// Bounds of one page of streams.
const (
	streamsLimit    = 1000 // usual
	streamsMaxLimit = 10_000
)

var streamsQuery = []string{"app", "name", "prefix", "state", "limit", "after"}

// A StreamsAnswer is the body of GET /api/v1/streams.
type StreamsAnswer struct {
	Coverage
	Streams []Stream `json:"streams"`
	Next    string   `json:"next,omitempty"` // where the next page begins; absent on the last
}

// streams lists what matches, a page at a time. A page begins behind a key, not at an index: streams that come and go meanwhile make
// none be left out or shown twice.
func (a *API) streams(w http.ResponseWriter, r *http.Request) {
	q := reader{Values: r.URL.Query()}
	limit := q.number("limit", streamsLimit, 1, streamsMaxLimit)
	state := State(q.oneOf("state", string(StateLive), string(StateWaiting)))
	if _, good := streamKeyOf(q.Get("after")); q.Has("after") && !good {
		q.fail("after is no cursor: it must be what next was in an answer")
	}
	if q.refused(w) {
		return
	}
	ask := pick(q.Values, "app", "name", "prefix", "after")
	if state == "" { // else a worker can't tell how many it takes
		ask.Set("limit", strconv.Itoa(limit+1))
	}
	all, cov := askJSON[[]LocalStream](r.Context(), a, broadcast.Request{Path: pathStreams, RawQuery: ask.Encode()})
	if nobody(w, cov) {
		return
	}
	found := mergeStreams(all)
	if state != "" {
		found = slices.DeleteFunc(found, func(s Stream) bool { return s.State != state })
	}
	ok(w, streamsPage(found, limit, cov))
}

// streamsPage is the first page of so many streams.
func streamsPage(found []Stream, limit int, cov *Coverage) StreamsAnswer {
	out := StreamsAnswer{Coverage: *cov, Streams: found}
	if len(found) > limit {
		out.Streams = found[:limit]
		last := &found[limit-1]
		out.Next = streamKey{last.App, last.Name}.cursor()
	}
	return out
}

// pick returns those of the parameters that are there.
func pick(q url.Values, names ...string) url.Values {
	out := url.Values{}
	for _, name := range names {
		if q.Has(name) {
			out.Set(name, q.Get(name))
		}
	}
	return out
}

// localStreams answers with the streams of this worker that match, in order, up to the limit.
func (a *API) localStreams(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, paged := streamKeyOf(q.Get("after"))
	streams := slices.DeleteFunc(a.opts.Local.Streams(), func(l LocalStream) bool {
		return !matches(q, "app", l.App) || !matches(q, "name", l.Name) || !strings.HasPrefix(l.Name, q.Get("prefix")) ||
			paged && keyOf(&l).compare(after) <= 0
	})
	if limit, err := strconv.Atoi(q.Get("limit")); err == nil && len(streams) > limit {
		slices.SortFunc(streams, func(x, y LocalStream) int { return keyOf(&x).compare(keyOf(&y)) })
		streams = streams[:limit]
	}
	if streams == nil {
		streams = []LocalStream{}
	}
	speak(w, a.self, streams)
}

// matches reports whether a filter, if it is there, asks for just that value.
func matches(q url.Values, name, value string) bool { return !q.Has(name) || q.Get(name) == value }

// A StreamAnswer is the body of GET /api/v1/streams/{app}/{name}.
type StreamAnswer struct {
	Coverage
	Stream Stream `json:"stream"`
}

func (a *API) stream(w http.ResponseWriter, r *http.Request) {
	all, cov := askJSON[[]LocalStream](r.Context(), a, broadcast.Request{Path: pathStreams, RawQuery: ofPath(r).Encode()})
	if found := mergeStreams(all); len(found) > 0 {
		ok(w, StreamAnswer{Coverage: *cov, Stream: found[0]})
		return
	}
	absent(w, cov, "publishes, plays or waits for this stream")
}

// ofPath is the stream that a path names, as a query: a path could not carry a name such as "..".
func ofPath(r *http.Request) url.Values {
	return url.Values{"app": {r.PathValue("app")}, "name": {r.PathValue("name")}}
}

// absent answers that there is no such thing, or, when not all workers answered, that nobody knows.
func absent(w http.ResponseWriter, cov *Coverage, what string) {
	if cov.Complete() {
		problem(w, problemDetails{Status: http.StatusNotFound, Detail: "no worker " + what, Coverage: cov})
		return
	}
	problem(w, problemDetails{
		Status: http.StatusServiceUnavailable, Coverage: cov, Detail: "no worker that answered " + what + ", but not all answered",
	})
}
