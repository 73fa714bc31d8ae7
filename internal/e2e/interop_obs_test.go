package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"
)

// OBS streams for a while with a configuration of the test, under an X server without a screen, and stops of itself. Every frame
// that it says it has sent arrives on another worker, where ffmpeg decodes it.
func TestInteropOBS(t *testing.T) {
	t.Parallel()
	const stream, owner, other = "live/obs", 0, 1
	s := start(t, options{live: "play_wait: 60s, republish_wait: 1s"})
	recorder, recorded := ffmpegRecord(t, s.rtmpURL(other, stream))
	near, far := watch(t, s.rtmpURL(owner, stream)), watch(t, s.rtmpURL(other, stream))
	s.awaitPlayers(t, stream, 3)

	obs := startOBS(t, s.rtmpURL(owner, "live"), "obs")
	waitFor(t, 4*soon, "the first frame from OBS", func() string {
		obs.mustRun()
		if len(far.videoFrames()) == 0 {
			return "none"
		}
		return ""
	})
	waitClosed(t, obsSeconds*time.Second+2*soon, "the end of OBS's stream", far.ended)
	near.awaitEnd(soon)
	recorder.wait(2 * soon)

	checkOBSFrames(t, near.videoFrames(), obs.awaitFramesSent())
	if diff := differentFrames(near.keptMessages(), far.keptMessages()); diff != "" {
		t.Errorf("on the publisher's worker and on another: %s", diff)
	}
	r := decode(t, recorded)
	if frames := len(far.videoFrames()); len(r.pictures) != frames {
		t.Errorf("ffmpeg decodes %d pictures of %d", len(r.pictures), frames)
	}
	r.hasSound(t, obsRate)
}

const (
	obsSeconds = 22 // OBS starts counting a little before its first frame
	obsAtLeast = 20
	obsRate    = 10
)

// checkOBSFrames looks at the timestamps, in milliseconds, of what OBS has published.
func checkOBSFrames(t *testing.T, frames []uint32, sent int) {
	t.Helper()
	// It counts some that it throws away when it stops.
	if len(frames) > sent || len(frames) < sent-obsRate/2 {
		t.Errorf("%d frames arrived, OBS has sent %d", len(frames), sent)
	}
	if length := frames[len(frames)-1] - frames[0]; length < obsAtLeast*1000 {
		t.Errorf("only %d ms of video", length)
	}
	for i := 1; i < len(frames); i++ {
		if frames[i] <= frames[i-1] {
			t.Errorf("the timestamp goes from %d to %d", frames[i-1], frames[i])
		}
	}
}

// An obs is a running OBS.
type obs struct{ *process }

// awaitFramesSent waits until OBS has stopped streaming, and returns how many frames it says it sent.
func (o *obs) awaitFramesSent() int {
	o.t.Helper()
	total := regexp.MustCompile(`'simple_stream': Total frames output: (\d+)`)
	var sent int
	waitFor(o.t, soon, "OBS's count of its frames", func() string {
		match := total.FindStringSubmatch(o.out.String())
		if match == nil {
			return "none in its log"
		}
		sent, _ = strconv.Atoi(match[1])
		return ""
	})
	return sent
}

// startOBS starts OBS, which begins to stream at once and stops after obsSeconds.
func startOBS(t testing.TB, server, key string) *obs {
	t.Helper()
	needs(t, "env", "obs", "Xvfb")
	home := t.TempDir()
	runtime := filepath.Join(home, "run") // Qt wants it private
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range obsFiles {
		file := filepath.Join(home, ".config", "obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := template.Must(template.New(name).Parse(content)).Execute(&text, map[string]any{
			"Server": server, "Key": key, "Seconds": obsSeconds, "Rate": obsRate,
		}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	display := startXvfb(t)
	// OBS looks for news of streaming services: the proxy keeps it from leaving the machine.
	return &obs{run(t, "env", "-i", "PATH="+os.Getenv("PATH"), "HOME="+home, "XDG_RUNTIME_DIR="+runtime, "LANG=C.UTF-8",
		"DISPLAY="+display, "LIBGL_ALWAYS_SOFTWARE=1", "https_proxy=http://127.0.0.1:9",
		"obs", "--startstreaming", "--multi", "--disable-updater", "--disable-missing-files-check")}
}
