package broadcast

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// DefaultBodyTimeout is how long a client may take to send the body of a request, see HandlerOptions.
const DefaultBodyTimeout = 10 * time.Second

// HandlerOptions of Group.Handler. A zero field means the default.
type HandlerOptions struct {
	// Prefix is cut from the front of the escaped path, such as "/broadcast"; what is left must begin with a slash. The default
	// cuts nothing.
	Prefix string
	// Expected is how many workers there should be: 0 to Expected()-1 must answer, whether or not the group lists them. The default expects
	// those that the group lists.
	Expected func() int
	// BodyTimeout is how long the client may take to send the body of its request.
	BodyTimeout time.Duration
	// Error answers where there is no answer of the workers to give: the request can't be passed on, or Concat is asked for and nobody
	// answered with a success. The header has HeaderExpected and its siblings in the latter case. The default writes a line of text.
	Error func(http.ResponseWriter, *http.Request, *PassError)
	// Observe is called with the request and the answers of all workers, before they are rendered. It must not change them.
	Observe func(*http.Request, []Answer)
}

// Handler returns what sends each request that it gets to all workers, and answers for all of them.
//
// What is sent is FromRequest's, with the mark ProxyHeader. The answer is rendered as the argument "as" of the query says, which
// is not passed on: list, json or concat. Without it, Concat is for those whose Accept prefers text/plain to application/json, and List
// for everybody else. Status tells its status: it is 200 only if every worker answered with a success. HEAD asks all workers with HEAD, and answers with
// a header alone; what the bodies would be is not looked at.
//
// A request that is itself part of a broadcast is refused with 508; an unknown or repeated "as", with 400; a path outside Prefix, with 404; a body
// that is too large, with 413; one that doesn't come in time, with 408.
func (g *Group) Handler(o HandlerOptions) http.Handler {
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = DefaultBodyTimeout
	}
	if o.Error == nil {
		o.Error = func(w http.ResponseWriter, r *http.Request, f *PassError) { f.respond(w, r) }
	}
	return &handler{g, o}
}

type handler struct {
	group *Group
	opts  HandlerOptions
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	how, req, err := h.read(w, r)
	if err != nil {
		var f *PassError
		if !errors.As(err, &f) {
			f = &PassError{Status: StatusOf(err), Err: err}
		}
		h.opts.Error(w, r, f)
		return
	}
	answers := h.group.Do(r.Context(), req)
	if h.opts.Expected != nil {
		answers = withMissing(answers, h.opts.Expected())
	}
	if h.opts.Observe != nil {
		h.opts.Observe(r, answers)
	}
	out := h.render(how, r.Method, answers)
	maps.Copy(w.Header(), out.Header)
	if how == Concat && out.Status >= http.StatusBadRequest {
		for _, name := range []string{"Content-Type", "Content-Length"} {
			w.Header().Del(name)
		}
		h.opts.Error(w, r, &PassError{Status: out.Status, Err: noSuccess(answers), Answers: answers})
		return
	}
	w.WriteHeader(out.Status)
	if len(out.Body) > 0 {
		_, _ = w.Write(out.Body)
	}
}

// read makes of r what is sent to all. An error that is no PassError has the status of StatusOf.
func (h *handler) read(w http.ResponseWriter, r *http.Request) (Rendering, Request, error) {
	path, ok := cutPrefix(r.URL.EscapedPath(), h.opts.Prefix)
	if !ok {
		return "", Request{}, &PassError{Status: http.StatusNotFound, Err: fmt.Errorf("%w: not under %s/", ErrBadRequest, h.opts.Prefix)}
	}
	how, query, err := choose(r)
	if err != nil {
		return "", Request{}, err
	}
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Now().Add(h.opts.BodyTimeout)) // not every ResponseWriter can
	req, err := FromRequest(r, h.group.opts.MaxBody)
	if err != nil {
		return "", Request{}, err // the deadline stays: the rest of the body is not waited for
	}
	_ = deadlines.SetReadDeadline(time.Time{})
	req.Path, req.RawQuery = path, query
	req.Header.Set(ProxyHeader, "1")
	_, err = req.prepare(h.group.opts.MaxBody)
	return how, req, err
}

// cutPrefix cuts a prefix from an escaped path. What is left must be a path, too.
func cutPrefix(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	return rest, ok && strings.HasPrefix(rest, "/")
}

func (h *handler) render(how Rendering, method string, answers []Answer) Rendered {
	if method != http.MethodHead {
		return Render(how, answers)
	}
	out := RenderList(answers)
	out.Body = nil
	out.Header.Del("Content-Length") // of another body than GET has
	if how == Concat {
		out.Header.Del("Content-Type")
	}
	return out
}

// withMissing adds those of the workers 0 to expected-1 that are not among the answers.
func withMissing(answers []Answer, expected int) []Answer {
	for n := range expected {
		if !slices.ContainsFunc(answers, func(a Answer) bool { return a.Worker == n }) {
			answers = append(answers, Answer{Worker: n, Err: ErrMissing})
		}
	}
	slices.SortStableFunc(answers, func(a, b Answer) int { return a.Worker - b.Worker })
	return answers
}

// noSuccess says why nobody answered with a success: for a PassError.
func noSuccess(answers []Answer) error {
	if len(answers) == 0 {
		return ErrMissing
	}
	return fmt.Errorf("no worker answered with a success; worker %d: %w", answers[0].Worker, answers[0].Problem())
}
