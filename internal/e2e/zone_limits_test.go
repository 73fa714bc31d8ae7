package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// mustBeRefused wants a refusal that tells the client what to do.
func mustBeRefused(t *testing.T, what string, err error, code, advice string) {
	t.Helper()
	var refused *rtmp.StatusError
	if !errors.As(err, &refused) || refused.Code != code || refused.Level != rtmp.LevelError || !strings.Contains(refused.Description, advice) {
		t.Errorf("%s: %v, want %s with %q", what, err, code, advice)
	}
}

// countedClaims checks the publishes and the claims that all workers have counted.
func (s *server) countedClaims(t *testing.T, publish, claim string, n int) {
	t.Helper()
	if got := s.metric(t, "rtmpedge_publishes_total", "result", publish); int(got) != n {
		t.Errorf("%v publishes are counted as %s, not %d", got, publish, n)
	}
	if got := s.metric(t, "rtmpedge_zone_claims_total", "result", claim); int(got) != n {
		t.Errorf("%v claims are counted as %s, not %d", got, claim, n)
	}
}

// A zone of two streams refuses a third publisher, on whichever worker, until one of the two has ended.
func TestZoneOfTwoStreams(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2, zone: "streams: 2"})
	first, sending := s.goLive(t, 0, "live/first")
	second, _ := s.goLive(t, 1, "live/second")
	viewer := play(t, s.rtmpURL(1, "live/first"))
	viewer.awaitRun(soon, first.source.run)
	for _, worker := range []int{0, 1, 1} {
		_, err := dialPublish(t, s.rtmpURL(worker, "live/third"))
		mustBeRefused(t, fmt.Sprintf("third publisher, on worker %d", worker), err, rtmp.CodePublishFailed, "try again later")
	}
	s.countedClaims(t, "zone_full", "full", 3)
	s.log.wait(t, soon, `msg="session ended".* stream=live/third .*refused=zone_full`, 3)
	if got := len(s.log.find(`level=WARN msg="publishers are refused: the stream zone is full" .*limit=stream_zone.streams`)); got != 2 {
		t.Errorf("%d lines in the log that the zone is full, not one of each worker", got)
	}
	// A name that somebody has is taken, not in want of room.
	_, err := dialPublish(t, s.rtmpURL(1, "live/first"))
	mustBeRefused(t, "second publisher of one name", err, rtmp.CodePublishBadName, "choose another name, or try again when it has ended")
	s.countedClaims(t, "taken", "taken", 1)

	if err := sending.stop(); err != nil {
		t.Errorf("the first publisher was disturbed: %v", err)
	}
	first.end()
	third, _ := s.goLiveAgain(t, 1, "live/third")
	watcher := play(t, s.rtmpURL(0, "live/third"))
	watcher.awaitRun(soon, third.source.run)
	_, err = dialPublish(t, s.rtmpURL(0, "live/first"))
	mustBeRefused(t, "first publisher again", err, rtmp.CodePublishFailed, "try again later")
	second.awaitReceived(s, "live/second")
	checkZoneLive(t, s, 2)
}

