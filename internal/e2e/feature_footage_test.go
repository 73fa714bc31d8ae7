package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// Footage is six seconds of real H.264, with a keyframe each second, and AAC. Timestamps begin at about 0.
type footage struct {
	headers []rtmp.Message // metadata and sequence headers
	frames  []rtmp.Message // the rest
}

// Times in footage, in milliseconds.
const (
	soonAfterStart = 200
	eventAt        = 2500 // in the middle of a GOP
	soonAfter      = 2700 // in the same
	longAfter      = 4500
)

const footageWidth, footageHeight = 320, 180

// shoot has ffmpeg encode footage, with B-frames.
func shoot(t testing.TB) *footage {
	t.Helper()
	file := filepath.Join(t.TempDir(), "recording.flv")
	run(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=25", footageWidth, footageHeight), "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "6", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p",
		"-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-b:v", "300k", "-c:a", "aac", "-b:a", "64k", "-f", "flv", file).wait(2 * soon)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &footage{}
	for _, m := range flvMessages(content) {
		if isHeader(&m) {
			r.headers = append(r.headers, m)
		} else {
			r.frames = append(r.frames, m)
		}
	}
	if len(r.headers) != 3 || len(r.frames) < 300 {
		t.Fatalf("%d headers and %d frames are recorded", len(r.headers), len(r.frames))
	}
	return r
}

func isHeader(m *rtmp.Message) bool {
	return m.Type == rtmp.TypeData || m.Type == rtmp.TypeVideo && bytes.HasPrefix(m.Payload, []byte{0x17, 0}) ||
		m.Type == rtmp.TypeAudio && bytes.HasPrefix(m.Payload, []byte{0xaf, 0})
}
