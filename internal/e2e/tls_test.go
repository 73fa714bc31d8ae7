package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// What is published over TLS is played without, and the other way round, on the owner's worker and through relays, byte for byte.
func TestTLSEveryWay(t *testing.T) {
	t.Parallel()
	s := startSecure(t, options{})
	for owner, publishing := range map[int]route{0: s.overTLS(0), 1: over(s.rtmpAddr(1)), 2: s.overTLS(shared)} {
		t.Run(placeName(owner), func(t *testing.T) {
			t.Parallel()
			stream := fmt.Sprintf("live/tls%d", owner)
			publisher := publishing.publish(t, stream)
			publisher.source.bitrate(4_000_000) // records of more than one TLS record
			players := map[int]*player{}
			for i, place := range everywhere(s.server) {
				players[2*i] = play(t, s.rtmpURL(place, stream), keepAll)
				players[2*i+1] = s.overTLS(place).play(t, stream, keepAll)
			}
			s.awaitPlayers(t, stream, len(players))
			publisher.headers()
			for range 5 {
				publisher.feed(70, players)
			}
			want := players[0].keptMessages()
			for i, player := range players {
				if diff := differentMessages(want, player.keptMessages()); diff != "" {
					t.Errorf("player %d: %s", i, diff)
				}
			}
			publisher.end()
		})
	}
	t.Cleanup(func() {
		if got := s.metric(t, "rtmpedge_connections_accepted_total", "protocol", "rtmps"); got < 3*5+2 {
			t.Errorf("%v accepted connections are counted", got)
		}
		if got := s.metric(t, "rtmpedge_received_bytes_total", "protocol", "rtmps", "role", "publisher"); got < 500_000 {
			t.Errorf("%v bytes received from publishers are counted", got)
		}
	})
}

// ffmpeg publishes and plays over TLS.
func TestTLSFFmpeg(t *testing.T) {
	t.Parallel()
	const frames = 40
	s := startSecure(t, options{})
	publisher := ffmpegPublish(t, s.tlsURL(0, "live/secure"))
	var players []*ffmpegPlayer
	for _, url := range []string{s.tlsURL(0, "live/secure"), s.tlsURL(1, "live/secure"), s.rtmpURL(2, "live/secure")} {
		players = append(players, ffmpegPlay(t, url, frames))
	}
	for _, p := range players {
		p.wait(ffmpegTime(frames))
		p.check(frames)
		samePackets(t, players[0], p)
	}
	publisher.mustRun()
}

// A client without TLS 1.2 is refused, and so is one without 1.3 where that is asked for.
func TestTLSVersion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		settings        []string
		refused, served uint16
	}{
		{"as a rule", nil, tls.VersionTLS11, tls.VersionTLS12},
		{"only 1.3", []string{`min_version: "1.3"`}, tls.VersionTLS12, tls.VersionTLS13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startSecure(t, options{workers: 1}, tt.settings...)
			ctx, cancel := context.WithTimeout(context.Background(), soon)
			defer cancel()
			config := s.config()
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tt.refused
			if _, err := within(over(s.tlsAddr(0)), config).dial(ctx); err == nil || ctx.Err() != nil {
				t.Errorf("version %#x: connected, with %v", tt.refused, err)
			}
			s.awaitMetric(t, 1, "rtmpedge_protocol_errors_total", "kind", "tls")
			s.awaitMetric(t, 1, "rtmpedge_connections_closed_total", "protocol", "rtmps", "reason", "handshake")
			config.MaxVersion = tt.served
			publisher := within(over(s.tlsAddr(0)), config).publish(t, "live/modern")
			publisher.headers()
			publisher.send(10)
			publisher.awaitReceived(s.server, "live/modern")
		})
	}
}

