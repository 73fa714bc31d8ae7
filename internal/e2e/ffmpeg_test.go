package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// ffmpegPublish publishes H.264 and AAC in real time, one keyframe a second, until the test or the caller ends it.
func ffmpegPublish(t testing.TB, url string) *process {
	t.Helper()
	return run(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning",
		"-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-b:v", "300k",
		"-c:a", "aac", "-b:a", "64k", "-f", "flv", url)
}

// An ffmpegPlayer writes a line for each packet it got, with its timestamps, size and MD5.
type ffmpegPlayer struct {
	*process
	file string
}

// ffmpegPlay plays until it has the given number of video frames.
func ffmpegPlay(t testing.TB, url string, frames int) *ffmpegPlayer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "packets.framemd5")
	p := run(t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-rw_timeout", "30000000",
		"-copyts", "-i", url, "-map", "0:v", "-map", "0:a", "-c", "copy", "-frames:v", fmt.Sprint(frames), "-flush_packets", "1",
		"-f", "framemd5", file)
	return &ffmpegPlayer{process: p, file: file}
}

// packetLine is one line of ffmpeg's framemd5: a packet's timestamps, size and MD5.
type packetLine struct {
	dts  int64
	rest string // pts, size, MD5; not the duration, which ffmpeg guesses
}

// packets parses what was received, per elementary stream, and the sums of the sequence headers.
func (p *ffmpegPlayer) packets() (found map[string][]packetLine, headers map[string]string) {
	p.t.Helper()
	f, err := os.Open(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	media := map[string]string{} // number in the file → kind: the two need not be numbered alike in two files
	found, headers = map[string][]packetLine{}, map[string]string{}
	extradata := map[string]string{} // number in the file → size and sum
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if kind, ok := strings.CutPrefix(line, "#media_type "); ok {
			number, name, _ := strings.Cut(kind, ": ")
			media[number] = name
		}
		if header, ok := strings.CutPrefix(line, "#extradata "); ok {
			number, sum, _ := strings.Cut(strings.ReplaceAll(header, " ", ""), ",")
			extradata[number] = sum
		}
		if line == "" || line[0] == '#' {
			continue
		}
		// stream#, dts, pts, duration, size, MD5
		fields := strings.Split(strings.ReplaceAll(line, " ", ""), ",")
		const md5Length = 32
		if len(fields) < 6 || len(fields[5]) < md5Length {
			break // still being written
		}
		var packet packetLine
		if _, err := fmt.Sscan(fields[1], &packet.dts); err != nil {
			p.t.Fatalf("framemd5: %q: %v", line, err)
		}
		packet.rest = fields[2] + "," + strings.Join(fields[4:], ",")
		kind := media[fields[0]]
		found[kind] = append(found[kind], packet)
	}
	if err := lines.Err(); err != nil {
		p.t.Fatal(err)
	}
	for number, sum := range extradata {
		headers[media[number]] = sum
	}
	return found, headers
}

// samePackets fails the test unless two players got the same packets in the time that both watched.
func samePackets(t testing.TB, a, b *ffmpegPlayer) {
	t.Helper()
	left, leftHeaders := a.packets()
	right, rightHeaders := b.packets()
	if len(leftHeaders) != 2 || !maps.Equal(leftHeaders, rightHeaders) {
		t.Errorf("sequence headers differ or are missing: %v and %v", leftHeaders, rightHeaders)
	}
	for _, kind := range []string{"video", "audio"} {
		x, y := left[kind], right[kind]
		if len(x) == 0 || len(y) == 0 {
			t.Errorf("%s: %d and %d packets", kind, len(x), len(y))
			continue
		}
		first := max(x[0].dts, y[0].dts)
		last := min(x[len(x)-1].dts, y[len(y)-1].dts)
		x, y = between(x, first, last), between(y, first, last)
		if len(x) < 20 {
			t.Errorf("%s: only %d packets in common", kind, len(x))
		}
		if !slices.Equal(x, y) {
			t.Errorf("%s: different packets between %d and %d ms: %s", kind, first, last, firstDifference(x, y))
		}
	}
}

func between(packets []packetLine, first, last int64) []packetLine {
	var within []packetLine
	for _, p := range packets {
		if first <= p.dts && p.dts <= last {
			within = append(within, p)
		}
	}
	return within
}

func firstDifference(x, y []packetLine) string {
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("number %d: %v and %v", i, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d and %d packets", len(x), len(y))
}

// check fails the test when a player got fewer packets of a kind, or timestamps that step back.
func (p *ffmpegPlayer) check(frames int) {
	p.t.Helper()
	found, _ := p.packets()
	if got := len(found["video"]); got < frames {
		p.t.Errorf("%d video packets instead of %d", got, frames)
	}
	// Metadata at the wrong time makes ffmpeg invent a stream.
	if said := p.out.String(); phantom.MatchString(said) {
		p.t.Errorf("streams that nobody published:\n%s", said)
	}
	// ffmpeg mends what steps back, and says so.
	if strings.Contains(p.out.String(), "Non-monoton") {
		p.t.Errorf("timestamps step back:\n%s", p.out.String())
	}
	for kind, packets := range found {
		for i := 1; i < len(packets); i++ {
			if packets[i].dts < packets[i-1].dts {
				p.t.Errorf("%s: the timestamp steps back from %d to %d", kind, packets[i-1].dts, packets[i].dts)
			}
		}
	}
}

// phantom is how ffmpeg tells of streams that are neither video nor audio.
var phantom = regexp.MustCompile(`(?i)(subtitle|data): |new \w+ stream`)

// awaitFrames waits until the player has written so many video frames.
func (p *ffmpegPlayer) awaitFrames(within time.Duration, frames int) {
	p.t.Helper()
	waitFor(p.t, within, fmt.Sprintf("%d video frames in %s", frames, p.file), func() string {
		if _, err := os.Stat(p.file); err != nil {
			return err.Error()
		}
		found, _ := p.packets()
		if got := len(found["video"]); got < frames {
			return fmt.Sprintf("%d frames", got)
		}
		return ""
	})
}

// ffmpegTime bounds how long a player may take for a number of frames, start included.
func ffmpegTime(frames int) time.Duration {
	return 2*soon + time.Duration(frames)*40*time.Millisecond
}
