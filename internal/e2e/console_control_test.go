package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	cdpnet "github.com/chromedp/cdproto/network"
)

// What the buttons say is done, on whichever worker it is.
func TestConsoleControls(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 300ms"})
	s.goLive(t, 0, "live/cam")
	first, second := play(t, s.rtmpURL(0, "live/cam")), play(t, s.rtmpURL(1, "live/cam"))
	b := openConsole(t, s, 2)
	b.awaitCell(t, "live/cam", "viewers", `^2\s`)

	click := func(button, question string) {
		t.Helper()
		evaluate[any](b, button+`.click()`)
		if question != "" {
			b.awaitText(t, soon, "the question", `document.querySelector("#confirm-text")`, question)
			b.click("#confirm-yes")
		}
	}
	outcome := func(want string) {
		t.Helper()
		b.awaitText(t, soon, "the outcome", `document.querySelector("#banner")`, want)
	}

	drain := `document.querySelectorAll("#workers-rows button")[3]`
	click(drain, "Worker 3 takes no new connections")
	outcome("Worker 3 takes no new connections")
	b.awaitText(t, soon, "worker 3", workerCell(3, "state"), "^draining$")
	if conn, err := dialPublish(t, s.rtmpURL(3, "live/refused")); err == nil {
		t.Error("a worker that is draining takes a publisher")
		conn.conn.Close()
	}
	b.awaitText(t, soon, "the button", drain, "^Resume$")
	click(drain, "")
	outcome("Worker 3 takes connections again")
	b.awaitText(t, soon, "worker 3", workerCell(3, "state"), "^ready$")

	evaluate[any](b, `document.querySelector("#sessions").scrollIntoView()`)
	session := `[...document.querySelectorAll("#sessions-rows tr")].find(r => r.querySelector(".worker").textContent === "1" && r.querySelector(".role").textContent.startsWith("player"))`
	b.awaitJS(t, soon, "the session on worker 1", session+` !== undefined`)
	click(session+`.querySelector("button")`, `player, rtmp, 127\.0\.0\.1:\d+`)
	outcome(`Session 1-0-\d+ was kicked`)
	second.awaitEnd(soon)
	b.awaitCell(t, "live/cam", "viewers", `^1\s`)

	click(row("live/cam")+`.querySelectorAll("button")[2]`, "Whoever watches live/cam is disconnected, on all workers: 1 viewer.")
	outcome("1 player of live/cam was kicked")
	first.awaitEnd(soon)
	b.awaitCell(t, "live/cam", "viewers", `^0`)
	// What can't be done is told as well.
	b.expect("status 404: .*/sessions/")
	evaluate[any](b, `import("./api.js").then(m => m.change("DELETE", "sessions/1-0-999", null, () => "done"))`)
	outcome("It failed: 404: ")
	b.click("#banner button")
	b.awaitJS(t, soon, "no outcome any more", `document.querySelector("#banner").textContent === ""`)
}

// Streams come and go around the one that somebody is at: the focus stays on its button, without a moment elsewhere.
func TestConsoleFocusStays(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 300ms"})
	before, _ := s.goLive(t, 0, "live/a")
	s.goLive(t, 0, "live/b")
	s.goLive(t, 0, "live/c")
	b := openConsole(t, s, 1)
	b.awaitCell(t, "live/c", "stream", "live")
	evaluate[any](b, `((button) => { window.blurs = 0; button.focus(); button.addEventListener("blur", () => blurs++) })(`+row("live/b")+`.querySelector("button"))`)
	before.end()
	b.awaitJS(t, 2*soon, "live/a gone", row("live/a")+` === undefined`)
	s.goLive(t, 0, "live/aa")
	b.awaitCell(t, "live/aa", "stream", "live")
	if got := evaluate[string](b, `document.activeElement.getAttribute("aria-label") + " " + blurs`); got != "Preview: live/b 0" {
		t.Errorf("the focus, and how often it was lost: %s", got)
	}
	if got := evaluate[string](b, `[...document.querySelectorAll("#streams-rows .key")].map(e => e.textContent).join()`); got != "live/aa,live/b,live/c" {
		t.Errorf("streams in the order %s", got)
	}
	// Also when its own row moves.
	play(t, s.rtmpURL(2, "live/b"))
	evaluate[any](b, `((e) => { e.value = "players"; e.dispatchEvent(new Event("change")) })(document.querySelector("#streams-sort"))`)
	b.awaitJS(t, soon, "live/b first", `((keys) => keys === "live/b,live/aa,live/c" || keys)([...document.querySelectorAll("#streams-rows .key")].map(e => e.textContent).join())`)
	if got := evaluate[*string](b, `document.activeElement.getAttribute("aria-label")`); got == nil || *got != "Preview: live/b" {
		t.Error("the focus is lost")
	}
}

