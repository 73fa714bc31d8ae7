package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// mp4URL is where a stream plays as fragmented MP4.
func (s *server) mp4URL(worker int, stream string) string {
	return s.httpURL(worker, "/"+stream+".mp4")
}

// ffmpeg decodes every picture, on the publisher's worker and on another, whether it waits for the publisher or joins it; and ends when the publisher
// goes.
func TestFMP4InFFmpeg(t *testing.T) {
	t.Parallel()
	testInFFmpeg(t, (*server).mp4URL)
}

// An mp4Reader reads the boxes of an MP4 file.
type mp4Reader struct{ io.Reader }

// box returns the type of the next box, and how long it is. A box that is broken off is an error.
func (r mp4Reader) box() (kind string, size uint32, err error) {
	var header [8]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return "", 0, err
	}
	size = binary.BigEndian.Uint32(header[:])
	if _, err := io.CopyN(io.Discard, r, int64(size)-int64(len(header))); err != nil {
		return "", 0, fmt.Errorf("a box of %d bytes is broken off: %w", size, io.ErrUnexpectedEOF)
	}
	return string(header[4:]), size, nil
}

// until reads boxes until one of a kind.
func (r mp4Reader) until(kind string) error {
	for {
		if got, _, err := r.box(); err != nil || got == kind {
			return err
		}
	}
}

// awaitEnd reads until the file ends, behind a whole box.
func (r mp4Reader) awaitEnd(t testing.TB, within time.Duration) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- r.until("none") }()
	select {
	case err := <-ended:
		if !errors.Is(err, io.EOF) {
			t.Errorf("the MP4 ends with %v", err)
		}
	case <-time.After(within):
		t.Errorf("the MP4 does not end within %v", within)
	}
}

// playMP4 asks for a stream over a connection with a receive buffer of so many bytes, and returns it and its content type.
func playMP4(t testing.TB, url string, buffer int) (mp4Reader, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := clientWith(buffer).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatal(refusalIn(response))
	}
	return mp4Reader{response.Body}, response.Header.Get("Content-Type")
}

// The head of the answer names the codecs. The file begins with what it consists of, goes on in fragments, and ends with a whole one.
func TestFMP4IsWhole(t *testing.T) {
	t.Parallel()
	const stream = "live/whole"
	s := start(t, options{live: "republish_wait: 300ms, stall_timeout: 60s"})
	publisher, sending := s.goLive(t, 0, stream)
	var files []mp4Reader
	for _, place := range everywhere(s) {
		file, contentType := playMP4(t, s.mp4URL(place, stream), 0)
		if contentType != `video/mp4; codecs="avc1.42c00c,mp4a.40.2"` {
			t.Errorf("%s: the content type is %s", placeName(place), contentType)
		}
		for _, want := range []string{"ftyp", "moov", "moof", "mdat", "moof", "mdat"} {
			if got, _, err := file.box(); got != want {
				t.Fatalf("%s: %q instead of %s: %v", placeName(place), got, want, err)
			}
		}
		files = append(files, file)
	}
	if err := sending.stop(); err != nil {
		t.Fatal(err)
	}
	publisher.end()
	for _, file := range files {
		file.awaitEnd(t, soon)
	}
	s.awaitClosed(t, "http_fmp4", "unpublished", float64(len(files)))
	s.awaitPlays(t, "http_fmp4", "ok", float64(len(files)))
}

// One that reads too slowly misses something, and goes on with whole boxes.
func TestFMP4Lagging(t *testing.T) {
	t.Parallel()
	const stream = "live/slow"
	s := start(t, options{live: "log_bytes: 4MiB, stall_timeout: 60s"})
	publisher := publish(t, s.rtmpURL(0, stream))
	publisher.source.bitrate(20_000_000)
	publisher.headers()
	publisher.send(messagesPerSecond)
	file, _ := playMP4(t, s.mp4URL(1, stream), 256<<10)
	if err := file.until("mdat"); err != nil {
		t.Fatal(err)
	}
	publisher.send(10 * messagesPerSecond) // 25 MB: more than the log, the pipe and the kernel hold
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		file.awaitEnd(t, 4*soon)
	}()
	waitFor(t, soon, "the player lags", func() string {
		samples, err := s.metrics(shared)
		if err != nil {
			return err.Error()
		}
		if missed, _ := sum(samples, "rtmpedge_frames_dropped_total", model.LabelSet{"reason": "lag"}); missed == 0 {
			return "it misses nothing"
		}
		return ""
	})
	publisher.send(messagesPerSecond)
	s.awaitPlayers(t, stream, 1)
	s.stop()
	<-ended
}

