package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// hostileName is a stream name that names allows and that would run a script in a page that trusts it.
const hostileName = `<img src=x onerror=alert(1)>`

// A stream may be called anything. The page shows the name, and acts on that stream.
func TestConsoleHostileName(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 300ms"})
	p := publishAs(t, s.rtmpURL(1, "live/any"), hostileName)
	p.goLive()
	b := openConsole(t, s, 0)
	b.awaitCell(t, "live/"+hostileName, "stream", "live/<img src=x")
	b.awaitText(t, soon, "the legend", `document.querySelector("#picture-legend")`, "<img src=x")
	if n := evaluate[int](b, `document.querySelectorAll("main img").length`); n != 0 {
		t.Errorf("the name has become %d images", n)
	}
	evaluate[any](b, row("live/"+hostileName)+`.querySelectorAll("button")[1].click()`)
	b.awaitText(t, soon, "the question", `document.querySelector("#confirm-text")`, "publisher of live/<img src=x onerror")
	b.click("#confirm-yes")
	p.told(soon)
	b.awaitText(t, soon, "the outcome", `document.querySelector("#banner")`, "publisher of live/<img src=x")
}

// publishAs publishes under a name that would be no good in a URL.
func publishAs(t testing.TB, url, name string) *publisher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	conn, _, err := rtmp.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stream, err := conn.Publish(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{t: t, conn: conn, stream: stream, source: newSource(runs.Add(1)), ended: make(chan struct{})}
	go p.read()
	return p
}

// The preview says what is wrong instead of showing nothing.
func TestConsolePreviewErrors(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "play_wait: 300ms"})
	ffmpegPublish(t, s.rtmpURL(0, "live/cam"))
	b := openConsole(t, s, 1)
	b.awaitCell(t, "live/cam", "video", "320×180")
	preview := row("live/cam") + `.querySelector("button").click()`
	evaluate[any](b, `window.supported = MediaSource.isTypeSupported; MediaSource.isTypeSupported = () => false`)
	evaluate[any](b, preview)
	b.awaitText(t, 2*soon, "the reason", `document.querySelector("#preview-state")`, `This browser cannot play video/mp4.*avc1\.`)
	b.awaitJS(t, soon, "an offer to try again", `!document.querySelector("#preview-again").hidden`)
	evaluate[any](b, `MediaSource.isTypeSupported = window.supported; document.querySelector("#preview-again").click()`)
	b.awaitJS(t, 2*soon, "a picture", `document.querySelector("#preview-video").currentTime > 0.5`)
	// The server's words, where it refuses.
	b.expect(`status 404: .*\.mp4`)
	evaluate[any](b, `import("./preview.js").then(m => m.openPreview({app: "live", name: "none"}, document.querySelector("#streams-find")))`)
	b.awaitText(t, 2*soon, "the reason", `document.querySelector("#preview-state")`, `The server answered 404: .`)
}

// On a phone the tables are cards: nothing is beside the page, and screen readers still find tables.
func TestConsolePhone(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	ffmpegPublish(t, s.rtmpURL(0, "live/"+strings.Repeat("very-long-name", 10)))
	watch(t, s.rtmpURL(1, "live/"+strings.Repeat("very-long-name", 10)))
	b := openConsole(t, s, 2)
	b.viewport(360, 740, true)
	b.awaitJS(t, soon, "a relay in the picture", `document.querySelectorAll("#picture-svg .curve").length === 1`)
	evaluate[any](b, `document.querySelector("#sessions").scrollIntoView()`)
	b.awaitJS(t, soon, "sessions", `((n) => n >= 2 || n)(document.querySelectorAll("#sessions-rows tr").length)`)
	b.awaitJS(t, soon, "no sideways scrolling", `((d) => d.scrollWidth <= innerWidth && innerWidth === 360 ||
		[d.scrollWidth, innerWidth, [...d.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > innerWidth).slice(0, 5).map(e => e.outerHTML.slice(0, 80))])(document.documentElement)`)
	b.awaitJS(t, soon, "nothing to scroll sideways", `((wide) => wide.length === 0 || wide.map(e => e.firstElementChild.outerHTML.slice(0, 80)))([...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth))`)
	if got := evaluate[string](b, `getComputedStyle(document.querySelector("#streams-rows td.video")).display + getComputedStyle(document.querySelector("#streams-rows td.video"), "::before").content`); got != `gridattr(data-title)` && got != `grid"Video"` {
		t.Errorf("no cards: %s", got)
	}
	checkTree(t, b)
}

// Whoever sees little, or not at all, can use the page; in both colour schemes.
func TestConsoleAccessible(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	ffmpegPublish(t, s.rtmpURL(0, "live/cam"))
	watch(t, s.rtmpURL(1, "live/cam"))
	watch(t, s.rtmpURL(2, "live/awaited"))
	s.goLive(t, 3, "live/jump")
	b := openConsole(t, s, 2)
	b.awaitCell(t, "live/awaited", "stream", "waiting")
	b.awaitJS(t, soon, "a relay in the picture", `document.querySelectorAll("#picture-svg .curve").length >= 1`)
	evaluate[any](b, `document.querySelector("#sessions").scrollIntoView()`)
	b.awaitJS(t, soon, "sessions", `((n) => n >= 4 || n)(document.querySelectorAll("#sessions-rows tr").length)`)
	checkTree(t, b)
	for _, scheme := range []string{"light", "dark"} {
		b.prefer("prefers-color-scheme", scheme)
		for _, state := range []string{"", "banner", "dialog"} {
			switch state {
			case "banner":
				evaluate[any](b, `import("./banner.js").then(m => { m.told("good"); m.silent(new Date()) })`)
			case "dialog":
				evaluate[any](b, `document.querySelector("#confirm").showModal()`)
			}
			for _, problem := range evaluate[[]string](b, contrasts) {
				t.Errorf("%s %s: %s", scheme, state, problem)
			}
		}
		evaluate[any](b, `document.querySelector("#confirm").close()`)
	}
	if got := evaluate[string](b, `getComputedStyle(document.querySelector(".curve")).animationName`); got != "flow" {
		t.Errorf("the picture does not move: %s", got)
	}
	b.prefer("prefers-reduced-motion", "reduce")
	if got := evaluate[string](b, `getComputedStyle(document.querySelector(".curve")).animationName`); got != "none" {
		t.Errorf("the picture moves for those who can't bear it: %s", got)
	}
}

