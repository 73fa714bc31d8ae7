package e2e

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// openConsole opens the console on a worker's own port and waits until it shows news.
func openConsole(t testing.TB, s *server, worker int) *browser {
	t.Helper()
	b := openBrowser(t)
	b.viewport(1280, 1000, false)
	b.open(s.httpURL(worker, "/console/"))
	b.awaitJS(t, 2*soon, "news", `document.querySelector("#link").dataset.state === "live" || document.querySelector("#link").textContent`)
	return b
}

// row is the table row of a stream, as JavaScript.
func row(stream string) string {
	return `[...document.querySelectorAll("#streams-rows tr")].find(r => r.querySelector(".key").textContent === ` + strconv.Quote(stream) + `)`
}

// awaitText waits until a part of the page has text that matches.
func (b *browser) awaitText(t testing.TB, within time.Duration, what, element, pattern string) {
	t.Helper()
	b.awaitJS(t, within, what+" like "+pattern, `((e) => !e ? "is not there" : new RegExp(`+strconv.Quote(pattern)+`).test(e.innerText) || e.innerText)(`+element+`)`)
}

// awaitCell waits until a cell in the row of a stream has text that matches.
func (b *browser) awaitCell(t testing.TB, stream, cell, pattern string) {
	t.Helper()
	b.awaitText(t, 2*soon, cell+" of "+stream, row(stream)+`?.querySelector(".`+cell+`")`, pattern)
}

// workerCell is a cell in the row of a worker, as JavaScript.
func workerCell(worker int, cell string) string {
	return fmt.Sprintf(`document.querySelectorAll("#workers-rows tr")[%d]?.querySelector(".%s")`, worker, cell)
}

// The console of any worker shows what all of them do: a stream, its figures, who relays it, and who watches where.
func TestConsoleShowsStream(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	ffmpegPublish(t, s.rtmpURL(1, "live/cam"))
	b := openConsole(t, s, 3)
	b.awaitCell(t, "live/cam", "stream", `live/cam\s+live\s+rtmp from 127\.0\.0\.1:\d+`)
	b.awaitCell(t, "live/cam", "rate", `^\s*[1-9]\d* kbit/s`)
	b.awaitCell(t, "live/cam", "video", `320×180\s+2[456] fps`)
	b.awaitCell(t, "live/cam", "codecs", `H\.264 .*\s+AAC LC 44\.1 kHz mono`)
	b.awaitCell(t, "live/cam", "keyframes", `every 1\.0 s`)
	b.awaitCell(t, "live/cam", "uptime", `^\d+ s|min`)
	b.awaitCell(t, "live/cam", "place", `^worker.1$`)
	b.awaitCell(t, "live/cam", "viewers", `^0$`)
	b.awaitText(t, soon, "live streams", `document.querySelector("#tile-streams")`, "^1$")
	b.awaitText(t, soon, "through whom", `document.querySelector("#link")`, "live, through worker 3")
	b.awaitText(t, soon, "zone", `document.querySelector("#tile-zone")`, `^1 of [\d,]+$`)

	watch(t, s.rtmpURL(1, "live/cam"))
	watch(t, s.rtmpURL(2, "live/cam"))
	playFLV(t, s.flvURL(2, "live/cam"), func(p *player) { p.unchecked = true })
	b.awaitCell(t, "live/cam", "viewers", `^3\s+worker.1:.1, worker.2:.2$`)
	b.awaitCell(t, "live/cam", "place", `^worker.1\s+relayed.by 2$`)
	b.awaitText(t, soon, "viewers", `document.querySelector("#tile-viewers")`, "^3$")
	b.awaitJS(t, soon, "the picture in words", `((t) => t.includes("live/cam comes from worker 1 with 1 viewer; relayed by worker 2 with 2.") || t)(document.querySelector("#picture-text").textContent)`)
	b.awaitJS(t, soon, "the picture", `((n) => n.join() === "1,1,2" || n)([document.querySelectorAll("#picture-svg .curve").length, document.querySelectorAll("#picture-svg .dot").length, document.querySelectorAll("#picture-svg .number").length])`)
	b.awaitJS(t, soon, "a sparkline with a curve", row("live/cam")+`.querySelector(".spark .line").getAttribute("d").split("L").length >= 3`)
	b.awaitText(t, soon, "players of worker 2", workerCell(2, "players"), "^2$")
	b.awaitText(t, soon, "publishers of worker 1", workerCell(1, "publishers"), "^1$")
	b.awaitText(t, soon, "CPU of worker 1", workerCell(1, "cpu"), `^\d+\.\d %$`)

	// The sessions are asked for when they come into view.
	evaluate[any](b, `document.querySelector("#sessions").scrollIntoView()`)
	b.awaitText(t, soon, "sessions", `document.querySelector("#sessions-rows")`, `live/cam\s+publisher\s+rtmp\s+1\s+127\.0\.0\.1`)
	evaluate[any](b, `((e) => { e.value = "http_flv"; e.dispatchEvent(new Event("input")) })(document.querySelector("#sessions-protocol"))`)
	b.awaitJS(t, soon, "the session over HTTP alone", `((r) => r.length === 1 && r[0].querySelector(".protocol").textContent === "http_flv" || r.length)(document.querySelectorAll("#sessions-rows tr"))`)
}

