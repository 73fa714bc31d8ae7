package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// wsURL is a path on a worker's own HTTP port, or on the shared one, over WebSocket.
func (s *server) wsURL(worker int, path string) string {
	return "ws" + strings.TrimPrefix(s.httpURL(worker, path), "http")
}

// wsFLVURL is where a stream plays over WebSocket.
func (s *server) wsFLVURL(worker int, stream string) string {
	return s.wsURL(worker, "/"+stream+".flv")
}

// Every message of a stream reaches players over WebSocket on every port, as over HTTP, beside players of HTTP; to the last before the publisher ends.
func TestWSFLVIsExact(t *testing.T) {
	t.Parallel()
	const stream = "live/exact/ws"
	begin := uint32(0xffffff - 2000)
	s := start(t, options{live: "republish_wait: 300ms"})
	p := publish(t, s.rtmpURL(0, stream))
	p.source.start = begin
	p.source.bitrate(20_000_000)
	players := map[int]*player{}
	for i, place := range everywhere(s) {
		players[i] = playFLV(t, s.wsFLVURL(place, stream))
	}
	viaHTTP := playFLV(t, s.flvURL(1, stream))
	s.awaitPlayers(t, stream, len(players)+1)
	p.headers()
	for range 4 {
		p.feed(70, players)
	}
	p.send(5)
	p.end()
	for _, player := range players {
		player.awaitEnd(soon)
		got, _ := player.seen()
		if got.last.number != p.source.number-1 || got.shift != -begin || closed(player.err) != "1000 The stream has ended." {
			t.Errorf("%s: last message %d of %d, timestamps shifted by %d, closed by %s",
				player.name, got.last.number, p.source.number-1, int32(got.shift), closed(player.err))
		}
	}
	viaHTTP.awaitEnd(soon)
	s.awaitPlays(t, "ws_flv", "ok", float64(len(players)))
}

func TestWSFLVLagging(t *testing.T) {
	t.Parallel()
	testLaggingFLV(t, (*server).wsFLVURL)
}

func TestWSFLVStalled(t *testing.T) {
	t.Parallel()
	testStalled(t, "ws_flv", askWS, (*server).wsFLVURL)
}

// A player of WebSocket-FLV stays while the publisher comes back on another worker. Whoever ends it tells so.
func TestWSFLVEnds(t *testing.T) {
	t.Parallel()
	const stream = "live/back"
	s := start(t, options{live: "play_wait: 60s, republish_wait: 60s", apps: "{name: once}"})
	viewer := playFLV(t, s.wsFLVURL(2, stream))
	waits := playFLV(t, s.wsFLVURL(2, "live/never"))
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
	for _, p := range []*player{viewer, waits} {
		p.awaitEnd(soon)
		if got := closed(p.err); got != "1001 The server is shutting down." {
			t.Errorf("%s: %s", p.name, got)
		}
	}
}

// What is no stream to play is answered before the WebSocket is open, and how; but that nobody publishes it, behind.
func TestWSFLVAnswers(t *testing.T) {
	t.Parallel()
	const secret = "a secret to play by"
	s := start(t, options{
		live: "play_wait: 100ms", apps: "{name: signed, play_secret: " + secret + "}", rtmp: "limits: {connections_per_address: 2}",
		http: "cors_origins: [https://player.example]",
	})
	good := "?" + sign.Query(secret, sign.Play, "signed", "cam", time.Now().Add(time.Hour))
	const notFound = "4404 Nobody publishes this stream."
	for _, c := range []struct{ path, origin, want string }{
		{"/live/nobody.flv", "", notFound},
		{"/live?app=live&stream=nobody", "", notFound},
		{"/signed/cam.flv" + good, "", notFound},
		{"/live/nobody.flv", "https://player.example", notFound},
		{"/live/nobody.flv", s.httpURL(1, ""), notFound}, // its own page
		{"/live/nobody.flv", "https://evil.example", "status 403: Pages of this site may not play: see http.cors_origins.\n"},
		{"/live/nobody.flv", "null", "status 403: Pages of this site may not play: see http.cors_origins.\n"},
		{"/signed/cam.flv", "", "status 403: a signed URL is needed\n"},
		{"/live/a%2fb.flv", "", "status 400: bad stream name: the path contains an escaped slash\n"},
		{"/live?app=live", "", "status 400: bad stream name: the query needs app and stream, once each\n"},
		{"/live/nobody.mp4", "", "status 400: Over WebSocket, streams play as .flv.\n"},
	} {
		header := http.Header{}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		ws, err := dialWS(t.Context(), s.wsURL(1, c.path), 0, header)
		got := fmt.Sprint(err)
		if err == nil {
			_, _, err = ws.Read(t.Context())
			got = closed(err)
		}
		if got != c.want {
			t.Errorf("%s from %q: %s", c.path, c.origin, got)
		}
	}
	s.awaitClosed(t, "ws_flv", "not_found", 5)
	s.awaitPlays(t, "ws_flv", "not_found", 5)
	s.awaitPlays(t, "ws_flv", "denied", 3)
	for version, want := range map[string]int{"12": 400, "13": 101} {
		status, _ := s.ask(t, http.MethodGet, "/live/nobody.flv", http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {version}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
		})
		if status != want {
			t.Errorf("version %s: %d", version, status)
		}
	}
	s.awaitPlays(t, "ws_flv", "error", 1)
	s.goLive(t, 0, "live/cam")
	for range 2 {
		body, err := askWS(t.Context(), s.wsFLVURL(1, "live/cam"), 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { body.Close() })
	}
	if _, err := askWS(t.Context(), s.wsFLVURL(1, "live/cam"), 0); fmt.Sprint(err) != "status 429: There are too many connections from this address.\n" {
		t.Errorf("one too many: %v", err)
	}
}

// Pings are answered, that the peer goes is noticed, and what it sends is bounded.
func TestWSFLVHears(t *testing.T) {
	t.Parallel()
	const stream = "live/heard"
	s := start(t, options{})
	s.goLive(t, 0, stream)
	connect := func() (ws *websocket.Conn, ended chan error) {
		ws, err := dialWS(t.Context(), s.wsFLVURL(1, stream), 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.CloseNow() }) //nolint:errcheck // it may be closed
		ended = make(chan error, 1)
		go func() {
			for {
				if _, _, err := ws.Read(t.Context()); err != nil {
					ended <- err
					return
				}
			}
		}()
		s.awaitPlayers(t, stream, 1)
		return ws, ended
	}
	ws, _ := connect()
	for range 3 {
		if err := ws.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	begun := time.Now()
	if err := ws.Close(4001, "seen enough"); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > soon/4 {
		t.Errorf("the server took %v to close its end", took)
	}
	s.awaitPlayers(t, stream, 0)
	ws, _ = connect()
	if err := ws.CloseNow(); err != nil { // without a word
		t.Error(err)
	}
	s.awaitPlayers(t, stream, 0)
	s.awaitClosed(t, "ws_flv", "gone", 2)
	ws, ended := connect()
	var err error
	for range 1000 {
		if err = ws.Write(t.Context(), websocket.MessageText, make([]byte, 1000)); err != nil {
			break
		}
	}
	waitClosed(t, soon, "the end of one that talks", ended)
	s.awaitClosed(t, "ws_flv", "protocol", 1)
}