// checkTree looks at what the browser tells screen readers.
func checkTree(t testing.TB, b *browser) {
	t.Helper()
	// In types of our own: the browser is newer than the module, which refuses what it does not know.
	type value struct {
		Value any `json:"value"`
	}
	var tree struct {
		Nodes []struct {
			Ignored bool  `json:"ignored"`
			Role    value `json:"role"`
			Name    value `json:"name"`
		} `json:"nodes"`
	}
	b.run("accessibility tree", chromedp.ActionFunc(func(ctx context.Context) error {
		return cdp.Execute(ctx, accessibility.CommandGetFullAXTree, nil, &tree)
	}))
	count := map[string]int{}
	for _, n := range tree.Nodes {
		role, _ := n.Role.Value.(string)
		name, _ := n.Name.Value.(string)
		if n.Ignored {
			continue
		}
		count[role]++
		switch role {
		case "button", "textbox", "searchbox", "combobox", "link", "image", "region", "navigation", "table", "columnheader", "rowheader", "dialog", "meter", "video":
			if strings.TrimSpace(name) == "" {
				t.Errorf("a %s has no name", role)
			}
		}
	}
	for role, least := range map[string]int{"button": 8, "table": 3, "columnheader": 20, "rowheader": 6, "cell": 40, "main": 1, "banner": 1, "navigation": 1, "contentinfo": 1, "heading": 5, "status": 1} {
		if count[role] < least {
			t.Errorf("%d of role %s, at least %d are there to see: %v", count[role], role, least, count)
		}
	}
	if problems := evaluate[[]string](b, labels); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
}

// labels lists what has no name, or belongs to nothing.
const labels = `(() => {
	const bad = [];
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
	if (new Set(ids).size !== ids.length) bad.push("an id is there twice");
	if (!document.documentElement.lang) bad.push("no language");
	for (const e of document.querySelectorAll("button")) if (!(e.getAttribute("aria-label") ?? e.innerText).includes(e.textContent.trim())) bad.push("a label without the text: " + e.outerHTML);
	for (const e of document.querySelectorAll("input, select")) if (e.labels.length === 0) bad.push("no label: " + e.outerHTML);
	for (const e of document.querySelectorAll("th")) if (!e.scope) bad.push("no scope: " + e.outerHTML);
	const roles = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", "thead th": "columnheader", "tbody th": "rowheader", td: "cell" };
	for (const [selector, role] of Object.entries(roles)) for (const e of document.querySelectorAll(selector)) if (e.role !== role) bad.push("not told as " + role + ": " + e.outerHTML.slice(0, 80));
	for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) bad.push("out of order: " + e.outerHTML);
	return bad;
})()`

// contrasts lists text whose contrast (WCAG 2.2 §1.4.3) is below 4.5, of all that is seen. In the picture, the background is what is behind.
var contrasts = fmt.Sprintf(`(() => {
	const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
	const rgba = (colour) => {
		pixel.clearRect(0, 0, 1, 1);
		pixel.fillStyle = colour;
		pixel.fillRect(0, 0, 1, 1);
		return [...pixel.getImageData(0, 0, 1, 1).data];
	};
	const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] / 255 + below[i] * (1 - top[3] / 255)).concat(255);
	const luminance = (c) => {
		const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const ratio = (a, b) => {
		const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
		return (x + 0.05) / (y + 0.05);
	};
	const behind = (e) => {
		const layers = [];
		for (let n = e; n; n = n.parentElement) {
			layers.push(rgba(getComputedStyle(n).backgroundColor));
			if (n.tagName === "DIALOG") break;
		}
		return layers.reverse().reduce((below, top) => over(top, below), rgba("Canvas"));
	};
	const behindDrawn = (e) => {
		const box = e.getBoundingClientRect();
		const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
		const rects = [...e.ownerSVGElement.querySelectorAll("rect")].filter(r => {
			const b = r.getBoundingClientRect();
			return b.left <= x && x <= b.right && b.top <= y && y <= b.bottom;
		});
		return rects.length ? rgba(getComputedStyle(rects.at(-1)).fill) : behind(e.ownerSVGElement.parentElement);
	};
	const bad = [];
	let seen = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode()); ) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.checkVisibility({ visibilityProperty: true }) || e.closest("noscript, option, title, caption, .skip, :disabled")) continue;
		seen++;
		const drawn = e.closest("svg");
		const colour = rgba(drawn ? getComputedStyle(e).fill : getComputedStyle(e).color);
		const back = drawn ? behindDrawn(e) : behind(e);
		const got = ratio(over(colour, back), back);
		if (got < 4.5) bad.push(got.toFixed(2) + ": " + e.outerHTML.slice(0, 120));
	}
	if (seen < %d) bad.push("only " + seen + " texts are seen");
	return bad;
})()`, 100)
