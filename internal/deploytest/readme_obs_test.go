package deploytest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// obsProfile is what OBS writes of the README's settings: Output in advanced mode, a keyframe interval in whole seconds, and x264 options.
var obsProfile = map[string]string{
	"global.ini": "[General]\nFirstRun=true\nLastVersion=486539266\nEnableAutoUpdates=false\n[Basic]\nProfile=test\nProfileDir=test\n" +
		"SceneCollection=test\nSceneCollectionFile=test\n[OBSWebSocket]\nFirstLoad=false\nServerEnabled=false\n",
	"basic/profiles/test/basic.ini": "[General]\nName=test\n[Video]\nBaseCX=320\nBaseCY=180\nOutputCX=320\nOutputCY=180\nFPSCommon=30\n" +
		"[Output]\nMode=Advanced\n[AdvOut]\nEncoder=obs_x264\nTrackIndex=1\n",
	"basic/profiles/test/streamEncoder.json": `{"rate_control": "CBR", "bitrate": 300, "keyint_sec": 2, "preset": "ultrafast", "x264opts": "OPTIONS"}`,
	"basic/profiles/test/service.json":       `{"type": "rtmp_custom", "settings": {"server": "SERVER", "key": "KEY", "use_auth": false}}`,
	"basic/scenes/test.json": `{"name": "test", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": [{"name": "Scene"}], "sources": [
		{"id": "color_source", "versioned_id": "color_source_v3", "name": "Color", "settings": {"color": 4278255360, "width": 320, "height": 180}},
		{"id": "scene", "versioned_id": "scene", "name": "Scene", "settings": {"id_counter": 1, "custom_size": false, "items": [
			{"name": "Color", "id": 1, "visible": true, "pos": {"x": 0, "y": 0}, "scale": {"x": 1, "y": 1}}]}}]}`,
}

// TestREADMEOBS has OBS publish with the README's server, stream key and x264 options: a keyframe comes every 1.5 s.
func TestREADMEOBS(t *testing.T) {
	t.Parallel()
	rows := strings.Join(readDocument(t, readme).section(readmePublish).prose, "\n")
	r := newRoot(t)
	site := &readmeSite{t: t, r: r, dir: t.TempDir(), client: &http.Client{Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true}, Timeout: 10 * time.Second}}
	server := site.outside("env RTMPEDGE_RUN_DIR=" + filepath.Join(site.dir, "run") + " " + binary(t) + " run")
	defer site.tell("the server", server)
	site.awaitServer()

	home := filepath.Join(site.dir, "home")
	fill := strings.NewReplacer("SERVER", said(t, rows, "Server: `(rtmp:[^`]+)`"), "KEY", "obs", "OPTIONS", said(t, rows, "x264 options: `([^`]+)`"))
	for name, text := range obsProfile {
		file := filepath.Join(home, "obs-studio", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, file, fill.Replace(text))
	}
	obs := site.outside("env XDG_CONFIG_HOME=" + home + " DISPLAY=" + screen(t) + " LIBGL_ALWAYS_SOFTWARE=1 obs --startstreaming --multi --disable-updater")
	defer site.tell("obs", obs)
	interval := 0.0
	await(t, "two keyframes of OBS", func() bool {
		interval = site.keyframeInterval("obs")
		return interval > 0
	})
	_ = obs.cmd.Cancel() // it asks, before it ends
	if interval != 1.5 {
		t.Errorf("a keyframe every %v s, want 1.5", interval)
	}
}

// said returns what the document says.
func said(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s says nothing like %s", readme, pattern)
	}
	return m[1]
}

// screen starts a display that nobody sees, and returns its name.
func screen(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	number, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

// keyframeInterval is the distance of a stream's keyframes in seconds, or 0.
func (s *readmeSite) keyframeInterval(name string) float64 {
	var answer struct {
		Stream struct {
			Media struct {
				GOP struct {
					Interval float64 `json:"keyframe_interval"`
				} `json:"gop"`
			} `json:"media"`
		} `json:"stream"`
	}
	if json.Unmarshal([]byte(s.get("/api/v1/streams/live/"+name)), &answer) != nil {
		return 0
	}
	return answer.Stream.Media.GOP.Interval
}
