package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpnet "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A browser is a headless Chromium with one page. Its profile is new and empty, and it reaches 127.0.0.1 alone. The test fails when the
// page asks for anything else, logs an error, or has a request fail, unless the test said before that it expects this.
type browser struct {
	t   testing.TB
	ctx context.Context //nolint:containedctx // chromedp keeps the page in it

	mu       sync.Mutex
	requests map[cdpnet.RequestID]string // URLs
	problems []string
	expected []*regexp.Regexp
	said     []string // what the page logged, and chromedp
}

// openBrowser starts a browser. It ends with the test.
func openBrowser(t testing.TB) *browser {
	t.Helper()
	b := &browser{t: t, requests: make(map[cdpnet.RequestID]string)}
	profile := t.TempDir()
	var command *exec.Cmd
	allocated, stop := chromedp.NewExecAllocator(context.Background(), append(browserFlags(),
		chromedp.UserDataDir(profile),
		chromedp.Env("HOME="+profile),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			command = c
			// A session of its own, by which its processes can be told; the kernel ends it if the test process dies.
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
		}),
	)...)
	ctx, closePage := chromedp.NewContext(allocated, chromedp.WithLogf(b.logf), chromedp.WithErrorf(b.logf))
	b.ctx = ctx
	t.Cleanup(func() {
		// In order, so that it waits for its own processes.
		orderly, cancel := context.WithTimeout(ctx, soon)
		defer cancel()
		if err := chromedp.Cancel(orderly); err != nil {
			t.Errorf("browser: close: %v", err)
		}
		closePage()
		stop()
		if command != nil && command.Process != nil {
			awaitEndOfSession(t, command.Process.Pid)
		}
		b.report()
	})
	t.Cleanup(func() {
		if t.Failed() {
			b.screenshot(filepath.Join(t.ArtifactDir(), "page.png")) // kept with go test -artifacts
		}
	})
	chromedp.ListenTarget(ctx, b.event)
	// The first Run starts the browser, and its context must live as long.
	if err := chromedp.Run(ctx, cdpnet.Enable()); err != nil {
		t.Fatalf("chromium: %v (`make clients` installs what the tests need)", err)
	}
	return b
}

func browserFlags() []chromedp.ExecAllocatorOption {
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"),
		chromedp.WSURLReadTimeout(4*soon),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	if os.Getuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
	}
	return flags
}

// event is called for what happens in the page, one after the other; it must not wait for the browser.
func (b *browser) event(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *cdpnet.EventRequestWillBeSent:
		b.requests[e.RequestID] = e.Request.URL
		if u, err := url.Parse(e.Request.URL); err != nil || u.Host != "" && u.Hostname() != "127.0.0.1" {
			b.problem("request to another host: " + e.Request.URL)
		}
	case *cdpnet.EventWebSocketCreated:
		if u, err := url.Parse(e.URL); err != nil || u.Hostname() != "127.0.0.1" {
			b.problem("websocket to another host: " + e.URL)
		}
	case *cdpnet.EventResponseReceived:
		if e.Response.Status >= 400 {
			b.problem(fmt.Sprintf("status %d: %s", e.Response.Status, e.Response.URL))
		}
	case *cdpnet.EventLoadingFailed:
		if !e.Canceled { // which the page did itself
			b.problem(fmt.Sprintf("request failed: %s%s: %s", e.ErrorText, e.BlockedReason, b.requests[e.RequestID]))
		}
	case *runtime.EventExceptionThrown:
		b.problem("exception: " + e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, arg := range e.Args {
			words = append(words, string(arg.Value)+arg.Description)
		}
		line := fmt.Sprintf("console.%s: %s", e.Type, strings.Join(words, " "))
		b.said = append(b.said, line)
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
			b.problem(line)
		}
	case *log.EventEntryAdded:
		// A failed request is told by the network's events already, with its URL.
		if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
			b.problem(fmt.Sprintf("%s error: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// problem is called with mu held.
func (b *browser) problem(what string) { b.problems = append(b.problems, what) }

// expect says that problems which match may happen from now on, or have happened.
func (b *browser) expect(pattern string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, regexp.MustCompile(pattern))
}

// unexpected are the problems that nobody said to expect.
func (b *browser) unexpected() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.problems), func(problem string) bool {
		return slices.ContainsFunc(b.expected, func(e *regexp.Regexp) bool { return e.MatchString(problem) })
	})
}

func (b *browser) logf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, fmt.Sprintf("chromedp: "+format, args...))
}

func (b *browser) report() {
	for _, problem := range b.unexpected() {
		b.t.Errorf("browser: %s", problem)
	}
	if b.t.Failed() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.t.Logf("browser: %d requests; it said:\n%s", len(b.requests), strings.Join(b.said[max(0, len(b.said)-40):], "\n"))
	}
}

// run has the browser do something, which must not take long.
func (b *browser) run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*soon)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("browser: %s: %v", what, err)
	}
}

// open goes to a page, and returns when it is loaded.
func (b *browser) open(address string) {
	b.t.Helper()
	b.run("open "+address, chromedp.Navigate(address))
}

// evaluate returns what a JavaScript expression is, or what its promise resolves to.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	var value T
	b.run(expression, chromedp.Evaluate(expression, &value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
	return value
}

// awaitJS waits until an expression is true. Whatever else it is tells what is missing.
func (b *browser) awaitJS(t testing.TB, within time.Duration, what, expression string) {
	t.Helper()
	waitFor(t, within, what, func() string {
		got := evaluate[string](b, "Promise.resolve("+expression+").then(v => v === true ? '' : String(JSON.stringify(v)))")
		return got
	})
}

// press types keys, in the page, one after the other: characters, or of package kb (Tab, Enter, Escape).
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.run("press "+strconv.Quote(key), chromedp.KeyEvent(key))
	}
}

// click clicks what a CSS selector finds, with the mouse.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.run("click "+selector, chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// viewport sets the size of the page in CSS pixels; mobile is a phone with a touch screen and two pixels each.
func (b *browser) viewport(width, height int, mobile bool) {
	b.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if mobile {
		options = []chromedp.EmulateViewportOption{chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch}
	}
	b.run("viewport", chromedp.EmulateViewport(int64(width), int64(height), options...))
}

// prefer sets a user's preference: "prefers-color-scheme" is "dark" or "light", "prefers-reduced-motion" is "reduce".
func (b *browser) prefer(features ...string) {
	b.t.Helper()
	emulated := emulation.SetEmulatedMedia()
	for i := 0; i < len(features); i += 2 {
		emulated.Features = append(emulated.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	b.run("prefer", emulated)
}

// screenshot writes what is seen of the page as a PNG.
func (b *browser) screenshot(file string) {
	b.t.Helper()
	b.run("screenshot", chromedp.ActionFunc(func(ctx context.Context) error {
		picture, err := page.CaptureScreenshot().Do(ctx)
		if err != nil {
			return err
		}
		return os.WriteFile(file, picture, 0o600)
	}))
}