// Plain RTMP on an RTMPS port, and TLS on an RTMP port, are closed and counted.
func TestTLSWrongPort(t *testing.T) {
	t.Parallel()
	s := startSecure(t, options{workers: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	defer cancel()
	for _, wrong := range []struct {
		protocol, kind string
		route          route
	}{
		{"rtmps", "tls", over(s.tlsAddr(0))},
		{"rtmp", "handshake", within(over(s.rtmpAddr(0)), s.config())},
	} {
		if _, _, err := wrong.route.connect(ctx, "live/wrong"); err == nil || ctx.Err() != nil {
			t.Errorf("%s: connected, with %v", wrong.protocol, err)
		}
		s.awaitMetric(t, 1, "rtmpedge_connections_closed_total", "protocol", wrong.protocol, "reason", "handshake")
		if got := s.metric(t, "rtmpedge_protocol_errors_total", "kind", wrong.kind); got != 1 {
			t.Errorf("%s: %v protocol errors are counted", wrong.protocol, got)
		}
	}
}

// Without a certificate nothing listens on the RTMPS port.
func TestTLSOff(t *testing.T) {
	t.Parallel()
	var addr string
	s := startOn(t, options{workers: 1}, 1, func(base int, opt *options) {
		addr = fmt.Sprintf("127.0.0.1:%d", base)
		opt.rtmp = fmt.Sprintf("tls: {listen: [%q]}", addr)
	})
	publish(t, s.rtmpURL(0, "live/plain"))
	if nc, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the RTMPS port of a server without certificate: %v, %v", nc, err)
	}
}

// A server whose certificate can't be loaded doesn't start, and says why.
func TestTLSBadCertificate(t *testing.T) {
	t.Parallel()
	files := newKeyPair(t)
	newAuthority(t).issue(t, files, 2, time.Now().Add(time.Hour))
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	replaceFile(t, garbage, []byte("this is no certificate\n"))
	other := newKeyPair(t)
	newAuthority(t).issue(t, other, 2, time.Now().Add(time.Hour))
	for name, bad := range map[string]struct {
		keyPair
		key  string // of the configuration, that the error names
		file string // likewise
	}{
		"missing certificate": {keyPair{"/nonexistent/cert.pem", files.key}, "rtmp.tls.cert", "/nonexistent/cert.pem"},
		"missing key":         {keyPair{files.cert, "/nonexistent/key.pem"}, "rtmp.tls.key", "/nonexistent/key.pem"},
		"garbage":             {keyPair{garbage, files.key}, "rtmp.tls.cert", garbage},
		"another's key":       {keyPair{files.cert, other.key}, "rtmp.tls.cert", other.key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := launch(t, options{workers: 1, rtmp: fmt.Sprintf(`tls: {listen: ["127.0.0.1:%d"], cert: %q, key: %q}`,
				freePorts(t, 1), bad.cert, bad.keyPair.key)})
			t.Cleanup(s.kill)
			waitClosed(t, soon, "the end of a server that can't start", s.exited)
			waitClosed(t, soon, "the end of its log", s.log.ended)
			said := s.log.String()
			var exit *exec.ExitError
			if !errors.As(s.exitErr, &exit) || exit.ExitCode() < 1 || !containsAll(said, bad.key, bad.file) {
				t.Errorf("it ended with %v and said:\n%s", s.exitErr, said)
			}
			if strings.Contains(said, "msg=ready") {
				t.Error("it started")
			}
		})
	}
}

// SIGTERM ends players and publishers over TLS at once, one that doesn't read included: they are told, and TLS is closed as it should be.
func TestTLSShutdown(t *testing.T) {
	t.Parallel()
	const stream = "live/secure"
	s := startSecure(t, options{})
	publisher, _ := s.overTLS(0).goLive(t, stream)
	var viewers []*player
	for i := range 2 * workers {
		viewers = append(viewers, s.overTLS(i%workers).play(t, stream))
	}
	wire := &lastRecord{}
	viewers = append(viewers, within(wire.on(over(s.tlsAddr(0))), s.tls12()).play(t, stream))
	waiting := s.overTLS(3).play(t, "live/nobody")
	s.awaitPlayers(t, "live/nobody", 1)
	for _, v := range viewers {
		v.awaitRun(soon, publisher.source.run)
	}
	s.playStalled(t, 1, stream)
	s.awaitPlayers(t, stream, len(viewers)+1)

	s.signal(syscall.SIGTERM)
	began := time.Now()
	s.waitStopped(s.opt.shutdownTimeout + time.Second)
	took := time.Since(began)
	t.Logf("down after %v", took)
	if took > s.opt.shutdownTimeout/2 {
		t.Errorf("it took %v", took)
	}
	for _, v := range viewers {
		if codes := v.awaitEnd(soon); !slices.Contains(codes, rtmp.CodePlayUnpublishNotify) || !errors.Is(v.err, io.EOF) {
			t.Errorf("a player was told %v, and ended with %v", codes, v.err)
		}
	}
	if waiting.awaitEnd(soon); !errors.Is(waiting.err, io.EOF) {
		t.Errorf("the waiting player ended with %v", waiting.err)
	}
	if !wire.isAlert() {
		t.Errorf("TLS was not closed: a player's last bytes are %x", wire.tail)
	}
	if codes := publisher.told(soon); !slices.Contains(codes, rtmp.CodeUnpublishSuccess) {
		t.Errorf("the publisher was told %v", codes)
	}
}