func checkZoneLive(t *testing.T, s *server, live int) {
	t.Helper()
	var answer zoneAnswer
	if err := s.get(shared, "/api/v1/zone", &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Zone.Live != live || answer.Zone.Capacity != 2 {
		t.Errorf("%d of %d streams, want %d of 2", answer.Zone.Live, answer.Zone.Capacity, live)
	}
}

// publishNamed publishes a name of the app live, as it is.
func (s *server) publishNamed(t *testing.T, worker int, name string) (*publisher, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, _, err := rtmp.Dial(ctx, s.rtmpURL(worker, "live/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stream, err := conn.Publish(ctx, name)
	if err != nil {
		conn.Close()
		return nil, err
	}
	p := &publisher{t: t, conn: conn, stream: stream, source: newSource(runs.Add(1)), ended: make(chan struct{})}
	go p.read()
	return p, nil
}

// playNamed plays a name of the app live, as it is.
func (s *server) playNamed(t *testing.T, worker int, name string) *player {
	t.Helper()
	return playOver(t, fmt.Sprintf("%.50q", name), func(ctx context.Context, _ *player) (*rtmp.ClientConn, string, error) {
		conn, _, err := rtmp.Dial(ctx, s.rtmpURL(worker, "live/"), nil)
		return conn, name, err
	})
}

// Names of every length around the ends of words, up to the longest there may be, are published on one worker and played on another.
func TestNamesOfEveryLength(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	const longest = 1024 - len("live/")
	names := []string{
		strings.Repeat("n", longest), strings.Repeat("n", longest-1), strings.Repeat("ä", longest/2), "n ame", "ä", "日本語", "😀", "50%", "a/b",
	}
	for n := 1; n <= 40; n++ { // they differ from the longest, and from each other, in their length only
		names = append(names, strings.Repeat("n", n))
	}
	publishers, players := map[string]*publisher{}, map[string]*player{}
	for i, name := range names {
		p, err := s.publishNamed(t, i%2, name)
		if err != nil {
			t.Fatalf("publish a name of %d bytes: %v", len(name), err)
		}
		publishers[name], players[name] = p, s.playNamed(t, 1-i%2, name)
	}
	for name, p := range publishers {
		p.headers()
		p.feed(10, map[int]*player{0: players[name]})
		if got, _ := players[name].seen(); len(got.runs) != 1 || got.runs[0] != p.source.run {
			t.Errorf("the player of %.50q saw %v, not %d", name, got.runs, p.source.run)
		}
	}
	s.countedClaims(t, "ok", "ok", len(names))

	for _, name := range []string{strings.Repeat("n", longest+1), strings.Repeat("ä", longest/2+1), strings.Repeat("n", 60000)} {
		_, err := s.publishNamed(t, 0, name)
		mustBeRefused(t, fmt.Sprintf("a name of %d bytes", len(name)), err, rtmp.CodePublishBadName, "at most 1024 are allowed")
		if player := s.playNamed(t, 1, name); !player.refusedAs(t, rtmp.CodePlayStreamNotFound) {
			t.Errorf("play a name of %d bytes: %v", len(name), player.err)
		}
	}
	_, err := s.publishNamed(t, 0, "")
	mustBeRefused(t, "no name", err, rtmp.CodePublishBadName, "the stream name is empty")
	if got := s.metric(t, "rtmpedge_publishes_total", "result", "bad_name"); got != 4 {
		t.Errorf("%v publishes are counted as bad_name, not 4", got)
	}
	if got := s.metric(t, "rtmpedge_plays_total", "result", "bad_name"); got != 3 {
		t.Errorf("%v plays are counted as bad_name, not 3", got)
	}
	if got := s.metric(t, "rtmpedge_zone_claims_total"); int(got) != len(names) {
		t.Errorf("%v claims are counted, not %d: the zone was asked for what is no name", got, len(names))
	}
}

// refusedAs waits for the player's end, and tells whether it was a refusal with that code.
func (p *player) refusedAs(t *testing.T, code string) bool {
	t.Helper()
	waitClosed(t, soon, p.name+": its end", p.ended)
	return statusCode(p.err) == code
}

// Of the bytes that a name may have over the wire, those are taken that print; a question mark ends the name.
func TestNamesOfEveryByte(t *testing.T) {
	t.Parallel()
	s := start(t, options{workers: 2})
	accepted, refused := 0, 0
	for c := range 256 {
		name := "x" + string([]byte{byte(c)}) + "y"
		p, err := s.publishNamed(t, c%2, name)
		if c < ' ' || c > '~' || c == '\\' {
			mustBeRefused(t, fmt.Sprintf("%q", name), err, rtmp.CodePublishBadName, "the stream name contains")
			refused++
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		accepted++
		if c == '?' {
			name = "x"
		}
		_, err = s.publishNamed(t, 1-c%2, name)
		mustBeRefused(t, fmt.Sprintf("%q again", name), err, rtmp.CodePublishBadName, "live/"+name+" is being published already")
		p.end()
	}
	if got := s.metric(t, "rtmpedge_publishes_total", "result", "bad_name"); int(got) != refused {
		t.Errorf("%v publishes are counted as bad_name, not %d", got, refused)
	}
	s.countedClaims(t, "taken", "taken", accepted)
	s.countedClaims(t, "ok", "ok", accepted)
}