// events listens to the events of a worker.
func (s *server) events(ctx context.Context, t testing.TB, worker int) io.ReadCloser {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.httpURL(worker, "/api/v1/events"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	return response.Body
}

// A worker with too many consoles refuses the next one, which says so, and comes in when another has gone.
func TestConsoleTooMany(t *testing.T) {
	t.Parallel()
	const most = 64
	s := start(t, options{})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range most {
		s.events(ctx, t, 1)
	}
	b := openBrowser(t)
	b.expect("status 503: .*/events")
	b.open(s.httpURL(1, "/console/"))
	b.awaitText(t, soon, "the complaint", `document.querySelector("#banner")`, "No news from the server yet")
	leave()
	b.awaitText(t, 2*soon, "news", `document.querySelector("#link")`, "live, through worker 1")
	b.awaitJS(t, soon, "no complaint", `document.querySelector("#banner").textContent === ""`)
}

// A server that stops ends event streams in order: it does not wait for consoles, and cuts nothing off.
func TestEventsEndWithServer(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	var streams []io.Reader
	for worker := range workers {
		streams = append(streams, s.events(t.Context(), t, worker))
	}
	ends := make(chan error, len(streams))
	for _, stream := range streams {
		go func() {
			n, err := io.Copy(io.Discard, stream)
			if err == nil && n == 0 {
				err = errors.New("nothing was sent")
			}
			ends <- err
		}()
	}
	s.stop()
	for range streams {
		if err := <-ends; err != nil {
			t.Error(fmt.Errorf("an event stream: %w", err))
		}
	}
}

// From elsewhere, here through a proxy, the console is behind the token. The browser asks for it once, and sends it with everything.
func TestConsoleLogin(t *testing.T) {
	t.Parallel()
	const token = "not-a-secret-but-long"
	s := start(t, options{http: `token: "` + token + `"`})
	s.goLive(t, 0, "live/cam")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.httpURL(1, "/console/"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-For", "192.0.2.1")
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized || response.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("without the token: %d %v", response.StatusCode, response.Header)
	}
	b := openBrowser(t)
	b.run("pass on", cdpnet.SetExtraHTTPHeaders(cdpnet.Headers{"X-Forwarded-For": "192.0.2.1"}))
	b.open(strings.Replace(s.httpURL(1, "/console/"), "http://", "http://anybody:"+token+"@", 1))
	b.awaitCell(t, "live/cam", "stream", `live/cam\s+live`)
	evaluate[any](b, `document.querySelector("#sessions").scrollIntoView()`)
	b.awaitText(t, soon, "sessions", `document.querySelector("#sessions-rows")`, `live/cam\s+publisher`)
	evaluate[any](b, `document.querySelectorAll("#workers-rows button")[3].click()`)
	b.awaitText(t, soon, "the question", `document.querySelector("#confirm-text")`, "Worker 3")
	b.click("#confirm-yes")
	b.awaitText(t, soon, "the outcome", `document.querySelector("#banner")`, "Worker 3 takes no new connections")
	b.awaitText(t, soon, "worker 3", workerCell(3, "state"), "^draining$")
}

// The console of a worker can also be had through another: all that it asks for goes the same way.
func TestConsoleThroughWorker(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	ffmpegPublish(t, s.rtmpURL(0, "live/cam"))
	b := openBrowser(t)
	b.open(s.httpURL(1, "/workers/3/console/"))
	b.awaitText(t, soon, "through whom", `document.querySelector("#link")`, "live, through worker 3")
	b.awaitCell(t, "live/cam", "video", `320×180`)
	evaluate[any](b, row("live/cam")+`.querySelector("button").click()`)
	b.awaitJS(t, 2*soon, "a picture", `document.querySelector("#preview-video").currentTime > 0.5 || document.querySelector("#preview-state").textContent`)
}
