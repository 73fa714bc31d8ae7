package e2e

import (
	"bytes"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostileNames are dangerous in a path, a log, a terminal, a web page or a metric's label, or too long.
var hostileNames = []string{
	"", "../etc/passwd", "a/../../b", "..", "/abs", "a//b", `..\..\boot`, "%2e%2e%2fx", "a%2fb", "a%00b", "a%0d%0ab",
	"nul\x00byte", "x\r\nlevel=ERROR msg=\"made up\"", "x\nrtmpedge_made_up 1", "\x1b[2J\x1b]0;owned\x07", "\x7f", "c1 \u009b2J", "bidi \u202e",
	"\xff\xfe bad", "\xc3\x28", "\xed\xa0\x80", "zero\u200bwidth", strings.Repeat("x", 2000), strings.Repeat("long/", 800) + "x",
}

// texts are what the order holds for one connection each.
func texts(o order) [][]byte { return bytes.Split(o.Text, []byte{textEnd}) }

// textEnd is in no text: it is no UTF-8 either.
const textEnd = 0xfd

// hostile is an attack with a connection for each text.
func hostile(script func(w *wire, text string) error) func(*attacker) error {
	return func(a *attacker) error {
		all := texts(a.order)
		a.Count = len(all)
		return each(func(w *wire) error { return script(w, string(all[w.number])) })(a)
	}
}

// hostilePublish publishes names that are refused, and hostilePlay plays them.
func hostilePublish(w *wire, text string) error {
	err := w.connected()
	w.publish(text)
	if err == nil {
		err = w.await("NetStream.Publish.BadName")
	}
	w.leave()
	return err
}

func hostilePlay(w *wire, text string) error {
	err := w.connected()
	w.play(text)
	if err == nil {
		err = w.await("NetStream.Play.StreamNotFound")
	}
	w.leave()
	return err
}

// hostileApp has the name for its app: what is then published or played is refused.
func hostileApp(w *wire, text string) error {
	w.send(c0c1c2())
	w.command(connectCommand(text, "rtmp://server/"+text, ""))
	w.publish("fine")
	w.message(8, typeCommand, 2, 0, amfCommand("play", 4, amfNull, amfString("fine")))
	err := w.await("NetStream.Publish.BadName")
	if err == nil {
		err = w.await("NetStream.Play.StreamNotFound")
	}
	w.leave()
	return err
}

// hostileFields publishes a good name, with the text in every field that is only passed on.
func hostileFields(a *attacker) error {
	all := texts(a.order)
	var wires []*wire
	for i := range all {
		w, err := a.dial(i, 0)
		if err != nil {
			return err
		}
		go w.read()
		w.send(c0c1c2())
		w.command(connectCommand(a.App, "rtmp://server/"+string(all[i]), string(all[i])))
		w.publish(w.stream() + "?token=" + string(all[i]))
		if err := w.await("NetStream.Publish.Start"); err != nil {
			return err
		}
		// Codecs are told in the API.
		w.message(6, typeVideo, 1, 0, append([]byte("\x90"), "\x1b[2J\x00\xff"...))
		w.message(8, typeData, 1, 0, append(amfString("onMetaData"), amfObject("encoder", string(all[i]))...))
		wires = append(wires, w)
	}
	a.hold()
	for _, w := range wires {
		if w.hasEnded() {
			a.saw("closed", 1)
		}
		w.leave()
		w.conclude()
	}
	return nil
}

// Row 21: names that are dangerous are refused with a status, and whatever else a peer says of itself is nowhere told as it came.
func TestAttackHostileNames(t *testing.T) {
	t.Parallel()
	sc := newScene(t, options{})
	files := sc.files(t)
	before := sc.metrics(t)
	o := order{App: attackApp, Name: "named", Text: []byte(strings.Join(hostileNames, string([]byte{textEnd})))}
	n := len(hostileNames)
	for _, attack := range []string{"hostile publish", "hostile play", "hostile app"} {
		o.Attack = attack
		r := sc.assault(t, o).wait(t)
		sc.quiet(t, &r)
	}
	sc.counted(t, before, 2*n, publishesTotal, "result", "bad_name")
	sc.counted(t, before, 2*n, playsTotal, "result", "bad_name")

	o.Attack = "hostile fields"
	x := sc.assault(t, o)
	x.awaitReady(t)
	for _, path := range []string{"/api/v1/streams", "/api/v1/workers", "/api/v1/zone", "/metrics"} {
		status, body, err := sc.s.call(shared, http.MethodGet, path)
		if err != nil || status != http.StatusOK {
			t.Errorf("GET %s: %d %v", path, status, err)
		}
		printable(t, "GET "+path, body)
	}
	x.release(t)
	r := x.wait(t)
	sc.quiet(t, &r)
	if r.Seen["closed"] > 0 {
		t.Errorf("%d publishers of good names were closed", r.Seen["closed"])
	}
	sc.counted(t, before, n, publishesTotal, "result", "ok")
	sc.logIsPrintable(t)
	if now := sc.files(t); !slices.Equal(now, files) {
		t.Errorf("files before: %q, after: %q", files, now)
	}
}

// printable checks that nothing in an output is a character that does something to a terminal, and that no line is long.
func printable(t *testing.T, what string, output []byte) {
	t.Helper()
	for line := range bytes.Lines(output) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		bad := bytes.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) })
		if !utf8.Valid(line) || bad >= 0 {
			t.Errorf("%s: character %d of a line of %d bytes is not printable: %q", what, bad, len(line), line[max(0, bad-40):min(len(line), max(0, bad)+40)])
		}
		for _, made := range []string{"rtmpedge_made_up", `level=ERROR msg="made up"`} {
			if bytes.HasPrefix(line, []byte(made)) {
				t.Errorf("%s: a line that a peer made up: %q", what, line)
			}
		}
	}
}

// maxLogLine is what a line about one session may have.
const maxLogLine = 2 << 10

func (sc *scene) logIsPrintable(t *testing.T) {
	t.Helper()
	for _, line := range sc.s.log.find("level=") {
		printable(t, "the log", []byte(line))
		if len(line) > maxLogLine && !strings.Contains(line, "level=DEBUG") {
			t.Errorf("a line of %d bytes in the log: %s…", len(line), line[:200])
		}
	}
}

// files lists all that is below the server's folders.
func (sc *scene) files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(sc.s.dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
