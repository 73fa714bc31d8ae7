package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/common/model"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// clientWith makes connections with a receive buffer of so many bytes, or of the system's choice when 0.
func clientWith(buffer int) *http.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		if err == nil && buffer != 0 {
			err = c.(*net.TCPConn).SetReadBuffer(buffer)
		}
		return c, err
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// askHTTP asks for a stream.
func askHTTP(ctx context.Context, url string, buffer int) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := clientWith(buffer).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	return nil, refusalIn(response)
}

func refusalIn(response *http.Response) error {
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return fmt.Errorf("status %d: %s", response.StatusCode, text)
}

// ask makes a request with a header, and returns the head of the answer.
func (s *server) ask(t testing.TB, method, path string, header http.Header) (status int, answer http.Header) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.httpURL(shared, path), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := clientWith(0).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header
}

// awaitPlays waits until so many requests of a protocol to play have come to a result. Those that were given media have a join time, and bytes.
func (s *server) awaitPlays(t testing.TB, protocol, result model.LabelValue, n float64) {
	t.Helper()
	waitFor(t, soon, fmt.Sprintf("%v plays are %s", n, result), func() string {
		samples, err := s.metrics(shared)
		if err != nil {
			return err.Error()
		}
		plays, _ := sum(samples, "rtmpedge_plays_total", model.LabelSet{"protocol": protocol, "result": result})
		joins, _ := sum(samples, "rtmpedge_play_join_seconds_count", model.LabelSet{"protocol": protocol})
		sent, _ := sum(samples, "rtmpedge_sent_bytes_total", model.LabelSet{"protocol": protocol, "role": "player"})
		if plays != n || result == "ok" && (joins != n || sent < n*1000) {
			return fmt.Sprintf("%v are; %v joined, %v bytes were sent", plays, joins, sent)
		}
		return ""
	})
}

// Pages of other sites may play where the configuration says so, and only then: on every kind of answer.
func TestPlayersOrigins(t *testing.T) {
	t.Parallel()
	const ours, theirs = "https://player.example", "https://evil.example"
	for _, c := range []struct{ configured, origin, allow string }{
		{"", theirs, "*"},
		{"cors_origins: [" + ours + "]", ours, ours},
		{"cors_origins: [" + ours + "]", theirs, ""},
		{"cors_origins: []", ours, ""},
	} {
		t.Run(c.configured+" "+c.origin, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{workers: 1, live: "play_wait: 100ms", http: c.configured})
			s.goLive(t, 0, "live/cam")
			asks := http.Header{"Origin": {c.origin}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"range"}}
			for _, request := range []struct {
				method, path string
				status       int
			}{
				{"OPTIONS", "/live/cam.flv", 204},
				{"OPTIONS", "/live/cam.mp4", 204},
				{"OPTIONS", "/live?app=live&stream=cam", 204},
				{"GET", "/live/cam.flv", 200},
				{"GET", "/live/nobody.flv", 404},
				{"GET", "/live/nobody.mp4", 404},
				{"HEAD", "/live/cam.mp4", 200},
				{"GET", "/live?app=live", 400},
				{"PUT", "/live/cam.flv", 405},
			} {
				status, header := s.ask(t, request.method, request.path, asks)
				if got := header.Get("Access-Control-Allow-Origin"); status != request.status || got != c.allow {
					t.Errorf("%v: %d, allow %q", request, status, got)
				}
				if vary := header.Get("Vary") == "Origin"; vary != (c.configured != "") || header.Get("Cache-Control") != "no-store" {
					t.Errorf("%v: %v", request, header)
				}
				if names := header.Get("Access-Control-Allow-Headers"); (names != "") != (request.method == "OPTIONS" && c.allow != "") {
					t.Errorf("%v: allows headers %q", request, names)
				}
			}
		})
	}
}

// The alias is the same as the path, for every method and protocol.
func TestPlayersAlias(t *testing.T) {
	t.Parallel()
	const stream, secret = "live/by/name", "a secret to play by"
	s := start(t, options{live: "republish_wait: 300ms", apps: "{name: live/by, play_secret: " + secret + "}"})
	path := "/live?app=live/by&stream=name&" + sign.Query(secret, sign.Play, "live/by", "name", time.Now().Add(time.Hour))
	p := publish(t, s.rtmpURL(0, stream))
	players := map[int]*player{}
	for i, place := range everywhere(s) {
		players[2*i] = playFLV(t, s.httpURL(place, path))
		players[2*i+1] = playFLV(t, s.wsURL(place, path))
	}
	s.awaitPlayers(t, stream, len(players))
	p.headers()
	p.feed(70, players)
	if status, header := s.ask(t, http.MethodHead, path, nil); status != http.StatusOK || header.Get("Content-Type") != "video/x-flv" {
		t.Errorf("HEAD: %d, %v", status, header)
	}
	if status, _ := s.ask(t, http.MethodGet, "/live?app=live/by&stream=name", nil); status != http.StatusForbidden {
		t.Errorf("without a signature: %d", status)
	}
}

// Siblings, and programs of the server's own user, play from a worker's private socket. Those have no address, so only the limit of all counts for them.
func TestPlayersOnPrivateSocket(t *testing.T) {
	t.Parallel()
	const stream, worker = "live/private", 1
	s := start(t, options{rtmp: "limits: {connections_per_address: 1}"})
	s.goLive(t, 0, stream)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(s.runDir, fmt.Sprintf("http.sock.%d", worker)))
	}}}
	t.Cleanup(client.CloseIdleConnections)
	for _, format := range []string{"flv", "mp4", "flv", "mp4"} {
		response, err := client.Get("http://x/" + stream + "." + format)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		if n, err := io.CopyN(io.Discard, response.Body, 50_000); response.StatusCode != http.StatusOK || err != nil {
			t.Errorf("%s: status %d, %d bytes, %v", format, response.StatusCode, n, err)
		}
	}
	ws, _, err := websocket.Dial(t.Context(), "ws://x/"+stream+".flv", &websocket.DialOptions{HTTPClient: client}) //nolint:bodyclose // it is the WebSocket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() }) //nolint:errcheck // the test is over
	if kind, _, err := ws.Read(t.Context()); err != nil || kind != websocket.MessageBinary {
		t.Errorf("WebSocket: %v, %v", kind, err)
	}
	s.awaitPlayers(t, stream, 5)
}
