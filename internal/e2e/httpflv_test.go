package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// flvURL is where a stream plays over HTTP, on a worker's own port or on the shared one.
func (s *server) flvURL(worker int, stream string) string {
	return s.httpURL(worker, "/"+stream+".flv")
}

// Every message of a stream reaches players over HTTP on every port, with timestamps from 0; also with frames of more than one chunk and extended
// timestamps, which are between the payloads in the log; to the last message before the publisher ends, which ends the file.
func TestHTTPFLVIsExact(t *testing.T) {
	t.Parallel()
	for _, start := range []uint32{0, 7000, 0xffffff - 2000} {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			t.Parallel()
			testHTTPFLVIsExact(t, start)
		})
	}
}

func testHTTPFLVIsExact(t *testing.T, begin uint32) {
	const stream = "live/exact/flv"
	s := start(t, options{live: "republish_wait: 300ms"})
	p := publish(t, s.rtmpURL(0, stream))
	p.source.start = begin
	p.source.bitrate(20_000_000)
	players := map[int]*player{}
	for i, place := range everywhere(s) {
		players[i] = playFLV(t, s.flvURL(place, stream))
	}
	players[len(players)] = play(t, s.rtmpURL(1, stream))
	s.awaitPlayers(t, stream, len(players))
	p.headers()
	for range 4 {
		p.feed(70, players)
	}
	p.send(5)
	p.end()
	for i, player := range players {
		player.awaitEnd(soon)
		got, _ := player.seen()
		if got.last.number != p.source.number-1 {
			t.Errorf("%s: last message %d of %d, and %v", player.name, got.last.number, p.source.number-1, player.err)
		}
		if i < len(players)-1 && (got.shift != -begin || !errors.Is(player.err, io.EOF)) {
			t.Errorf("%s: timestamps shifted by %d; ended by %v", player.name, int32(got.shift), player.err)
		}
	}
}

// ffmpeg decodes every picture, on the publisher's worker and on another, whether it waits for the publisher or joins it; and ends when the publisher
// goes.
func TestHTTPFLVInFFmpeg(t *testing.T) {
	t.Parallel()
	testInFFmpeg(t, (*server).flvURL)
}

// A playURL is where a stream plays, on a worker's own port or on the shared one.
type playURL func(s *server, worker int, stream string) string

func testInFFmpeg(t *testing.T, url playURL) {
	const stream = "live/clip"
	s := start(t, options{live: "play_wait: 60s, republish_wait: 1s"})
	c := makeClip(t, t.TempDir(), 60)
	type started struct {
		*process
		file  string
		joins bool
	}
	var all []started
	begin := func(joins bool) {
		for worker := range 2 {
			p, file := playFFmpeg(t, url(s, worker, stream), t.TempDir())
			all = append(all, started{p, file, joins})
		}
	}
	viewer := watch(t, s.rtmpURL(0, stream))
	begin(false)
	s.awaitPlayers(t, stream, 3)
	publisher := c.publish(t, s.rtmpURL(0, stream))
	viewer.awaitVideo(2*soon, 1)
	begin(true)
	s.awaitPlayers(t, stream, 5)
	viewer.awaitVideo(2*soon, 3)
	interrupt(publisher)
	viewer.awaitEnd(soon)
	published := len(viewer.videoFrames())
	for i, p := range all {
		p.wait(2 * soon)
		if said := p.out.String(); phantom.MatchString(said) {
			t.Errorf("streams that nobody published:\n%s", said)
		}
		r := decode(t, p.file)
		spans, err := c.spans(r, 0)
		switch {
		case err != nil || len(spans) != 1 || spans[0].to != published:
			t.Errorf("ffmpeg %d, joins %v: pictures %v of %d: %v", i, p.joins, spans, published, err)
		case spans[0].from%clipRate != 0 || p.joins && spans[0].from == 0 || i == 0 && spans[0].from != 0:
			t.Errorf("ffmpeg %d, joins %v: begins at picture %d", i, p.joins, spans[0].from)
		}
		r.hasSound(t, clipRate)
	}
}

// A player of FLV over HTTP that reads too slowly misses whole GOPs.
func TestHTTPFLVLagging(t *testing.T) {
	t.Parallel()
	testLaggingFLV(t, (*server).flvURL)
}

func testLaggingFLV(t *testing.T, url playURL) {
	const stream = "live/slow"
	s := start(t, options{live: "log_bytes: 4MiB, stall_timeout: 60s"})
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(20_000_000)
	publisher.headers()
	publisher.send(messagesPerSecond)
	const buffer = 256 << 10
	slow := playFLV(t, url(s, 1, stream), func(p *player) { p.mayLag, p.reading, p.buffer = true, newGate(), buffer })
	slow.awaitRun(soon, publisher.source.run)
	for want := 1; want <= 2; want++ {
		slow.reading.shut()
		publisher.send(10 * messagesPerSecond) // 25 MB: more than the log, the pipe and the kernel hold
		slow.reading.open()
		slow.awaitGaps(2*soon, want)
	}
	publisher.feed(messagesPerSecond, map[int]*player{1: slow})
}

// One that reads nothing is closed, and counted.
func TestHTTPFLVStalled(t *testing.T) {
	t.Parallel()
	testStalled(t, "http_flv", askHTTP, (*server).flvURL)
}

// asker asks for a stream over a connection with a receive buffer of so many bytes, or of the system's choice when 0.
type asker func(ctx context.Context, url string, buffer int) (io.ReadCloser, error)

