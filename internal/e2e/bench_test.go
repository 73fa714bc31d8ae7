package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The load generator and verifier against the whole server: more publishers than a worker reads from one by one, and players of all kinds on the
// owner's worker and on another one. It finds gaps, wrong bytes and ends by itself.
func TestBench(t *testing.T) {
	t.Parallel()
	streams := scaled(60, 20)
	s := start(t, options{workers: 2})
	publishing := exec.Command(serverBinary, "bench", "publish", s.rtmpURL(0, "live/many"), "--streams", fmt.Sprint(streams),
		"--bitrate", "200k", "--gop", "1s", "--duration", "5m", "--quiet", "--json", filepath.Join(t.TempDir(), "publish.json"))
	if err := publishing.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = publishing.Process.Kill()
		_ = publishing.Wait()
	})
	s.awaitStream(t, fmt.Sprintf("live/many%d", streams-1), func(_ streamInfo, found bool) string {
		if !found {
			return "not published"
		}
		return ""
	})
	for _, url := range []string{s.rtmpURL(0, "live/many"), s.rtmpURL(1, "live/many"), s.flvURL(0, "live/many{n}"), s.flvURL(1, "live/many{n}")} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), serverBinary, "bench", "play", url, "--streams", fmt.Sprint(streams),
				"--players", fmt.Sprint(2*streams), "--verify", fmt.Sprint(streams), "--join-rate", "5", "--duration", (3 * time.Second).String(), "--quiet").CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