// One that reads nothing is closed, and counted; who plays beside it is not disturbed.
func TestFMP4Stalled(t *testing.T) {
	t.Parallel()
	testStalled(t, "http_fmp4", askHTTP, (*server).mp4URL)
}

// What is no stream to play as MP4 is answered, and how.
func TestFMP4Answers(t *testing.T) {
	t.Parallel()
	const secret = "a secret to play by"
	s := start(t, options{
		live: "play_wait: 100ms", apps: "{name: signed, play_secret: " + secret + "}, {name: patient}", rtmp: "limits: {connections_per_address: 4}",
	})
	s.goLive(t, 1, "live/cam")
	speak(t, s.rtmpURL(0, "live/speex"))
	good := "?" + sign.Query(secret, sign.Play, "signed", "cam", time.Now().Add(time.Hour))
	for _, c := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"HEAD", "/live/cam.mp4", 200, ""},
		{"HEAD", "/live/nobody.mp4", 404, ""},
		{"GET", "/live/nobody.mp4", 404, "Nobody publishes this stream.\n"},
		{"GET", "/signed/cam.mp4", 403, "a signed URL is needed\n"},
		{"GET", "/signed/cam.mp4" + good, 404, "Nobody publishes this stream.\n"},
		{"GET", "/live/a%2fb.mp4", 400, "bad stream name: the path contains an escaped slash\n"},
		{"GET", "/live/speex.mp4", 415, "MP4 has no place for this stream's codecs.\n"},
		{"POST", "/live/cam.mp4", 405, "A stream answers to GET, HEAD and OPTIONS.\n"},
		{"GET", "/console/cam.mp4", 404, ""},
	} {
		for worker := range 2 {
			status, text, err := s.call(worker, c.method, c.path)
			if err != nil || status != c.status || c.text != "" && string(text) != c.text {
				t.Errorf("%s %s on worker %d: %d %q %v", c.method, c.path, worker, status, text, err)
			}
		}
	}
	if _, header := s.ask(t, http.MethodHead, "/live/cam.mp4", nil); header.Get("Content-Type") != "video/mp4" {
		t.Errorf("HEAD: %v", header)
	}
	s.awaitClosed(t, "http_fmp4", "refused", 2)
	s.awaitClosed(t, "http_fmp4", "not_found", 4)
	s.awaitPlays(t, "http_fmp4", "error", 2)
	s.awaitPlays(t, "http_fmp4", "not_found", 4)
	for range 3 { // beside a publisher
		playMP4(t, s.mp4URL(0, "live/cam"), 0)
	}
	if _, err := askHTTP(t.Context(), s.mp4URL(0, "live/cam"), 0); fmt.Sprint(err) != "status 429: There are too many connections from this address.\n" {
		t.Errorf("one too many: %v", err)
	}
}

// speak publishes sound in a codec that MP4 has no place for.
func speak(t testing.TB, url string) {
	t.Helper()
	p := publish(t, url)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ts := uint32(0); ; ts += 20 {
			m := rtmp.Message{Type: rtmp.TypeAudio, StreamID: p.stream, Timestamp: ts, Payload: make([]byte, 40)}
			m.Payload[0] = 0xb6 // Speex (FLV §E.4.2.1)
			if p.conn.WriteMessage(&m) != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// An operator ends viewers of all kinds, each in its own words.
func TestHTTPPlayersKicked(t *testing.T) {
	t.Parallel()
	const stream = "live/kicked"
	s := start(t, options{})
	publisher, _ := s.goLive(t, 0, stream)
	viewers := []*player{playFLV(t, s.flvURL(1, stream)), playFLV(t, s.wsFLVURL(1, stream))}
	for _, v := range viewers {
		v.awaitRun(soon, publisher.source.run)
	}
	file, _ := playMP4(t, s.mp4URL(1, stream), 0)
	if err := file.until("mdat"); err != nil {
		t.Fatal(err)
	}
	status, body, err := s.call(2, http.MethodDelete, "/api/v1/streams/"+stream+"/players")
	if err != nil || status != http.StatusOK {
		t.Fatalf("DELETE: %d %s %v", status, body, err)
	}
	for _, v := range viewers {
		v.awaitEnd(soon)
	}
	file.awaitEnd(t, soon)
	if !errors.Is(viewers[0].err, io.EOF) || closed(viewers[1].err) != "4403 Ended by an operator." {
		t.Errorf("the file ends with %v, the WebSocket with %s", viewers[0].err, closed(viewers[1].err))
	}
	for _, protocol := range []model.LabelValue{"http_flv", "ws_flv", "http_fmp4"} {
		s.awaitClosed(t, protocol, "kicked", 1)
	}
}