func testStalled(t *testing.T, protocol model.LabelValue, ask asker, url playURL) {
	const stream = "live/stalled"
	s := start(t, options{live: "stall_timeout: 1s", rtmp: "user_timeout: 60s"}) // the kernel doesn't do it for us
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(40_000_000)
	sending := publisher.goLive()
	beside := play(t, s.rtmpURL(1, stream))
	for worker := range 2 {
		body, err := ask(t.Context(), url(s, worker, stream), smallBuffer)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { body.Close() })
	}
	s.awaitClosed(t, protocol, "stalled", 2)
	s.awaitPlayers(t, stream, 1)
	if err := sending.stop(); err != nil {
		t.Errorf("the publisher was disturbed: %v", err)
	}
	beside.check()
}

// awaitClosed waits until so many connections of a protocol have ended for a reason, and none is open.
func (s *server) awaitClosed(t testing.TB, protocol, reason model.LabelValue, n float64) {
	t.Helper()
	waitFor(t, 2*soon, fmt.Sprintf("%v connections closed as %s", n, reason), func() string {
		samples, err := s.metrics(shared)
		if err != nil {
			return err.Error()
		}
		closed, _ := sum(samples, closedTotal, model.LabelSet{"protocol": protocol, "reason": reason})
		open, _ := sum(samples, "rtmpedge_connections", model.LabelSet{"protocol": protocol})
		if closed != n || open != 0 {
			return fmt.Sprintf("%v are closed, %v open", closed, open)
		}
		return ""
	})
}

// A player stays while the publisher comes back on another worker. The end of the server ends its file, and answers who waits.
func TestHTTPFLVStays(t *testing.T) {
	t.Parallel()
	const stream = "live/back"
	s := start(t, options{live: "play_wait: 60s, republish_wait: 60s"})
	viewer := playFLV(t, s.flvURL(2, stream))
	waits := playFLV(t, s.flvURL(2, "live/never"))
	s.awaitPlayers(t, "live/never", 1)
	for worker := range 2 {
		publisher, sending := s.goLive(t, worker, stream)
		viewer.awaitRun(soon, publisher.source.run)
		viewer.awaitMore(soon, messagesPerSecond)
		if err := sending.stop(); err != nil {
			t.Fatal(err)
		}
		publisher.end()
	}
	s.stop()
	viewer.awaitEnd(soon)
	waits.awaitEnd(soon)
	if !errors.Is(viewer.err, io.EOF) || fmt.Sprint(waits.err) != "status 503: The server is shutting down.\n" {
		t.Errorf("the viewer's file ended by %v, and who waited was answered %v", viewer.err, waits.err)
	}
}

// What is no stream to play is answered, and how.
func TestHTTPFLVAnswers(t *testing.T) {
	t.Parallel()
	const secret = "a secret to play by"
	s := start(t, options{
		live: "play_wait: 100ms", apps: "{name: signed, play_secret: " + secret + "}", rtmp: "limits: {connections_per_address: 3}",
	})
	s.goLive(t, 1, "live/cam")
	s.goLive(t, 1, "signed/cam")
	s.awaitPlayers(t, "signed/cam", 0)
	good := "?" + sign.Query(secret, sign.Play, "signed", "cam", time.Now().Add(time.Hour))
	other := "?" + sign.Query(secret, sign.Play, "signed", "other", time.Now().Add(time.Hour))
	for _, c := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"HEAD", "/live/cam.flv", 200, ""},
		{"HEAD", "/live/nobody.flv", 404, ""},
		{"HEAD", "/signed/cam.flv" + good, 200, ""},
		{"HEAD", "/signed/cam.flv", 403, ""},
		{"GET", "/live/nobody.flv", 404, "Nobody publishes this stream.\n"},
		{"GET", "/signed/cam.flv", 403, "a signed URL is needed\n"},
		{"GET", "/signed/cam.flv" + other, 403, "the URL's signature is not valid\n"},
		{"POST", "/live/cam.flv", 405, "A stream answers to GET, HEAD and OPTIONS.\n"},
		{"GET", "/live/a%2fb.flv", 400, "bad stream name: the path contains an escaped slash\n"},
		{"GET", "/live/../cam.flv", 400, "bad stream name: the app contains an empty path element, . or ..\n"},
		{"GET", "/live/a%0d%0ab.flv", 400, "bad stream name: the stream name contains a character that is not printable\n"},
		{"GET", "/live/%252e%252e.flv", 400, "bad stream name: the stream name contains a forbidden percent encoding\n"},
		{"GET", "/live/.flv", 400, "bad stream name: the stream name is empty\n"},
		{"GET", "/api/v1/cam.flv", 404, ""},
		{"GET", "/cam.flv", 404, ""},
	} {
		for worker := range 2 {
			status, text, err := s.call(worker, c.method, c.path)
			if err != nil || status != c.status || c.text != "" && string(text) != c.text {
				t.Errorf("%s %s on worker %d: %d %q %v", c.method, c.path, worker, status, text, err)
			}
		}
	}
	cam := s.flvURL(0, "live/cam")
	for _, url := range []string{cam, s.flvURL(0, "signed/cam") + good, cam} {
		body, err := askHTTP(t.Context(), url, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { body.Close() })
	}
	const full = "status 429: There are too many connections from this address.\n"
	if _, err := askHTTP(t.Context(), cam, 0); fmt.Sprint(err) != full {
		t.Errorf("the fourth connection: %v", err)
	}
}