// The preview plays the stream, in a browser that has the console from a worker that does not own it.
func TestConsolePreview(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	ffmpegPublish(t, s.rtmpURL(0, "live/cam"))
	b := openConsole(t, s, 2)
	b.awaitCell(t, "live/cam", "video", `320×180`)
	evaluate[any](b, row("live/cam")+`.querySelector("button").focus()`)
	b.press(kb.Enter)
	const video = `document.querySelector("#preview-video")`
	const state = `document.querySelector("#preview-state").textContent`
	b.awaitJS(t, 2*soon, "the picture's size", video+`.videoWidth === 320 && `+video+`.videoHeight === 180 || `+state)
	from := evaluate[float64](b, video+`.currentTime`)
	b.awaitJS(t, 2*soon, "three seconds of playing", fmt.Sprintf(`%s.currentTime >= %f + 3 || [%s.currentTime, %s]`, video, from, video, state))
	b.awaitJS(t, soon, "decoded frames", video+`.getVideoPlaybackQuality().totalVideoFrames > 50 && `+video+`.webkitAudioDecodedByteCount > 0 || `+video+`.getVideoPlaybackQuality().totalVideoFrames`)
	// Who pauses comes back to what is live then.
	const lag = `((v) => v.buffered.end(v.buffered.length - 1) - v.currentTime)(` + video + `)`
	evaluate[any](b, video+`.pause()`)
	b.awaitJS(t, soon, "a pause of five seconds", lag+` > 5 || `+lag)
	evaluate[any](b, video+`.play()`)
	b.awaitJS(t, soon, "nearness to the live edge", lag+` < 2.5 || `+lag)
	b.awaitText(t, soon, "the state", `document.querySelector("#preview-state")`, `320×180, \d s behind`)
	b.awaitCell(t, "live/cam", "viewers", `^1\s+worker.2:.1$`)
	// Escape closes it: the viewer leaves, and the focus goes back to the button.
	b.press(kb.Escape)
	b.awaitJS(t, soon, "the preview closed", `document.querySelector("#preview").hidden && document.activeElement.textContent === "Preview" || document.activeElement.outerHTML`)
	b.awaitCell(t, "live/cam", "viewers", `^0$`)
}

// All that the mouse can do, the keyboard can: here, kick a publisher.
func TestConsoleKickByKeyboard(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 300ms"})
	p, _ := s.goLive(t, 0, "live/cam")
	b := openConsole(t, s, 2)
	b.awaitCell(t, "live/cam", "stream", `live/cam\s+live`)
	b.press(kb.Tab)
	b.awaitText(t, soon, "the first that has the focus", `document.activeElement`, "Skip to the content")
	b.press(kb.Enter)
	focused := `document.activeElement.getAttribute("aria-label")`
	for range 20 {
		if evaluate[*string](b, focused) != nil && evaluate[string](b, focused) == "Kick publisher: live/cam" {
			break
		}
		b.press(kb.Tab)
	}
	visible := evaluate[string](b, `getComputedStyle(document.activeElement).outlineStyle + " " + document.activeElement.matches(":focus-visible")`)
	if visible != "solid true" {
		t.Errorf("the focus is not seen: %s", visible)
	}
	// Escape says no.
	b.press(kb.Enter)
	b.awaitJS(t, soon, "a question", `document.querySelector("#confirm").open && document.activeElement.textContent === "Cancel" || document.activeElement.outerHTML`)
	b.press(kb.Escape)
	b.awaitJS(t, soon, "the focus back", `!document.querySelector("#confirm").open && `+focused+` === "Kick publisher: live/cam" || `+focused)
	select {
	case <-p.ended:
		t.Fatal("kicked without a yes")
	default:
	}
	b.press(kb.Enter, kb.Tab)
	b.awaitJS(t, soon, "the other button", `document.activeElement.textContent === "Kick publisher" || document.activeElement.outerHTML`)
	b.press(kb.Enter)
	b.awaitText(t, soon, "the outcome", `document.querySelector("#banner")`, "The publisher of live/cam was kicked")
	p.told(soon)
	b.awaitJS(t, 2*soon, "no stream any more", row("live/cam")+` === undefined`)
	b.awaitJS(t, soon, "the focus at something that is there", `document.activeElement !== document.body || "nowhere"`)
}

