package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/internal/sign"
)

// The pairs of a line that log/slog's text handler wrote.
var logPair = regexp.MustCompile(`([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ ]*)`)

// attributes returns what a line of the log says, unquoted.
func attributes(line string) map[string]string {
	all := map[string]string{}
	for _, pair := range logPair.FindAllStringSubmatch(line, -1) {
		value := pair[2]
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		all[pair[1]] = value
	}
	return all
}

// TestSessionLog: one line when a session ends tells who it was, what it did, and why it ended; and no secret.
func TestSessionLog(t *testing.T) {
	t.Parallel()
	const secret, app, name = "a secret to publish by", "signed", `ca"m<x>`
	s := start(t, options{
		live: "play_wait: 100ms, republish_wait: 100ms", apps: fmt.Sprintf("{name: %s, publish_secret: %s, play_secret: %s}", app, secret, secret),
	})
	query := func(action sign.Action) string {
		return "?" + sign.Query(secret, action, app, name, time.Now().Add(time.Hour)) + "&mine=hush"
	}
	stream := app + "/" + name
	publisher := publish(t, s.rtmpURL(0, stream+query(sign.Publish)))
	local := play(t, s.rtmpURL(0, stream+query(sign.Play)))
	remote := play(t, s.rtmpURL(1, stream+query(sign.Play)))
	flv := playFLV(t, s.httpURL(1, "/signed/ca%22m%3Cx%3E.flv"+query(sign.Play)))
	s.awaitPlayers(t, stream, 3)
	publisher.headers()
	publisher.send(1)
	for _, p := range []*player{local, remote, flv} { // all begin with the first keyframe
		p.awaitMessages(soon, 1)
	}
	publisher.feed(3*messagesPerSecond, map[int]*player{0: local, 1: remote, 2: flv})
	publisher.end()
	for _, p := range []*player{local, remote, flv} {
		p.awaitEnd(soon)
	}
	absent := play(t, s.rtmpURL(1, "live/nobody"))
	absent.awaitEnd(soon)

	sent := publisher.written()
	s.log.wait(t, soon, `level=INFO .*msg="session ended"`, 5)
	lines := map[string]map[string]string{} // by role, protocol and worker
	for _, line := range s.log.find(`level=INFO .*msg="session ended"`) {
		a := attributes(line)
		lines[a["role"]+" "+a["protocol"]+" "+a["worker"]+" "+a["reason"]] = a
	}
	about := map[string]string{"app": app, "stream": stream, "dropped": "0"}
	for who, want := range map[string]map[string]string{
		"publisher rtmp 0 gone":         {},
		"player rtmp 0 unpublished":     {"source": "local"},
		"player rtmp 1 unpublished":     {"source": "worker"},
		"player http_flv 1 unpublished": {"source": "worker", "client": "Go-http-client/1.1"},
		"player rtmp 1 not_found":       {"app": "live", "stream": "live/nobody"},
	} {
		got := lines[who]
		if got == nil {
			t.Errorf("no line about %s; there are %v", who, lines)
			continue
		}
		for key, value := range about {
			if w, ok := want[key]; ok {
				value = w
			}
			if got[key] != value {
				t.Errorf("%s: %s is %q, not %q", who, key, got[key], value)
			}
		}
		frames, err := strconv.Atoi(got["frames"])
		switch played := want["app"] == ""; {
		case err != nil, !played && frames != 0, frames > sent:
			t.Errorf("%s: %s frames of %d", who, got["frames"], sent)
		case played && frames < sent-3: // headers that were there before it came are no frames
			t.Errorf("%s: %d frames of %d", who, frames, sent)
		}
		if want["source"] != got["source"] || (got["join"] == "") != (want["source"] == "") || want["client"] != "" && got["client"] != want["client"] {
			t.Errorf("%s: %v", who, got)
		}
		for _, key := range []string{"session", "remote", "client", "duration", "received_bytes", "sent_bytes"} {
			if got[key] == "" {
				t.Errorf("%s: no %s in %v", who, key, got)
			}
		}
	}
	for _, hidden := range []string{"hush", "expires=", "signature", secret} {
		if found := s.log.find(regexp.QuoteMeta(hidden)); len(found) > 0 {
			t.Errorf("%q is in the log: %s", hidden, found[0])
		}
	}
	if found := s.log.find(`<x>`); len(found) == 0 || len(s.log.find(`ca\\"m`)) != len(found) {
		t.Errorf("the name is not quoted: %q", found)
	}
}
