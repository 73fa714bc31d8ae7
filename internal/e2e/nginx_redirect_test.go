package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// goLiveFrom publishes with timestamps from there on.
func (s *server) goLiveFrom(t testing.TB, worker int, stream string, timestamp uint32) *publisher {
	t.Helper()
	p := publish(t, s.rtmpURL(worker, stream))
	p.source.start, p.source.noMarkers = timestamp, true
	p.goLive()
	return p
}

// A player is given another stream, on whichever worker that is: on its connection, from a keyframe on, behind all of the old stream that was there.
func TestNginxRedirectSubscriber(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	x := s.goLiveFrom(t, 0, "live/x", 0)
	y := s.goLiveFrom(t, 1, "live/y", 100_000)
	var viewers []*player
	for _, place := range []int{0, 1, 2} {
		viewers = append(viewers, play(t, s.rtmpURL(place, "live/x"), keepAll))
	}
	flv := playFLV(t, s.flvURL(2, "live/x"))
	for _, v := range append(viewers, flv) {
		v.awaitRun(soon, x.source.run)
	}
	s.awaitClients(t, "x", 1, 4)
	s.nginx(t, 3, "redirect/subscriber?app=live&name=x&newname=y", "3") // an HTTP response is of one stream
	for _, v := range viewers {
		v.awaitRun(soon, y.source.run)
		v.awaitMore(soon, 20)
		v.check()
		v.statusMu.Lock()
		var codes []string
		for _, status := range v.statuses {
			codes = append(codes, status.Code)
		}
		v.statusMu.Unlock()
		if want := []string{rtmp.CodePlayReset, rtmp.CodePlayStart}; !slices.Equal(codes[max(0, len(codes)-2):], want) {
			t.Errorf("%s: statuses %v", v.name, codes)
		}
	}
	flv.check()
	s.awaitClients(t, "x", 1, 1)
	s.awaitClients(t, "y", 1, 3)
	// To where nobody publishes yet: it waits there.
	s.nginx(t, 3, "redirect/client?addr=127.0.0.1&name=nobody&newname=z", "0")
	s.nginx(t, 3, "redirect/subscriber?app=live&name=y&newname=z", "3")
	s.awaitClients(t, "z", 0, 3)
	z := s.goLiveFrom(t, 3, "live/z", 200_000)
	for _, v := range viewers {
		v.awaitRun(soon, z.source.run)
	}
	if status, body, err := s.call(3, http.MethodGet, "/control/redirect/subscriber?app=live&name=z&newname=.."); err != nil || status != http.StatusConflict {
		t.Errorf("to a bad name: %d %q %v", status, body, err)
	}
	for _, v := range viewers {
		v.awaitMore(soon, 20)
	}
	s.nginx(t, 2, "drop/client?app=live&name=z", "4") // one is as good as another
	for _, v := range viewers {
		v.awaitEnd(soon)
	}
}

// A publisher goes on under another name: who waits there gets it from a keyframe on, with the headers that were sent long ago. A name that is taken
// is refused, and nothing changes.
func TestNginxRedirectPublisher(t *testing.T) {
	t.Parallel()
	s := start(t, options{live: "republish_wait: 30s"})
	x := s.goLiveFrom(t, 0, "live/x", 5000)
	s.goLiveFrom(t, 1, "live/y", 0)
	there := play(t, s.rtmpURL(2, "live/x"))
	var waiting []*player
	for _, place := range []int{0, 1, 3} {
		waiting = append(waiting, play(t, s.rtmpURL(place, "live/new")))
	}
	there.awaitRun(soon, x.source.run)
	s.awaitClients(t, "new", 0, 3)

	status, body, err := s.call(2, http.MethodPost, "/control/redirect/publisher?app=live&name=x&newname=y")
	if err != nil || status != http.StatusConflict || !strings.Contains(string(body), "published already") {
		t.Errorf("to a taken name: %d %q %v", status, body, err)
	}
	there.awaitMore(soon, 20)

	s.nginx(t, 2, "redirect/publisher?app=live&name=x&newname=new", "1")
	for _, v := range waiting {
		v.awaitRun(soon, x.source.run)
		v.awaitMore(soon, 60)
		v.check()
	}
	s.awaitClients(t, "new", 1, 3)
	s.awaitClients(t, "x", 0, 1)
	again := s.goLiveFrom(t, 3, "live/x", 0)
	there.awaitRun(soon, again.source.run) // the old name is free, and its player still there
	s.nginx(t, 3, "drop/publisher?app=live&name=new", "1")
	if codes := x.told(soon); len(codes) == 0 {
		t.Error("the redirected publisher was not told of its end")
	}
}

// Real players go on, whichever of the streams began first.
func TestNginxRedirectRealPlayers(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	first := ffmpegPublish(t, s.rtmpURL(0, "live/first"))
	s.awaitClients(t, "first", 1, 0)
	ff := ffmpegPlay(t, s.rtmpURL(2, "live/first"), 1<<30)
	frames := filepath.Join(t.TempDir(), "frames.md5") // of decoded pictures
	decoder := run(t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-i", s.rtmpURL(1, "live/first"), "-map", "0:v", "-fps_mode", "passthrough",
		"-flush_packets", "1", "-f", "framemd5", frames)
	file := filepath.Join(t.TempDir(), "dump.flv")
	dump := run(t, "rtmpdump", "--quiet", "--live", "--rtmp", s.rtmpURL(3, "live/first"), "--flv", file)
	decoded := func() int {
		content, _ := os.ReadFile(frames)
		return strings.Count(string(content), "\n0,")
	}
	dumped := func() int {
		content, _ := os.ReadFile(file)
		return len(flvMessages(content))
	}
	more := func(what string) {
		t.Helper()
		packets, _ := ff.packets()
		a, b, c := len(packets["video"]), decoded(), dumped()
		waitFor(t, 3*soon, "three more seconds in each player: "+what, func() string {
			first.mustRun()
			ff.mustRun()
			decoder.mustRun()
			dump.mustRun()
			packets, _ := ff.packets()
			if x, y, z := len(packets["video"]), decoded(), dumped(); x < a+75 || y < b+75 || z < c+150 {
				return fmt.Sprintf("%d, %d and %d more", x-a, y-b, z-c)
			}
			return ""
		})
	}
	waitFor(t, 2*soon, "the first packets", func() string {
		if _, err := os.Stat(ff.file); err != nil || decoded() == 0 || dumped() == 0 {
			return "none"
		}
		return ""
	})
	s.awaitClients(t, "first", 1, 3)
	more("before")
	second := ffmpegPublish(t, s.rtmpURL(3, "live/second"))
	s.awaitClients(t, "second", 1, 0)
	s.nginx(t, 0, "redirect/subscriber?app=live&name=first&newname=second", "3")
	more("of a stream that began later")
	s.nginx(t, 0, "redirect/subscriber?app=live&name=second&newname=first", "3")
	more("of a stream that began earlier")
	s.nginx(t, 1, "redirect/publisher?app=live&name=first&newname=third", "1")
	s.nginx(t, 1, "redirect/subscriber?app=live&name=first&newname=third", "3")
	more("of a publisher that was redirected")
	second.mustRun()
}