// A worker that dies is replaced, and the page shows it: another process, one more restart.
func TestConsoleWorkerKilled(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.goLive(t, 0, "live/cam")
	pids := s.pids(t)
	b := openConsole(t, s, 2)
	b.awaitText(t, soon, "the process of worker 0", workerCell(0, "process"), "^"+strconv.Itoa(pids[0])+"$")
	b.awaitCell(t, "live/cam", "place", `^worker.0$`)
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.awaitText(t, soon, "restarts of worker 0", workerCell(0, "restarts"), "^1$")
	b.awaitJS(t, soon, "another process", `((e) => /^\d+$/.test(e.textContent) && e.textContent !== "`+strconv.Itoa(pids[0])+`" || e.textContent)(`+workerCell(0, "process")+`)`)
	b.awaitJS(t, soon, "no stream any more", row("live/cam")+` === undefined`)
	b.awaitText(t, soon, "all workers", `document.querySelector("#tile-workers")`, "^4 of 4$")
	b.awaitJS(t, soon, "no complaint", `document.querySelector("#banner").textContent === "" || document.querySelector("#banner").textContent`)
	s.goLiveAgain(t, 0, "live/cam")
	b.awaitCell(t, "live/cam", "place", `^worker.0$`)

	// And the worker that the page comes from: it comes back by itself.
	b.expect("request failed: .*/api/v1/(events|sessions)")
	if err := syscall.Kill(pids[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.awaitText(t, 2*soon, "restarts of worker 2", workerCell(2, "restarts"), "^1$")
	b.awaitText(t, soon, "news", `document.querySelector("#link")`, "live, through worker 2")
}

// A worker that is stopped is named within three seconds, with why; what is known of the others goes on.
func TestConsoleWorkerStopped(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.goLive(t, 0, "live/cam")
	pids := s.pids(t)
	b := openConsole(t, s, 2)
	b.awaitCell(t, "live/cam", "stream", "live/cam")
	banner := `document.querySelector("#banner")`
	evaluate[any](b, `(window.told = [], new MutationObserver(() => told.push(`+banner+`.textContent)).observe(`+banner+`, { childList: true }), 0)`)
	if err := syscall.Kill(pids[1], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume := func() { _ = syscall.Kill(pids[1], syscall.SIGCONT) }
	t.Cleanup(resume)
	stopped := time.Now()
	b.awaitText(t, soon, "the complaint", banner, `Only 3 of 4 workers answered; .* Worker 1: timeout \(no answer in time`)
	if took := time.Since(stopped); took > scaledTime(4*time.Second) {
		t.Errorf("it took %v", took)
	}
	b.awaitText(t, soon, "worker 1", workerCell(1, "state"), "no answer: timeout")
	b.awaitText(t, soon, "workers that answered", `document.querySelector("#tile-workers")`, "^3 of 4$")
	b.awaitJS(t, soon, "its box", `document.querySelectorAll("#picture-svg .box.missing").length === 1`)
	// The page goes on meanwhile.
	uptime := evaluate[string](b, row("live/cam")+`.querySelector(".uptime").textContent`)
	b.awaitJS(t, soon, "news of the others", row("live/cam")+`.querySelector(".uptime").textContent !== `+strconv.Quote(uptime))
	resume()
	b.awaitJS(t, soon, "no complaint", banner+`.textContent === "" || `+banner+`.textContent`)
	b.awaitText(t, soon, "worker 1", workerCell(1, "state"), "ready")

	if told := evaluate[[]string](b, "told"); len(told) != 2 {
		t.Errorf("told more than that a worker is missing, and that it is back: %q", told)
	}

	// When the worker stops that the page comes from, there is no news, and the page says since when.
	if err := syscall.Kill(pids[2], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wake := func() { _ = syscall.Kill(pids[2], syscall.SIGCONT) }
	t.Cleanup(wake)
	b.awaitText(t, soon, "the silence", banner, `No news since \d\d:\d\d:\d\d\.`)
	b.awaitText(t, soon, "the silence", `document.querySelector("#link")`, `no news since`)
	wake()
	b.awaitText(t, 2*soon, "news", `document.querySelector("#link")`, "live, through worker 2")
	b.awaitJS(t, soon, "no complaint", banner+`.textContent === "" || `+banner+`.textContent`)
}

// scaledTime is a bound on time, or a longer one where the race detector slows the server down.
func scaledTime(d time.Duration) time.Duration {
	if raceBinary {
		return 3 * d
	}
	return d
}
