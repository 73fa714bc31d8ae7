package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// The interop tests run the programs that people use: each publishes and plays where it can, through a relay.
// docs/interop.md is the list of them. A program that is missing or does not work fails its test with what it said.

// A clip is an FLV file whose pictures all differ, so that a decoded picture tells which one it is.
type clip struct {
	file    string
	numbers map[string]int // checksum of a picture → its number
}

const (
	clipRate = 15 // pictures a second; one keyframe a second
	clipSize = "320x180"
)

// makeClip encodes so many seconds of H.264 and AAC into a file in dir.
func makeClip(t testing.TB, dir string, seconds int) *clip {
	t.Helper()
	c := &clip{file: filepath.Join(dir, "clip.flv"), numbers: map[string]int{}}
	args := slices.Concat([]string{"-hide_banner", "-nostdin", "-loglevel", "warning"}, testPicture, testSound,
		[]string{"-t", fmt.Sprint(seconds)}, encoders, []string{"-f", "flv", c.file})
	run(t, "ffmpeg", args...).wait(2 * soon)
	for i, sum := range decode(t, c.file).pictures {
		c.numbers[sum] = i
	}
	if len(c.numbers) != seconds*clipRate {
		t.Fatalf("%d different pictures in a clip of %d", len(c.numbers), seconds*clipRate)
	}
	return c
}

// What ffmpeg makes of nothing, and how it encodes it.
var (
	testPicture = []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%s:rate=%d", clipSize, clipRate)}
	testSound   = []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"}
	encoders    = []string{
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", fmt.Sprint(clipRate), "-sc_threshold", "0", "-b:v", "200k",
		"-c:a", "aac", "-b:a", "64k",
	}
)

// publish sends the clip in real time until it ends or is interrupted. Its metadata has no duration, as that of a live stream:
// rtmpdump calls a shorter download incomplete.
func (c *clip) publish(t testing.TB, url string) *process {
	t.Helper()
	return run(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning",
		"-re", "-i", c.file, "-c", "copy", "-flvflags", "no_duration_filesize", "-f", "flv", url)
}

// A span is a run of pictures of a clip without a gap, or without one that is more than is allowed: from one to before another.
type span struct{ from, to int }

// spans says which pictures of the clip a recording holds. The gaps may be allowed pictures long.
func (c *clip) spans(r recording, allowed int) ([]span, error) {
	var found []span
	for i, sum := range r.pictures {
		number, ok := c.numbers[sum]
		if !ok {
			return found, fmt.Errorf("picture %d is none of the clip; before it are %v", i, found)
		}
		if last := len(found) - 1; last >= 0 && found[last].to <= number && number <= found[last].to+allowed {
			found[last].to = number + 1
		} else {
			found = append(found, span{number, number + 1})
		}
	}
	return found, nil
}

// A recording is what a program got, decoded.
type recording struct {
	pictures []string // a checksum of each
	sound    time.Duration
}

// decode has ffmpeg decode a file, in which it must not find anything wrong.
func decode(t testing.TB, file string) recording {
	t.Helper()
	dir := t.TempDir()
	pictures, sound := filepath.Join(dir, "pictures.framemd5"), filepath.Join(dir, "sound.pcm")
	const sampleRate, sampleSize = 44100, 2
	p := run(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-xerror", "-i", file,
		"-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "framemd5", pictures,
		"-map", "0:a", "-af", "asetpts=N/SR/TB", "-f", "s16le", "-ar", fmt.Sprint(sampleRate), "-ac", "1", sound)
	p.wait(2 * soon)
	if said := p.out.String(); said != "" {
		t.Errorf("decoding %s: %s", file, said)
	}
	info, err := os.Stat(sound)
	if err != nil {
		t.Fatal(err)
	}
	r := recording{sound: time.Duration(info.Size()/sampleSize) * time.Second / sampleRate}
	f, err := os.Open(pictures)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := lines.Text(); line != "" && line[0] != '#' {
			r.pictures = append(r.pictures, line[strings.LastIndexByte(line, ',')+1:])
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

// hasSound fails the test unless there is about as much sound as the pictures last.
func (r *recording) hasSound(t testing.TB, rate int) {
	t.Helper()
	length := time.Duration(len(r.pictures)) * time.Second / time.Duration(rate)
	if (r.sound - length).Abs() > time.Second/2 {
		t.Errorf("%d pictures, which is %v, but %v of sound", len(r.pictures), length, r.sound)
	}
}

// watch plays with our own client, whatever the stream holds.
func watch(t testing.TB, url string) *player {
	t.Helper()
	return play(t, url, keepAll, func(p *player) { p.unchecked = true })
}

// videoFrames are the timestamps of the video frames a watching player got, in milliseconds.
func (p *player) videoFrames() []uint32 {
	var found []uint32
	for _, m := range p.keptMessages() {
		if isAVCFrame(&m) {
			found = append(found, m.Timestamp)
		}
	}
	return found
}

// isAVCFrame tells a frame from sequence headers and ends (FLV 10.1, E.4.3.1).
func isAVCFrame(m *rtmp.Message) bool {
	const nalu = 1 // AVC packet type
	return m.Type == rtmp.TypeVideo && len(m.Payload) > 1 && m.Payload[1] == nalu
}

// awaitVideo waits for so many more seconds of video, by its timestamps.
func (p *player) awaitVideo(within time.Duration, seconds uint32) {
	p.t.Helper()
	begin := uint32(0)
	if frames := p.videoFrames(); len(frames) > 0 {
		begin = frames[len(frames)-1]
	}
	waitFor(p.t, within, fmt.Sprintf("%s: %d more seconds of video", p.name, seconds), func() string {
		frames := p.videoFrames()
		if len(frames) == 0 {
			return "none so far"
		}
		if got := frames[len(frames)-1] - begin; got < seconds*1000 {
			return fmt.Sprintf("%d ms", got)
		}
		return ""
	})
}
