package deploytest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestREADMEPages has Chromium show the README's pages, from a site that is not the server's, as readers have them.
func TestREADMEPages(t *testing.T) {
	t.Parallel()
	rtmpPort, httpPort := freePort(t), freePort(t)
	file := filepath.Join(t.TempDir(), "rtmp-edge.yml")
	write(t, file, fmt.Sprintf("workers: 2\nrtmp: {listen: [\"127.0.0.1:%d\"]}\nhttp: {listen: [\"127.0.0.1:%d\"]}\n", rtmpPort, httpPort))
	serve(t, exec.Command(binary(t), "run", "-c", file))
	server := fmt.Sprintf("http://127.0.0.1:%d", httpPort)
	await(t, "the server", func() bool { return get(server+"/readyz") != "" })
	publish(t, fmt.Sprintf("rtmp://127.0.0.1:%d/live/shown", rtmpPort))

	const script = "https://cdn.jsdelivr.net/npm/mpegts.js@1.8.2/dist/mpegts.js"
	pages := readDocument(t, readme).in("html")
	if len(pages) != 2 {
		t.Fatalf("%s has %d pages, not 2", readme, len(pages))
	}
	for _, p := range pages {
		t.Run(fmt.Sprintf("line %d", p.line), func(t *testing.T) {
			t.Parallel()
			page := replaced(t, p.text, "http://127.0.0.1:8080", server, "NAME", "shown")
			if strings.Contains(page, "mpegts") {
				page = replaced(t, page, script, "/mpegts.js")
			}
			showsMotion(t, page)
		})
	}
}

// showsMotion has a browser show a page until its video has played for some seconds.
func showsMotion(t *testing.T, page string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	})
	mux.HandleFunc("GET /mpegts.js", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(mpegtsScript(t)) })
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	ctx := browser(t)
	if err := chromedp.Run(ctx, chromedp.Navigate(site.URL)); err != nil {
		t.Fatal(err)
	}
	var first, last struct {
		Time  float64 `json:"time"`
		Width int     `json:"width"`
	}
	const look = `(() => { const v = document.querySelector("video"); return {time: v.currentTime, width: v.videoWidth}; })()`
	const seconds = 3
	await(t, "the page to play", func() bool {
		if err := chromedp.Run(ctx, chromedp.Evaluate(look, &last)); err != nil {
			t.Fatal(err)
		}
		if first.Time == 0 {
			first = last
		}
		return first.Time > 0 && last.Time > first.Time+seconds
	})
	if last.Width == 0 {
		t.Error("the video has no picture")
	}
}

// browser starts a Chromium with an empty profile, which reaches this machine alone.
func browser(t *testing.T) context.Context {
	t.Helper()
	profile, err := os.MkdirTemp("", "rtmp-edge-chromium-") //nolint:usetesting // it writes there until it has ended
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.WSURLReadTimeout(awaitTime), chromedp.UserDataDir(profile), chromedp.Env("HOME="+profile),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)...)
	ctx, closePage := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // in order, so that it waits for its own processes
		closePage()
		stop()
		await(t, "the end of Chromium", func() bool { return os.RemoveAll(profile) == nil })
	})
	return ctx
}

// mpegtsScript is the package of npm that `make clients` keeps in the user's cache; internal/e2e looks at its checksum.
func mpegtsScript(t *testing.T) []byte {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	script, err := exec.Command("tar", "--extract", "--gzip", "--to-stdout", "--file", filepath.Join(cache, "rtmp-edge", "mpegts.js-1.8.2.tgz"), "package/dist/mpegts.js").Output()
	if err != nil {
		t.Errorf("mpegts.js: %v (`make clients` installs what the tests need)", err)
	}
	return script
}
